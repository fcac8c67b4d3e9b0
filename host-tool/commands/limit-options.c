/*
 * LimitOptions: how much a recording may cost whoever reads it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/limit-options.h"

#include <string.h>

#include "commands/size-option.h"

/*
 * Address space, of which 16 threads alone take 2 GiB; merging takes little
 * more however long the recording is.
 */
#define DEFAULT_MEMORY_BYTES (UINT64_C(8) << 30)
/* Ten minutes, and a second for each MiB: the slowest output takes a tenth. */
#define MIN_CPU_SECONDS  600
#define BYTES_PER_SECOND (UINT64_C(1) << 20)
/* No format writes more than some 20 bytes for one that was recorded. */
#define MIN_OUTPUT_BYTES (UINT64_C(1) << 30)
#define OUTPUT_GROWTH    64

static gboolean on_size(const char *name, const char *value, gpointer data,
                        GError **error)
{
    LimitOptions *limits = data;
    uint64_t *bytes = strcmp(name, "--max-memory") == 0 ? &limits->memory_bytes
                                                        : &limits->output_bytes;

    return size_option_parse(name, value, bytes, error);
}

static gboolean on_seconds(const char *name, const char *value, gpointer data,
                           GError **error)
{
    LimitOptions *limits = data;

    if (!g_ascii_string_to_unsigned(value, 10, 1, UINT32_MAX,
                                    &limits->cpu_seconds, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s %s: not a number of seconds above 0", name, value);
        return FALSE;
    }
    return TRUE;
}

GOptionGroup *limit_options_group(LimitOptions *limits)
{
    static const GOptionEntry entries[] = {
        {"max-memory", 0, 0, G_OPTION_ARG_CALLBACK, on_size,
         "Take no more address space than this (default: 8G)", "SIZE"},
        {"max-cpu-time", 0, 0, G_OPTION_ARG_CALLBACK, on_seconds,
         "Take no more processor time (default: 600, and 1 for each MiB read)",
         "SECONDS"},
        {"max-output", 0, 0, G_OPTION_ARG_CALLBACK, on_size,
         "Write no larger file (default: 1G, and 64 times what is read)",
         "SIZE"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionGroup *group =
        g_option_group_new("limits", "Limits:", "Show limits", limits, NULL);

    g_option_group_add_entries(group, entries);
    return group;
}

void limit_options_complete(LimitOptions *limits, uint64_t input_bytes)
{
    if (!limits->memory_bytes) {
        limits->memory_bytes = DEFAULT_MEMORY_BYTES;
    }
    if (!limits->cpu_seconds) {
        limits->cpu_seconds = MIN_CPU_SECONDS + input_bytes / BYTES_PER_SECOND;
    }
    if (!limits->output_bytes) {
        limits->output_bytes =
            MIN_OUTPUT_BYTES +
            MIN(input_bytes, UINT64_MAX / 2 / OUTPUT_GROWTH) * OUTPUT_GROWTH;
    }
}
