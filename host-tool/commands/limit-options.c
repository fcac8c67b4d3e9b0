/*
 * LimitOptions: --limit NAME=VALUE, how much is accepted of whom.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/limit-options.h"

#include <stdio.h>
#include <string.h>

/* Ten minutes, and a second for each MiB: the slowest output takes a tenth. */
#define MIN_CPU_SECONDS  600
#define BYTES_PER_SECOND (UINT64_C(1) << 20)
/* No format writes more than some 20 bytes for one that was recorded. */
#define MIN_OUTPUT_BYTES (UINT64_C(1) << 30)
#define OUTPUT_GROWTH    64

LimitOptions limit_options_new(LimitUse use)
{
    return (LimitOptions){.use = use, .limits = limits_default};
}

static gboolean on_limit(G_GNUC_UNUSED const char *name, const char *value,
                         gpointer data, GError **error)
{
    LimitOptions *options = data;

    if (strcmp(value, "help") == 0) {
        options->wants_list = TRUE;
        return TRUE;
    }
    return limits_set(&options->limits, options->use, value, error);
}

GOptionGroup *limit_options_group(LimitOptions *options)
{
    static const GOptionEntry entries[] = {
        {"limit", 0, 0, G_OPTION_ARG_CALLBACK, on_limit,
         "Set a limit of what is accepted ('--limit help' lists them; may be "
         "repeated)",
         "NAME=VALUE"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionGroup *group =
        g_option_group_new("limits", "Limits:", "Show limits", options, NULL);

    g_option_group_add_entries(group, entries);
    return group;
}

bool limit_options_list(const LimitOptions *options)
{
    g_autofree char *list =
        options->wants_list ? limits_list(options->use) : NULL;

    if (list) {
        fputs(list, stdout);
    }
    return list != NULL;
}

void limit_options_complete(Limits *limits, uint64_t input_bytes)
{
    limits->cpu_s = limit_or(limits->cpu_s,
                             MIN_CPU_SECONDS + input_bytes / BYTES_PER_SECOND);
    limits->output_bytes = limit_or(
        limits->output_bytes,
        MIN_OUTPUT_BYTES +
            MIN(input_bytes, UINT64_MAX / 4 / OUTPUT_GROWTH) * OUTPUT_GROWTH);
}
