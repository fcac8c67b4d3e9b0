/*
 * The options that say how a report's lines look.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/text-options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name of each switch, without dashes, and what it sets. */
typedef struct Switch {
    const char *name;
    size_t offset;
} Switch;

#define SWITCH(name, member)                \
    {                                       \
        name, offsetof(TextOptions, member) \
    }

static const Switch switches[] = {
    SWITCH("-t", full_ns),          SWITCH("--nanoseconds", full_ns),
    SWITCH("--ts-diff", ts_diff),   SWITCH("--ts-check", ts_check),
    SWITCH("--raw-ts", raw_ts),     SWITCH("--align-ts", align_ts),
    SWITCH("-l", latency),          SWITCH("--latency", latency),
    SWITCH("--no-flags", no_flags), SWITCH("-R", raw),
    SWITCH("--raw", raw),
};

static gboolean on_switch(const char *name, G_GNUC_UNUSED const char *value,
                          gpointer data, G_GNUC_UNUSED GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(switches); i++) {
        if (strcmp(name, switches[i].name) == 0) {
            *(bool *)((char *)data + switches[i].offset) = true;
        }
    }
    return TRUE;
}

/* As most programs decide it: https://no-color.org and dumb terminals. */
static bool terminal_has_colors(void)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (!no_color || !*no_color) &&
           g_strcmp0(getenv("TERM"), "dumb") != 0;
}

static gboolean on_color(const char *name, const char *value, gpointer data,
                         GError **error)
{
    TextOptions *options = data;

    if (!value || strcmp(value, "always") == 0) {
        options->color = true;
    } else if (strcmp(value, "auto") == 0) {
        options->color = terminal_has_colors();
    } else if (strcmp(value, "never") == 0) {
        options->color = false;
    } else {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s=%s: say when: always, auto or never", name, value);
        return FALSE;
    }
    return TRUE;
}

static void warn(const char *message)
{
    fprintf(stderr, "warning: %s\n", message);
}

GOptionGroup *text_options_group(TextOptions *options)
{
#define FLAG(long_name, letter, text)                                   \
    {                                                                   \
        long_name, letter, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, \
            on_switch, text, NULL                                       \
    }
    static const GOptionEntry entries[] = {
        FLAG("nanoseconds", 't', "Print times with nanoseconds"),
        FLAG("ts-diff", 0, "Print the nanoseconds since the line before"),
        FLAG("ts-check", 0, "Warn where a time is before the line's before"),
        FLAG("raw-ts", 0, "Print the ticks as they were recorded"),
        FLAG("align-ts", 0, "Count times from the first event"),
        FLAG("latency", 'l', "Print flags beside the CPU, names shortened"),
        FLAG("no-flags", 0, "Leave out the flags, as trace-cmd 3.1 does"),
        FLAG("raw", 'R', "Print each field's value instead of the text"),
        {"color", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK,
         on_color, "Color the machines: always, auto or never", "WHEN"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionGroup *group =
        g_option_group_new("text", "Text:", "Show options of format text",
                           options, NULL);

    options->warn = warn;
    g_option_group_add_entries(group, entries);
    return group;
}
