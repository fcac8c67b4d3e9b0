/*
 * StreamWatch: what it tells of a stream does not depend on how the bytes
 * come, and no bytes do it harm.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "session/stream-watch.h"

static void add_frame(GByteArray *stream, TraceFrameType type, const void *a,
                      gsize a_bytes, const void *b, gsize b_bytes)
{
    TraceFrameHeader header = {
        .magic = TRACE_STREAM_MAGIC,
        .type = type,
        .length_bytes = a_bytes + b_bytes,
    };
    const guint8 zeros[8] = {0};

    g_byte_array_append(stream, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(stream, a, a_bytes);
    g_byte_array_append(stream, b, b_bytes);
    g_byte_array_append(stream, zeros, -(a_bytes + b_bytes) & 7);
}

static void add_loss(GByteArray *stream, guint cpu, guint64 read, guint64 lost)
{
    TraceCpuStats stats = {
        .cpu = cpu,
        .read_events = read,
        .overrun_events = lost,
    };

    add_frame(stream, TRACE_FRAME_LOSS, &stats, sizeof(stats), NULL, 0);
}

static void add_freeze(GByteArray *stream, TraceFreezeCause cause)
{
    TraceMeta meta = {.kind = TRACE_META_FREEZE};
    TraceFreeze freeze = {1, 2, cause, 0};

    add_frame(stream, TRACE_FRAME_META, &meta, sizeof(meta), &freeze,
              sizeof(freeze));
}

static GByteArray *new_stream(void)
{
    GByteArray *stream = g_byte_array_new();
    guint8 page[5003] = {7};
    TraceMeta meta = {.kind = TRACE_META_CMDLINES};

    add_frame(stream, TRACE_FRAME_HELLO, page, 300, NULL, 0);
    /* As long as a FREEZE, but something else. */
    add_frame(stream, TRACE_FRAME_META, &meta, sizeof(meta), page, 24);
    add_loss(stream, 0, 100, 1);
    add_frame(stream, TRACE_FRAME_PAGE, page, sizeof(page), NULL, 0);
    add_loss(stream, 3, 50, 0);
    add_loss(stream, 0, 300, 2);
    add_loss(stream, UINT32_MAX, 1, 1);
    add_freeze(stream, TRACE_FREEZE_TRACING_OFF);
    add_frame(stream, TRACE_FRAME_PAGE, page, 16, NULL, 0);
    add_frame(stream, TRACE_FRAME_END, page, 112, NULL, 0);
    return stream;
}

static void test_pieces(void)
{
    g_autoptr(GByteArray) stream = new_stream();
    g_autofree StreamWatch *watch = g_new(StreamWatch, 1);

    for (gsize piece = 1; piece < 300; piece++) {
        stream_watch_init(watch);
        for (gsize at = 0; at < stream->len; at += piece) {
            g_assert_false(watch->is_ended);
            stream_watch_feed(watch, stream->data + at,
                              MIN(piece, stream->len - at));
        }
        g_assert_false(watch->is_broken);
        g_assert_true(watch->is_ended);
        g_assert_true(watch->is_frozen);
        g_assert_cmpint(watch->cause, ==, TRACE_FREEZE_TRACING_OFF);
        g_assert_cmpuint(watch->events, ==, 350);
        g_assert_cmpuint(watch->lost_events, ==, 2);
    }
}

/* Only a whole END is the end. */
static void test_cut(void)
{
    g_autoptr(GByteArray) stream = new_stream();
    g_autofree StreamWatch *watch = g_new(StreamWatch, 1);

    stream_watch_init(watch);
    stream_watch_feed(watch, stream->data, stream->len - 1);
    g_assert_false(watch->is_ended);
    stream_watch_feed(watch, stream->data + stream->len - 1, 1);
    g_assert_true(watch->is_ended);
}

static void test_bad_freeze(void)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autofree StreamWatch *watch = g_new(StreamWatch, 1);

    add_freeze(stream, TRACE_FREEZE_NONE);
    add_freeze(stream, TRACE_FREEZE_MARKER + 1);
    stream_watch_init(watch);
    stream_watch_feed(watch, stream->data, stream->len);
    g_assert_false(watch->is_frozen);
    g_assert_false(watch->is_broken);
}

/* Any byte changed: it may be wrong, but it ends and stays in its bounds. */
static void test_hostile(void)
{
    g_autoptr(GByteArray) stream = new_stream();
    g_autofree StreamWatch *watch = g_new(StreamWatch, 1);

    for (gsize at = 0; at < stream->len; at++) {
        guint8 old = stream->data[at];

        for (guint i = 0; i < 4; i++) {
            stream->data[at] = (const guint8[]){0, 0xff, 0x7f, old ^ 1}[i];
            stream_watch_init(watch);
            stream_watch_feed(watch, stream->data, stream->len);
            g_assert_cmpuint(watch->head_bytes, <=, sizeof(watch->head));
        }
        stream->data[at] = old;
    }
    stream_watch_init(watch);
    stream_watch_feed(watch, (const guint8 *)"this is no stream at all, it is",
                      31);
    g_assert_true(watch->is_broken);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-watch/pieces", test_pieces);
    g_test_add_func("/stream-watch/cut", test_cut);
    g_test_add_func("/stream-watch/bad-freeze", test_bad_freeze);
    g_test_add_func("/stream-watch/hostile", test_hostile);
    return g_test_run();
}
