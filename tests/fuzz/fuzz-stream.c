/*
 * A machine's stream, as a hostile guest may send it: decoded frame by frame,
 * made a trace.dat file, and that file opened again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz-file.h"
#include "trace-data/dat-open.h"
#include "trace-data/stream-decode.h"
#include "trace-data/stream-to-dat.h"

static void decode(const uint8_t *bytes, size_t size)
{
    StreamDecoder decoder;
    StreamFrame frame;
    size_t at = 0, used;

    stream_decoder_init(&decoder, &limits_default);
    while (stream_decode(&decoder, bytes + at, size - at, &frame, &used) ==
           STREAM_FRAME) {
        g_assert_cmpuint(used, >, 0);
        g_assert_cmpuint(used, <=, size - at);
        g_assert_true(frame.length_bytes == 0 ||
                      (frame.payload >= bytes + at &&
                       frame.payload + frame.length_bytes <= bytes + size));
        at += used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const DatOptions options = {.trace_id = 1, .tsc_mult = 1};
    int stream_fd = fuzz_file(bytes, size);
    int dat_fd = fuzz_file(bytes, 0);
    g_autoptr(StreamSummary) hello = NULL;
    g_autoptr(StreamSummary) summary = NULL;

    decode(bytes, size);
    hello = stream_read_hello(stream_fd, &limits_default, NULL);
    summary = stream_to_dat(stream_fd, dat_fd, &options, &limits_default, NULL);
    if (summary) {
        g_autoptr(DatFile) dat = NULL;

        g_assert_nonnull(hello);
        g_assert_cmpuint(summary->dat_bytes, <=,
                         stream_max_dat_bytes(size, &limits_default) +
                             2 * limits_default.text_bytes);
        dat = dat_file_open_fd(dat_fd, "made", &limits_default, NULL);
        /* Whatever it was made of, it is a file. */
        g_assert_nonnull(dat);
    } else {
        close(dat_fd);
    }
    close(stream_fd);
    return 0;
}
