/*
 * StreamBuilder: trace streams for tests, good and bad ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stream-builder.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

StreamBuilder *stream_builder_new(void)
{
    StreamBuilder *builder = g_new0(StreamBuilder, 1);

    builder->bytes = g_byte_array_new();
    builder->hello = (TraceHello){
        .version = TRACE_STREAM_VERSION,
        .page_bytes = BUILDER_PAGE_BYTES,
        .cpu_count = 2,
        .long_bytes = 8,
        .trace_id = BUILDER_TRACE_ID,
        .boot_id = "3b1d6f0e-0000-4000-8000-000000000000",
        .clock = "x86-tsc",
        .release = "6.1.0-test",
        .hostname = "guest1",
    };
    builder->cpus[0] = (TraceHelloCpu){.cpu = 0, .apic_id = 0};
    builder->cpus[1] = (TraceHelloCpu){.cpu = 3, .apic_id = 6};
    return builder;
}

void stream_builder_free(StreamBuilder *builder)
{
    if (builder) {
        g_byte_array_unref(builder->bytes);
        g_free(builder);
    }
}

guint build_frame(StreamBuilder *builder, TraceFrameType type, uint32_t cpu,
                  const void *payload, size_t size)
{
    guint start = builder->bytes->len;
    TraceFrameHeader header = {
        .magic = TRACE_STREAM_MAGIC,
        .type = (uint16_t)type,
        .cpu = cpu,
        .length_bytes = (uint32_t)size,
        .sequence = builder->sequence++,
    };
    static const guint8 zeros[TRACE_STREAM_ALIGN_BYTES];

    g_byte_array_append(builder->bytes, (const guint8 *)&header,
                        sizeof(header));
    g_byte_array_append(builder->bytes, payload, (guint)size);
    g_byte_array_append(builder->bytes, zeros,
                        (guint)(-size % TRACE_STREAM_ALIGN_BYTES));
    return start;
}

guint build_hello(StreamBuilder *builder)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    guint count = MIN(builder->hello.cpu_count, G_N_ELEMENTS(builder->cpus));

    g_byte_array_append(payload, (const guint8 *)&builder->hello,
                        sizeof(builder->hello));
    g_byte_array_append(payload, (const guint8 *)builder->cpus,
                        count * sizeof(TraceHelloCpu));
    return build_frame(builder, TRACE_FRAME_HELLO, TRACE_STREAM_NO_CPU,
                       payload->data, payload->len);
}

guint build_meta(StreamBuilder *builder, TraceMetaKind kind, const char *name,
                 const char *text)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    TraceMeta meta = {
        .kind = (uint16_t)kind,
        .name_bytes = (uint16_t)(name ? strlen(name) + 1 : 0),
    };

    g_byte_array_append(payload, (const guint8 *)&meta, sizeof(meta));
    g_byte_array_append(payload, (const guint8 *)name, meta.name_bytes);
    g_byte_array_append(payload, (const guint8 *)text, (guint)strlen(text));
    return build_frame(builder, TRACE_FRAME_META, TRACE_STREAM_NO_CPU,
                       payload->data, payload->len);
}

guint build_page(StreamBuilder *builder, uint32_t cpu, uint64_t ticks,
                 unsigned count)
{
    /* Time, commit, then events: type_len 1 (4 bytes of data), delta 1. */
    uint32_t page[BUILDER_PAGE_BYTES / 4] = {0};
    uint64_t commit = count * 8;

    memcpy(page, &ticks, 8);
    memcpy(page + 2, &commit, 8);
    for (unsigned i = 0; i < count; i++) {
        page[4 + 2 * i] = 1 | 1 << 5;
        page[5 + 2 * i] = 900; /* the event's id, no flags */
    }
    builder->pages[cpu]++;
    return build_frame(builder, TRACE_FRAME_PAGE, cpu, page, 16 + commit);
}

static TraceCpuStats stats_of(const StreamBuilder *builder, uint32_t cpu)
{
    return (TraceCpuStats){
        .cpu = cpu,
        .read_events = 100 + cpu,
        .overrun_events = 200 + cpu,
        .commit_overrun_events = 300 + cpu,
        .dropped_events = 400 + cpu,
        .unread_events = 500 + cpu,
        .pages = builder->pages[cpu],
    };
}

guint build_loss(StreamBuilder *builder, uint32_t cpu, uint64_t overrun)
{
    TraceCpuStats stats = {.cpu = cpu, .overrun_events = overrun};

    return build_frame(builder, TRACE_FRAME_LOSS, cpu, &stats, sizeof(stats));
}

guint build_end(StreamBuilder *builder)
{
    TraceCpuStats stats[G_N_ELEMENTS(builder->cpus)];
    guint count = MIN(builder->hello.cpu_count, G_N_ELEMENTS(stats));

    for (guint i = 0; i < count; i++) {
        stats[i] = stats_of(builder, builder->cpus[i].cpu);
    }
    return build_frame(builder, TRACE_FRAME_END, TRACE_STREAM_NO_CPU, stats,
                       count * sizeof(stats[0]));
}

StreamBuilder *stream_builder_new_whole(void)
{
    StreamBuilder *builder = stream_builder_new();

    build_hello(builder);
    build_meta(builder, TRACE_META_HEADER_PAGE, NULL, "header page text\n");
    build_meta(builder, TRACE_META_HEADER_EVENT, NULL, "header event text\n");
    build_meta(builder, TRACE_META_EVENT_FORMAT, "ftrace/print", "print 1, ");
    build_meta(builder, TRACE_META_EVENT_FORMAT, "ftrace/print", "print 2");
    build_meta(builder, TRACE_META_EVENT_FORMAT, "sched/one", "one");
    build_meta(builder, TRACE_META_EVENT_FORMAT, "irq/two", "two");
    build_meta(builder, TRACE_META_EVENT_FORMAT, "sched/three", "three");
    build_page(builder, 3, 1000, 3);
    build_meta(builder, TRACE_META_KALLSYMS, NULL, "ffffffff81000000 T _text");
    build_page(builder, 0, 2000, 4);
    build_loss(builder, 3, 77);
    build_page(builder, 0, 3000, 5);
    build_page(builder, 3, 4000, 6);
    build_page(builder, 3, 5000, 7);
    build_meta(builder, TRACE_META_PRINTK_FORMATS, NULL, "0x1 : \"x\"\n");
    build_meta(builder, TRACE_META_CMDLINES, NULL, "7 old\n12 bash\n7 new\n");
    build_meta(builder, TRACE_META_TRACE_CLOCK, NULL, "local [x86-tsc]\n");
    build_end(builder);
    return builder;
}

int file_of_bytes(const void *bytes, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, bytes, size, 0), ==, size);
    return fd;
}

GByteArray *bytes_of_file(int fd)
{
    GByteArray *bytes = g_byte_array_new();
    struct stat info;

    g_assert_cmpint(fstat(fd, &info), ==, 0);
    g_byte_array_set_size(bytes, (guint)info.st_size);
    g_assert_cmpint(pread(fd, bytes->data, bytes->len, 0), ==, bytes->len);
    return bytes;
}
