/*
 * TracerText: the text that a latency tracer's file holds in place of events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/tracer-text.h"

#include "output/target.h"

static bool is_clean(unsigned char c)
{
    return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
}

/* A guest's text must not steer a terminal. */
static bool write_piece(const char *text, size_t size, gpointer data)
{
    FILE *stream = data;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (is_clean(c)) {
            putc_unlocked(c, stream);
        } else {
            fprintf(stream, "\\x%02x", c);
        }
    }
    return !ferror(stream);
}

bool tracer_text_write(const OutputJob *job, DatFile *dat, GError **error)
{
    if (!dat->is_text) {
        return true;
    }
    if (!dat_file_read_text(dat, write_piece, job->stream)) {
        if (ferror(job->stream)) {
            return output_fail_errno(job, error);
        }
        dat_file_problem(dat, "its text is damaged and can't be read on");
    }
    return true;
}
