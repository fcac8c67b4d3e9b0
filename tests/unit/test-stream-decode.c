/*
 * StreamDecoder: every frame, every refusal, every prefix, every flipped bit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "stream-builder.h"
#include "trace-data/stream-decode.h"

typedef struct Outcome {
    StreamStatus status; /* the one that ended it */
    guint frames;
    guint types[TRACE_FRAME_END + 1];
    size_t offset;
} Outcome;

/*
 * Decode from a copy of exactly the given size, so that a sanitizer sees any
 * read beyond it; touch all that a frame gives.
 */
static Outcome decode_with(const Limits *limits, const guint8 *bytes,
                           size_t size)
{
    g_autofree guint8 *copy = g_memdup2(bytes, size);
    Outcome outcome = {.status = STREAM_FRAME};
    StreamDecoder decoder;
    StreamFrame frame;
    size_t used;

    stream_decoder_init(&decoder, limits);
    while (outcome.status == STREAM_FRAME) {
        guint8 *rest = copy ? copy + outcome.offset : NULL;

        outcome.status =
            stream_decode(&decoder, rest, size - outcome.offset, &frame, &used);
        if (outcome.status != STREAM_FRAME) {
            g_assert_cmpuint(used, ==, 0);
            break;
        }
        g_assert_cmpuint(used, >=, sizeof(TraceFrameHeader));
        g_assert_cmpuint(used % TRACE_STREAM_ALIGN_BYTES, ==, 0);
        g_assert_cmpuint(used, <=, size - outcome.offset);
        g_assert_true(frame.payload >= copy + outcome.offset);
        g_assert_true(frame.payload + frame.length_bytes <= copy + size);
        if (frame.type == TRACE_FRAME_META) {
            g_assert_true(frame.meta_text + frame.meta_text_bytes ==
                          (char *)frame.payload + frame.length_bytes);
            g_assert_cmpuint(strlen(frame.meta_name), <, 65536);
        }
        outcome.offset += used;
        outcome.frames++;
        outcome.types[frame.type]++;
    }
    if (outcome.status == STREAM_NEED_MORE) {
        g_assert_cmpuint(decoder.need_bytes, >, size - outcome.offset);
        g_assert_cmpuint(decoder.need_bytes, <=, STREAM_MAX_FRAME_BYTES);
    }
    return outcome;
}

static Outcome decode(const guint8 *bytes, size_t size)
{
    return decode_with(&limits_default, bytes, size);
}

static StreamStatus status_of(const StreamBuilder *builder)
{
    return decode(builder->bytes->data, builder->bytes->len).status;
}

static void assert_status(const StreamBuilder *builder, StreamStatus expected)
{
    g_assert_cmpstr(stream_status_text(status_of(builder)), ==,
                    stream_status_text(expected));
}

static void test_whole(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    Outcome outcome = decode(builder->bytes->data, builder->bytes->len);

    g_assert_cmpint(outcome.status, ==, STREAM_END);
    g_assert_cmpuint(outcome.offset, ==, builder->bytes->len);
    g_assert_cmpuint(outcome.types[TRACE_FRAME_HELLO], ==, 1);
    g_assert_cmpuint(outcome.types[TRACE_FRAME_META], ==, 11);
    g_assert_cmpuint(outcome.types[TRACE_FRAME_PAGE], ==, 5);
    g_assert_cmpuint(outcome.types[TRACE_FRAME_LOSS], ==, 1);
    g_assert_cmpuint(outcome.types[TRACE_FRAME_END], ==, 1);
}

