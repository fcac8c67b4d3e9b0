/*
 * Page: an analysis as one HTML file that needs nothing else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/page.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/analysis-json.h"
#include "output/json-line.h"
#include "output/page-lanes.h"
#include "output/proof.h"
#include "page-resource.h" /* made of output/page/ */

#define RESOURCE_FOLDER "/org/qemu/trace-merge/page/"

/* What is shown around a finding: so many times its length on either side. */
#define WINDOW_MARGINS 1
/* At least, in nanoseconds or ticks. */
#define MIN_MARGIN 100000

/* The heads of the findings' groups that are shown: of Finding, not owned. */
static GPtrArray *shown_findings(const Analysis *analysis,
                                 const PageOptions *options)
{
    g_autoptr(FindingGroups) groups = finding_groups_new(analysis->findings);
    GPtrArray *shown = g_ptr_array_new();

    for (guint i = 0; i < groups->heads->len && i < options->n_shown; i++) {
        guint head = g_array_index(groups->heads, guint, i);

        g_ptr_array_add(shown, analysis->findings->pdata[head]);
    }
    return shown;
}

static GArray *windows_of(const Analysis *analysis, const GPtrArray *shown)
{
    GArray *windows = g_array_new(FALSE, FALSE, sizeof(PageWindow));

    for (guint i = 0; i < shown->len; i++) {
        const Finding *finding = shown->pdata[i];
        uint64_t length = finding->end_ticks - finding->start_ticks;
        uint64_t margin = MAX(length * WINDOW_MARGINS, MIN_MARGIN);
        uint64_t room_before = finding->start_ticks - analysis->first_ticks;
        uint64_t room_after = analysis->last_ticks - finding->end_ticks;
        PageWindow window = {
            .from_ticks = finding->start_ticks - MIN(margin, room_before),
            .to_ticks = finding->end_ticks + MIN(margin, room_after),
        };

        g_array_append_val(windows, window);
    }
    return windows;
}

static void append_time(const Analysis *analysis, uint64_t ticks, GString *json)
{
    /* As a string: a program's doubles can't hold it. */
    g_string_append_printf(json, "\"%" PRIu64 "\"",
                           timeline_scale_apply(&analysis->line_scale, ticks));
}

static void append_proofs(const GPtrArray *shown, GPtrArray *inputs,
                          const PageOptions *options, GString *json)
{
    g_string_append_c(json, '[');
    for (guint i = 0; i < shown->len; i++) {
        g_autoptr(GPtrArray) lines =
            proof_lines(shown->pdata[i], inputs, options->n_lines);

        g_string_append(json, i > 0 ? ",[" : "[");
        for (guint n = 0; n < lines->len; n++) {
            const char *line = lines->pdata[n];

            if (n > 0) {
                g_string_append_c(json, ',');
            }
            json_line_string(json, line, strlen(line));
        }
        g_string_append_c(json, ']');
    }
    g_string_append_c(json, ']');
}

/* What analysis_json() doesn't have. */
static GString *timeline_json(const Analysis *analysis, GPtrArray *inputs,
                              const PageOptions *options)
{
    g_autoptr(GPtrArray) shown = shown_findings(analysis, options);
    g_autoptr(GArray) windows = windows_of(analysis, shown);
    g_autoptr(PageLanes) lanes = page_lanes_collect(analysis, inputs, windows);
    GString *json = g_string_new("{\"title\":");

    json_line_string(json, options->title, strlen(options->title));
    g_string_append(json, ",\"version\":");
    json_line_string(json, PROJECT_VERSION, strlen(PROJECT_VERSION));
    g_string_append(json, ",\"start\":");
    append_time(analysis, analysis->first_ticks, json);
    g_string_append(json, ",\"proofs\":");
    append_proofs(shown, inputs, options, json);
    g_string_append(json, ",\"lanes\":");
    page_lanes_json(lanes, json);
    g_string_append_c(json, '}');
    return json;
}

/* JSON inside of a script element: no text in it may end the element. */
static void write_json(const char *id, const char *text, size_t size,
                       FILE *stream)
{
    fprintf(stream, "<script type=\"application/json\" id=\"%s\">", id);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '<') {
            fputs("\\u003c", stream);
        } else {
            putc(text[i], stream);
        }
    }
    fputs("</script>\n", stream);
}

static void write_resource(const char *name, FILE *stream)
{
    g_autofree char *path = g_strconcat(RESOURCE_FOLDER, name, NULL);
    g_autoptr(GBytes) bytes =
        g_resource_lookup_data(page_get_resource(), path,
                               G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);

    fwrite(data, 1, size, stream);
}

static void write_analysis(const Analysis *analysis, FILE *stream)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    analysis_json(analysis, memory);
    fclose(memory);
    write_json("analysis", text, size, stream);
    free(text);
}

void page_write(const Analysis *analysis, GPtrArray *inputs,
                const PageOptions *options, FILE *stream)
{
    GString *timeline = timeline_json(analysis, inputs, options);

    write_resource("head.html", stream);
    fputs("<style>\n", stream);
    write_resource("page.css", stream);
    fputs("</style>\n", stream);
    write_resource("body.html", stream);
    write_analysis(analysis, stream);
    write_json("recording", timeline->str, timeline->len, stream);
    fputs("<script>\n", stream);
    write_resource("page.js", stream);
    fputs("</script>\n</body>\n</html>\n", stream);
    g_string_free(timeline, TRUE);
}
