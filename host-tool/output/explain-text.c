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
#include "output/proof.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* Parts below this are told as one, behind the largest few. */
#define MIN_PERMILLE 5
#define MIN_PARTS    3
/* That are told beside the latency that speaks for a spike. */
#define MAX_OTHERS 6

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

static void print_part(const Analysis *analysis, const BreakdownPart *part,
                       const char *what, FILE *stream)
{
    bool in_ticks = analysis->scale.unit == TIMELINE_TICKS;

    fprintf(stream, "   %3u.%u %%  %12" PRIu64 " %s  %s\n", part->permille / 10,
            part->permille % 10, in_ticks ? part->ticks : part->ns,
            in_ticks ? "ticks" : "ns", what);
}

/* How many of the parts, which are sorted, are worth a line each. */
static guint count_shown(const GArray *parts)
{
    guint n = MIN(MIN_PARTS, parts->len);

    while (n < parts->len &&
           g_array_index(parts, BreakdownPart, n).permille >= MIN_PERMILLE) {
        n++;
    }
    return n + 1 == parts->len ? parts->len : n;
}

/* All that is printed adds up to the whole. */
static void print_breakdown(const Analysis *analysis, const Finding *finding,
                            FILE *stream)
{
    const GArray *parts = finding->breakdown->parts;
    guint n_shown = count_shown(parts);
    BreakdownPart rest = {0};

    for (guint i = 0; i < parts->len; i++) {
        const BreakdownPart *part = &g_array_index(parts, BreakdownPart, i);

        if (i < n_shown) {
            g_autofree char *what = cause_text(analysis->names, part->cause);

            print_part(analysis, part, what, stream);
        } else {
            rest.ticks += part->ticks;
            rest.ns += part->ns;
            rest.permille += part->permille;
        }
    }
    if (n_shown < parts->len) {
        g_autofree char *what =
            g_strdup_printf("in %u smaller parts", parts->len - n_shown);

        print_part(analysis, &rest, what, stream);
    }
}

static void print_proof(const Finding *finding, GPtrArray *inputs,
                        const ExplainTextOptions *options, FILE *stream)
{
    g_autoptr(GPtrArray) lines = proof_lines(finding, inputs, options->n_lines);

    for (guint i = 0; i < lines->len; i++) {
        fprintf(stream, "     %s\n", (const char *)lines->pdata[i]);
    }
}

/* The largest of them; a spike of seconds has dozens. */
static void print_others(const Analysis *analysis, const FindingGroups *groups,
                         guint group, guint head, FILE *stream)
{
    unsigned n = 0, n_left_out = 0;

    for (guint i = 0; i < analysis->findings->len; i++) {
        const Finding *other = analysis->findings->pdata[i];
        g_autofree char *length = NULL;

        if (groups->of_group[i] != group || i == head) {
            continue;
        }
        if (n == MAX_OTHERS) {
            n_left_out += 1 + other->n_alike;
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
    if (n_left_out > 0) {
        fprintf(stream, "; %u smaller ones", n_left_out);
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

    if (analysis->vcpus->len == 0) {
        fputs("nothing can be explained: these files don't hold both a guest "
              "and the host that ran its vCPUs; name both, or their session's "
              "directory\n",
              stream);
    } else if (groups->heads->len == 0) {
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
        print_proof(finding, inputs, options, stream);
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
    if (analysis->n_unplaced > 0) {
        fprintf(stream,
                "; %" PRIu64 " more are left out, as the clock of their CPU "
                "is not known",
                analysis->n_unplaced);
    }
    fprintf(stream, "\nSynchronisation: %s\n\n", certificate);
    print_findings(analysis, inputs, options, stream);
    print_recorder(analysis, options, stream);
    if (options->statistics) {
        fputc('\n', stream);
        statistics_text_print(analysis, stream);
    }
}
