/*
 * StreamEncoder: frames through a pipe, read or not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "stream-encoder.h"

#define CAPACITY_BYTES (256u << 10)

typedef struct Fixture {
    int fds[2];
    StreamEncoder *encoder;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmpint(pipe2(fixture->fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
    fixture->encoder =
        stream_encoder_new(fixture->fds[1], "the pipe", CAPACITY_BYTES);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    stream_encoder_free(fixture->encoder);
    close(fixture->fds[0]);
    close(fixture->fds[1]);
}

static bool add_text(Fixture *fixture, TraceFrameType type, uint32_t cpu,
                     const char *text)
{
    struct iovec part = {(void *)text, strlen(text)};

    return stream_encoder_add(fixture->encoder, type, cpu, &part, 1);
}

static GByteArray *read_pipe(Fixture *fixture)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 buffer[4096];
    ssize_t length;

    while ((length = read(fixture->fds[0], buffer, sizeof(buffer))) > 0) {
        g_byte_array_append(bytes, buffer, length);
    }
    return bytes;
}

static void check_frame(const GByteArray *bytes, gsize *at, TraceFrameType type,
                        uint32_t cpu, uint64_t sequence, const char *payload)
{
    TraceFrameHeader header;
    gsize padded = (strlen(payload) + 7) / 8 * 8;

    g_assert_cmpuint(*at + sizeof(header) + padded, <=, bytes->len);
    memcpy(&header, bytes->data + *at, sizeof(header));
    g_assert_cmpuint(header.magic, ==, TRACE_STREAM_MAGIC);
    g_assert_cmpuint(header.type, ==, type);
    g_assert_cmpuint(header.flags, ==, 0);
    g_assert_cmpuint(header.cpu, ==, cpu);
    g_assert_cmpuint(header.sequence, ==, sequence);
    g_assert_cmpmem(bytes->data + *at + sizeof(header), header.length_bytes,
                    payload, strlen(payload));
    for (gsize i = strlen(payload); i < padded; i++) {
        g_assert_cmpuint(bytes->data[*at + sizeof(header) + i], ==, 0);
    }
    *at += sizeof(header) + padded;
}

static void test_frames(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GByteArray) bytes = NULL;
    char *page;
    gsize at = 0;

    g_assert_true(
        add_text(fixture, TRACE_FRAME_HELLO, TRACE_STREAM_NO_CPU, "hello"));
    page = stream_encoder_reserve(fixture->encoder, 4096);
    memset(page, 'x', 4096);
    stream_encoder_commit(fixture->encoder, TRACE_FRAME_PAGE, 3, 8);
    g_assert_true(add_text(fixture, TRACE_FRAME_LOSS, 1, ""));
    g_assert_cmpint(stream_encoder_flush(fixture->encoder, NULL), ==,
                    STREAM_FLUSH_DONE);
    bytes = read_pipe(fixture);
    check_frame(bytes, &at, TRACE_FRAME_HELLO, TRACE_STREAM_NO_CPU, 0, "hello");
    check_frame(bytes, &at, TRACE_FRAME_PAGE, 3, 1, "xxxxxxxx");
    check_frame(bytes, &at, TRACE_FRAME_LOSS, 1, 2, "");
    g_assert_cmpuint(at, ==, bytes->len);
    g_assert_cmpuint(stream_encoder_sent_bytes(fixture->encoder), ==, at);
}

static guint fill(Fixture *fixture, const char *text)
{
    guint count = 0;

    while (add_text(fixture, TRACE_FRAME_PAGE, 0, text)) {
        count++;
    }
    return count;
}

static void test_no_room(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *text = g_strnfill(1000, 'p');
    guint count = fill(fixture, text);
    g_autoptr(GByteArray) bytes = NULL;
    StreamFlush flush;
    gsize end_at;

    g_assert_cmpuint(count, ==, CAPACITY_BYTES / (1000 + 24));
    g_assert_cmpint(stream_encoder_flush(fixture->encoder, NULL), ==,
                    STREAM_FLUSH_BLOCKED);
    g_assert_cmpuint(stream_encoder_pending_bytes(fixture->encoder), >, 0);
    do {
        g_clear_pointer(&bytes, g_byte_array_unref);
        bytes = read_pipe(fixture);
        flush = stream_encoder_flush(fixture->encoder, NULL);
    } while (flush == STREAM_FLUSH_BLOCKED);
    g_assert_cmpint(flush, ==, STREAM_FLUSH_DONE);
    g_clear_pointer(&bytes, g_byte_array_unref);
    bytes = read_pipe(fixture);
    /* There is room again, and the sequence goes on. */
    g_assert_true(add_text(fixture, TRACE_FRAME_END, 0, "end"));
    stream_encoder_flush(fixture->encoder, NULL);
    g_clear_pointer(&bytes, g_byte_array_unref);
    bytes = read_pipe(fixture);
    end_at = bytes->len - 32;
    check_frame(bytes, &end_at, TRACE_FRAME_END, 0, count, "end");
    g_assert_cmpuint(end_at, ==, bytes->len);
}

static void count_dropped(const TraceFrameHeader *header,
                          const void *payload G_GNUC_UNUSED, gpointer data)
{
    guint *dropped = data;

    g_assert_cmpuint(header->type, ==, TRACE_FRAME_PAGE);
    ++*dropped;
}

/* What is taken back leaves no gap and no torn frame. */
static void test_drop(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *text = g_strnfill(1000, 'p');
    g_autoptr(GByteArray) bytes = NULL;
    guint count = fill(fixture, text);
    guint dropped = 0;
    gsize at = 0;

    g_assert_cmpint(stream_encoder_flush(fixture->encoder, NULL), ==,
                    STREAM_FLUSH_BLOCKED);
    stream_encoder_drop_unsent(fixture->encoder, count_dropped, &dropped);
    g_assert_cmpuint(dropped, >, 0);
    g_assert_cmpuint(dropped, <, count);
    g_assert_true(add_text(fixture, TRACE_FRAME_END, 0, "end"));
    bytes = read_pipe(fixture);
    g_assert_cmpint(stream_encoder_flush(fixture->encoder, NULL), ==,
                    STREAM_FLUSH_DONE);
    {
        g_autoptr(GByteArray) rest = read_pipe(fixture);

        g_byte_array_append(bytes, rest->data, rest->len);
    }
    for (guint i = 0; i < count - dropped; i++) {
        check_frame(bytes, &at, TRACE_FRAME_PAGE, 0, i, text);
    }
    check_frame(bytes, &at, TRACE_FRAME_END, 0, count - dropped, "end");
    g_assert_cmpuint(at, ==, bytes->len);
}

static void test_error(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_autoptr(StreamEncoder) encoder =
        stream_encoder_new(full, "the disk", 4096);

    stream_encoder_add(encoder, TRACE_FRAME_END, 0, NULL, 0);
    g_assert_cmpint(stream_encoder_flush(encoder, &error), ==,
                    STREAM_FLUSH_FAILED);
    g_assert_nonnull(strstr(error->message, "the disk"));
    g_assert_nonnull(fixture->encoder);
    close(full);
}

#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/stream-encoder/frames", test_frames);
    ADD("/stream-encoder/no-room", test_no_room);
    ADD("/stream-encoder/drop", test_drop);
    ADD("/stream-encoder/error", test_error);
    return g_test_run();
}