static void test_members(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    StreamDecoder decoder;
    StreamFrame frame;
    size_t used;
    guint at;

    build_hello(builder);
    stream_decoder_init(&decoder, &limits_default);
    g_assert_cmpint(stream_decode(&decoder, builder->bytes->data,
                                  builder->bytes->len, &frame, &used),
                    ==, STREAM_FRAME);
    g_assert_cmpuint(decoder.cpu_count, ==, 2);
    g_assert_cmpuint(decoder.page_bytes, ==, BUILDER_PAGE_BYTES);
    g_assert_cmpstr(stream_frame_hello(&frame).release, ==, "6.1.0-test");
    g_assert_cmpuint(stream_frame_hello_cpu(&frame, 1).cpu, ==, 3);
    g_assert_cmpuint(stream_frame_hello_cpu(&frame, 1).apic_id, ==, 6);

    at = build_meta(builder, TRACE_META_EVENT_FORMAT, "a/b", "text");
    g_assert_cmpint(stream_decode(&decoder, builder->bytes->data + at,
                                  builder->bytes->len - at, &frame, &used),
                    ==, STREAM_FRAME);
    g_assert_cmpstr(frame.meta_name, ==, "a/b");
    g_assert_cmpmem(frame.meta_text, frame.meta_text_bytes, "text", 4);

    at = build_loss(builder, 3, 42);
    g_assert_cmpint(stream_decode(&decoder, builder->bytes->data + at,
                                  builder->bytes->len - at, &frame, &used),
                    ==, STREAM_FRAME);
    g_assert_cmpuint(stream_frame_stats(&frame, 0).overrun_events, ==, 42);
}

static void test_prefixes(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();

    for (guint size = 0; size < builder->bytes->len; size++) {
        Outcome outcome = decode(builder->bytes->data, size);

        g_assert_cmpint(outcome.status, ==, STREAM_NEED_MORE);
    }
}

/* Whatever is flipped, it ends, inside its bytes. */
static void test_flips(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    guint8 *bytes = builder->bytes->data;

    for (guint i = 0; i < builder->bytes->len; i++) {
        for (guint bit = 0; bit < 9; bit++) {
            guint8 mask = bit < 8 ? (guint8)(1 << bit) : 0xff;

            bytes[i] ^= mask;
            decode(bytes, builder->bytes->len);
            bytes[i] ^= mask;
        }
    }
    assert_status(builder, STREAM_END);
}

/* One member of a good stream's HELLO is changed. */
typedef struct BadHello {
    const char *name;
    size_t offset;
    uint32_t value;
    StreamStatus expected;
} BadHello;

static void test_bad_hello(void)
{
    static const BadHello cases[] = {
        {"version", offsetof(TraceHello, version), 2, STREAM_BAD_VERSION},
        {"tiny page", offsetof(TraceHello, page_bytes), 2048,
         STREAM_BAD_PAGE_SIZE},
        {"no page", offsetof(TraceHello, page_bytes), 0, STREAM_BAD_PAGE_SIZE},
        {"odd page", offsetof(TraceHello, page_bytes), 4097,
         STREAM_BAD_PAGE_SIZE},
        {"huge page", offsetof(TraceHello, page_bytes), 1 << 20,
         STREAM_BAD_PAGE_SIZE},
        {"long", offsetof(TraceHello, long_bytes), 16, STREAM_BAD_LONG_SIZE},
        {"no CPU", offsetof(TraceHello, cpu_count), 0, STREAM_BAD_CPU_COUNT},
        {"too many CPUs", offsetof(TraceHello, cpu_count),
         TRACE_STREAM_MAX_CPUS + 1, STREAM_BAD_CPU_COUNT},
        {"a CPU more", offsetof(TraceHello, cpu_count), 3, STREAM_BAD_LENGTH},
        {"a CPU less", offsetof(TraceHello, cpu_count), 1, STREAM_BAD_LENGTH},
        {"a CPU twice", sizeof(TraceHello) + 8, 0, STREAM_BAD_CPU},
        {"a high CPU", sizeof(TraceHello) + 8, TRACE_STREAM_MAX_CPUS,
         STREAM_BAD_CPU},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(StreamBuilder) builder = stream_builder_new();

        g_test_message("%s", cases[i].name);
        build_hello(builder);
        memcpy(builder->bytes->data + sizeof(TraceFrameHeader) +
                   cases[i].offset,
               &cases[i].value, sizeof(cases[i].value));
        assert_status(builder, cases[i].expected);
    }
}

