/*
 * An analysis as text: findings with their proof.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/explain-text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain/sentence.h"
#include "merge/timeline.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static void print_time(const Analysis *analysis, uint64_t ticks, FILE *stream)
{
    uint64_t time = timeline_scale_apply(&analysis->line_scale, ticks);

    if (analysis->scale.unit == TIMELINE_TICKS) {
        fprintf(stream, "%" PRIu64, time);
    } else {
        fprintf(stream, "%" PRIu64 ".%09" PRIu64, time / NS_PER_SECOND,
                time % NS_PER_SECOND);
    }
}

static void print_breakdown(const Analysis *analysis, const Finding *finding,
                            FILE *stream)
{
    const GArray *parts = finding->breakdown->parts;

    for (guint i = 0; i < parts->len; i++) {
        const BreakdownPart *part = &g_array_index(parts, BreakdownPart, i);
        g_autofree char *what = cause_text(analysis->names, part->cause);

        fprintf(stream, "   %3u.%u %%  %12" PRIu64 " %s  %s\n",
                part->permille / 10, part->permille % 10,
                analysis->scale.unit == TIMELINE_TICKS ? part->ticks : part->ns,
                analysis->scale.unit == TIMELINE_TICKS ? "ticks" : "ns", what);
    }
}

/* The ends of the longest pieces: where what changed is to be seen. */
static int by_length(gconstpointer a, gconstpointer b)
{
    const Segment *one = a, *other = b;
    uint64_t length = one->to_ticks - one->from_ticks;
    uint64_t other_length = other->to_ticks - other->from_ticks;

    return length < other_length ? 1 : length > other_length ? -1 : 0;
}

static int by_ticks(gconstpointer a, gconstpointer b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

static GArray *telling_ticks(const Finding *finding, unsigned n_lines)
{
    g_autoptr(GArray) pieces = g_array_copy(finding->segments);
    GArray *ticks = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    g_array_append_val(ticks, finding->start_ticks);
    g_array_append_val(ticks, finding->end_ticks);
    g_array_sort(pieces, by_length);
    for (guint i = 0; i < pieces->len && ticks->len + 2 <= n_lines; i++) {
        const Segment *piece = &g_array_index(pieces, Segment, i);

        g_array_append_val(ticks, piece->from_ticks);
        g_array_append_val(ticks, piece->to_ticks);
    }
    g_array_sort(ticks, by_ticks);
    return ticks;
}

static bool is_telling(const GArray *ticks, uint64_t line_ticks)
{
    return bsearch(&line_ticks, ticks->data, ticks->len, sizeof(uint64_t),
                   by_ticks) != NULL;
}

static int label_width(const GPtrArray *inputs)
{
    int width = 0;

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        width = MAX(width, (int)strlen(input->label));
    }
    return width;
}

static void print_line(const TimelineEvent *event, int width, GString *line,
                       FILE *stream)
{
    const EventTextStyle style = {
        .has_ns = event->input->scale.unit != TIMELINE_TICKS,
        .full_ns = true,
    };

    g_string_printf(line, "     %*s: ", width, event->input->label);
    event_table_print(event->input->events, line, &style, "", event->cpu,
                      event->time, event->event.data, event->event.size_bytes);
    g_string_append_c(line, '\n');
    fputs(line->str, stream);
}

/* The lines of the timeline at which the finding's causes change. */
static void print_proof(const Finding *finding, GPtrArray *inputs,
                        const ExplainTextOptions *options, FILE *stream)
{
    g_autoptr(GArray) ticks = telling_ticks(finding, options->n_lines);
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    g_autoptr(GString) line = g_string_new(NULL);
    int width = label_width(inputs);
    TimelineEvent event;
    unsigned n = 0;

    timeline_seek_ticks(timeline, finding->start_ticks);
    while (n < options->n_lines && timeline_next(timeline, &event) &&
           event.event.line_ticks <= finding->end_ticks) {
        if (is_telling(ticks, event.event.line_ticks)) {
            print_line(&event, width, line, stream);
            n++;
        }
    }
}

static void print_others(const Analysis *analysis, const FindingGroups *groups,
                         guint group, guint head, FILE *stream)
{
    unsigned n = 0;

    for (guint i = 0; i < analysis->findings->len; i++) {
        const Finding *other = analysis->findings->pdata[i];
        g_autofree char *length = NULL;

        if (groups->of_group[i] != group || i == head) {
            continue;
        }
        length = duration_text(analysis, finding_length_ticks(other));
        fprintf(stream, "%s %s of %s",
                n++ ? ";" : "   seen as well:", interval_kind_text(other->kind),
                length);
        if (other->n_alike > 0) {
            fprintf(stream, " (and %u more)", other->n_alike);
        }
    }
    if (n > 0) {
        fputc('\n', stream);
    }
}

static void print_finding(const Analysis *analysis, const Finding *finding,
                          FILE *stream)
{
    g_autofree char *sentence = finding_sentence(analysis, finding);

    fprintf(stream, "%s\n   from ", sentence);
    print_time(analysis, finding->start_ticks, stream);
    fputs(" to ", stream);
    print_time(analysis, finding->end_ticks, stream);
    fprintf(stream, ", %s:\n", interval_kind_text(finding->kind));
    print_breakdown(analysis, finding, stream);
}

static void print_findings(const Analysis *analysis, GPtrArray *inputs,
                           const ExplainTextOptions *options, FILE *stream)
{
    g_autoptr(FindingGroups) groups = finding_groups_new(analysis->findings);

    if (groups->heads->len == 0) {
        fputs("no latency was found: no guest timer, wake-up or interrupt "
              "can be followed\n",
              stream);
    }
    for (guint i = 0; i < groups->heads->len && i < options->n_shown; i++) {
        guint head = g_array_index(groups->heads, guint, i);
        const Finding *finding = analysis->findings->pdata[head];

        fprintf(stream, "%u. ", i + 1);
        print_finding(analysis, finding, stream);
        print_others(analysis, groups, i, head, stream);
        if (options->n_lines > 0) {
            print_proof(finding, inputs, options, stream);
        }
        fputc('\n', stream);
    }
}

static void print_recorder(const Analysis *analysis,
                           const ExplainTextOptions *options, FILE *stream)
{
    g_autofree char *sentence = recorder_sentence(analysis);

    fprintf(stream, "The recording itself: %s\n", sentence);
    for (guint i = 0; options->recorder && i < analysis->recorders->len &&
                      i < options->n_shown;
         i++) {
        fputs("   ", stream);
        print_finding(analysis, analysis->recorders->pdata[i], stream);
    }
}

void explain_text_print(const Analysis *analysis, GPtrArray *inputs,
                        const ExplainTextOptions *options, FILE *stream)
{
    g_autofree char *certificate = certificate_sentence(analysis);
    g_autofree char *length =
        duration_text(analysis, analysis->last_ticks - analysis->first_ticks);

    fprintf(stream, "%" PRIu64 " events of %s, %u vCPUs", analysis->n_events,
            length, analysis->vcpus->len);
    if (analysis->has_lost) {
        fprintf(stream,
                "; at least %" PRIu64 " events were lost, what they "
                "would tell is unexplained",
                analysis->n_lost);
    }
    fprintf(stream, "\nSynchronisation: %s\n\n", certificate);
    print_findings(analysis, inputs, options, stream);
    print_recorder(analysis, options, stream);
    if (options->statistics) {
        fputc('\n', stream);
        statistics_text_print(analysis, stream);
    }
}
