/*
 * BufferStats: the kernel's own counts of one CPU's ring buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "buffer-stats.h"

#include <string.h>

#include "trace-error.h"

static bool parse_stats(const char *text, BufferStats *stats)
{
    const struct {
        const char *key;
        guint64 *value;
    } lines[] = {
        {"entries: ", &stats->entries},
        {"\noverrun: ", &stats->overrun},
        {"\ncommit overrun: ", &stats->commit_overrun},
        {"\ndropped events: ", &stats->dropped},
        {"\nread events: ", &stats->read},
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        const char *at = strstr(text, lines[i].key);

        if (!at) {
            return false;
        }
        *lines[i].value = g_ascii_strtoull(at + strlen(lines[i].key), NULL, 10);
    }
    return true;
}

bool buffer_stats_read(const char *instance_dir, guint cpu, BufferStats *stats,
                       GError **error)
{
    g_autofree char *file =
        g_strdup_printf("%s/per_cpu/cpu%u/stats", instance_dir, cpu);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(file, &text, NULL, error)) {
        return false;
    }
    if (!parse_stats(text, stats)) {
        return trace_throw(error, "%s is not understood", file);
    }
    return true;
}