/* What is at a limit that was set is taken, and what is above it isn't. */
static void test_set_limits(void)
{
    static const struct {
        size_t offset;
        uint64_t enough;
        StreamStatus below;
    } cases[] = {
        {offsetof(Limits, cpus), 2, STREAM_TOO_MANY_CPUS},
        {offsetof(Limits, page_bytes), BUILDER_PAGE_BYTES,
         STREAM_PAGE_TOO_LARGE},
        {offsetof(Limits, frame_bytes),
         sizeof(TraceHello) + 2 * sizeof(TraceHelloCpu),
         STREAM_FRAME_TOO_LARGE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(StreamBuilder) builder = stream_builder_new();
        Limits limits = limits_default;
        uint64_t *limit = (uint64_t *)((char *)&limits + cases[i].offset);

        build_hello(builder);
        *limit = cases[i].enough;
        g_assert_cmpint(decode_with(&limits, builder->bytes->data,
                                    builder->bytes->len)
                            .status,
                        ==, STREAM_NEED_MORE);
        *limit = cases[i].enough - 1;
        g_assert_cmpint(decode_with(&limits, builder->bytes->data,
                                    builder->bytes->len)
                            .status,
                        ==, cases[i].below);
    }
}

static void test_bad_strings(void)
{
    g_autoptr(StreamBuilder) id = stream_builder_new();
    g_autoptr(StreamBuilder) string = stream_builder_new();

    id->hello.trace_id = 0;
    build_hello(id);
    assert_status(id, STREAM_BAD_TRACE_ID);
    memset(string->hello.clock, 'x', sizeof(string->hello.clock));
    build_hello(string);
    assert_status(string, STREAM_BAD_STRING);
}

/* One 32-bit word of a frame is changed. */
static void poke(StreamBuilder *builder, guint at, uint32_t value)
{
    memcpy(builder->bytes->data + at, &value, sizeof(value));
}

static void test_bad_header(void)
{
    static const struct {
        size_t offset;
        uint32_t value;
        StreamStatus expected;
    } cases[] = {
        {offsetof(TraceFrameHeader, magic), 1, STREAM_BAD_MAGIC},
        {offsetof(TraceFrameHeader, type), 0, STREAM_BAD_TYPE},
        {offsetof(TraceFrameHeader, type), 6, STREAM_BAD_TYPE},
        {offsetof(TraceFrameHeader, type), 3 | 1 << 16, STREAM_BAD_FLAGS},
        {offsetof(TraceFrameHeader, type), 1, STREAM_SECOND_HELLO},
        {offsetof(TraceFrameHeader, cpu), 1, STREAM_BAD_CPU},
        {offsetof(TraceFrameHeader, cpu), UINT32_MAX, STREAM_BAD_CPU},
        {offsetof(TraceFrameHeader, length_bytes), 15, STREAM_BAD_LENGTH},
        {offsetof(TraceFrameHeader, length_bytes),
         TRACE_STREAM_MAX_PAYLOAD_BYTES + 1, STREAM_BAD_LENGTH},
        {offsetof(TraceFrameHeader, length_bytes), 39, STREAM_BAD_PADDING},
        {offsetof(TraceFrameHeader, sequence), 2, STREAM_BAD_SEQUENCE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(StreamBuilder) builder = stream_builder_new();
        guint at;

        build_hello(builder);
        at = build_page(builder, 0, 1000, 3);
        /* Not a zero where a shorter length would have its padding. */
        builder->bytes->data[builder->bytes->len - 1] = 1;
        assert_status(builder, STREAM_NEED_MORE);
        poke(builder, at + (guint)cases[i].offset, cases[i].value);
        g_test_message("case %u", i);
        assert_status(builder, cases[i].expected);
    }
}

static void test_bad_page(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    guint8 page[BUILDER_PAGE_BYTES + 8] = {0};

    build_hello(builder);
    build_frame(builder, TRACE_FRAME_PAGE, 0, page, BUILDER_PAGE_BYTES);
    assert_status(builder, STREAM_NEED_MORE);
    build_frame(builder, TRACE_FRAME_PAGE, 0, page, BUILDER_PAGE_BYTES + 1);
    assert_status(builder, STREAM_BAD_LENGTH);
}

static void test_bad_meta(void)
{
    static const struct {
        TraceMeta meta;
        const char *rest;
        size_t size;
        StreamStatus expected;
    } cases[] = {
        {{.kind = 3, .name_bytes = 4}, "a/b", 4, STREAM_NEED_MORE},
        {{.kind = 99, .name_bytes = 0}, "any", 3, STREAM_NEED_MORE},
        {{.kind = 3, .name_bytes = 5}, "a/b", 4, STREAM_BAD_LENGTH},
        {{.kind = 3, .name_bytes = 3}, "a/b", 4, STREAM_BAD_STRING},
        {{.kind = 3, .name_bytes = 4}, "a\0b", 4, STREAM_BAD_STRING},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(StreamBuilder) builder = stream_builder_new();
        guint8 payload[64] = {0};

        memcpy(payload, &cases[i].meta, sizeof(TraceMeta));
        memcpy(payload + sizeof(TraceMeta), cases[i].rest, cases[i].size);
        build_hello(builder);
        build_frame(builder, TRACE_FRAME_META, TRACE_STREAM_NO_CPU, payload,
                    sizeof(TraceMeta) + cases[i].size);
        g_test_message("case %u", i);
        assert_status(builder, cases[i].expected);
    }
}

static void test_bad_order(void)
{
    g_autoptr(StreamBuilder) early = stream_builder_new();
    g_autoptr(StreamBuilder) late = stream_builder_new_whole();

    build_page(early, 0, 1000, 1);
    assert_status(early, STREAM_NO_HELLO);
    build_page(late, 0, 1000, 1);
    assert_status(late, STREAM_AFTER_END);
}

static void test_bad_stats(void)
{
    g_autoptr(StreamBuilder) loss = stream_builder_new();
    g_autoptr(StreamBuilder) end = stream_builder_new();
    guint at;

    build_hello(loss);
    at = build_loss(loss, 3, 1);
    poke(loss, at + sizeof(TraceFrameHeader), 0);
    assert_status(loss, STREAM_BAD_CPU);

    build_hello(end);
    at = build_end(end);
    assert_status(end, STREAM_END);
    poke(end, at + sizeof(TraceFrameHeader), 3); /* CPU 3 twice, 0 never */
    assert_status(end, STREAM_BAD_CPU);
    poke(end, at + offsetof(TraceFrameHeader, length_bytes),
         sizeof(TraceCpuStats));
    assert_status(end, STREAM_BAD_LENGTH);
}

/* Sequence numbers, so that what is fuzzed gets beyond the header checks. */
static void test_random(void)
{
    for (guint round = 0; round < 20000; round++) {
        g_autoptr(StreamBuilder) builder = stream_builder_new();
        guint8 payload[256];

        build_hello(builder);
        for (guint i = 0; i < 4; i++) {
            guint size = g_test_rand_int_range(0, sizeof(payload));

            for (guint j = 0; j < size; j++) {
                payload[j] = (guint8)g_test_rand_int_range(0, 4);
            }
            build_frame(builder, g_test_rand_int_range(1, 6),
                        g_test_rand_int_range(-1, 4), payload, size);
        }
        decode(builder->bytes->data, builder->bytes->len);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-decode/whole", test_whole);
    g_test_add_func("/stream-decode/members", test_members);
    g_test_add_func("/stream-decode/prefixes", test_prefixes);
    g_test_add_func("/stream-decode/flips", test_flips);
    g_test_add_func("/stream-decode/bad-hello", test_bad_hello);
    g_test_add_func("/stream-decode/set-limits", test_set_limits);
    g_test_add_func("/stream-decode/bad-strings", test_bad_strings);
    g_test_add_func("/stream-decode/bad-header", test_bad_header);
    g_test_add_func("/stream-decode/bad-page", test_bad_page);
    g_test_add_func("/stream-decode/bad-meta", test_bad_meta);
    g_test_add_func("/stream-decode/bad-order", test_bad_order);
    g_test_add_func("/stream-decode/bad-stats", test_bad_stats);
    g_test_add_func("/stream-decode/random", test_random);
    return g_test_run();
}
