/*
 * Sentence: findings in plain words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/sentence.h"

#include <inttypes.h>
#include <string.h>

#include "explain/cause.h"

/* Causes that a sentence names, and from which share on. */
#define MAX_NAMED    4
#define MIN_PERMILLE 10

char *duration_text(const Analysis *analysis, uint64_t ticks)
{
    double ns = (double)analysis_span(analysis, ticks);
    const char *unit = "µs";
    double value = ns / 1e3;

    if (analysis->scale.unit == TIMELINE_TICKS) {
        return g_strdup_printf("%" PRIu64 " ticks", ticks);
    }
    if (ns >= 1e9) {
        value = ns / 1e9;
        unit = "s";
    } else if (ns >= 1e6) {
        value = ns / 1e6;
        unit = "ms";
    }
    return g_strdup_printf("%.*f %s",
                           value >= 99.95   ? 0
                           : value >= 9.995 ? 1
                                            : 2,
                           value, unit);
}

const char *interval_kind_text(IntervalKind kind)
{
    static const char *const texts[INTERVAL_N_KINDS] = {
        [INTERVAL_TIMER] = "timer lateness",
        [INTERVAL_WAKEUP] = "wake-up latency",
        [INTERVAL_PREEMPTION] = "preemption",
        [INTERVAL_INJECTION] = "interrupt delivery",
        [INTERVAL_MARKED] = "marked interval",
        [INTERVAL_TIMERLAT] = "timerlat",
        [INTERVAL_OSNOISE] = "osnoise",
        [INTERVAL_HALT_WAKE] = "halt wake-up",
        [INTERVAL_EXIT] = "long exit",
    };

    return texts[kind];
}

char *vcpu_text(const Analysis *analysis, unsigned vcpu)
{
    const VcpuStats *stats = analysis->vcpus->pdata[vcpu];

    return g_strdup_printf("%s vCPU %u", stats->machine, stats->cpu);
}

static char *task_text(const Name *name)
{
    if (name->pid > 0) {
        return g_strdup_printf("%s-%d", name->text[0] ? name->text : "task",
                               name->pid);
    }
    return g_strdup(name->text);
}

static char *subject(const Analysis *analysis, const Finding *finding)
{
    g_autofree char *vcpu = vcpu_text(analysis, finding->vcpu);
    g_autofree char *late =
        duration_text(analysis, finding_length_ticks(finding));
    const Name *name = names_get(analysis->names, finding->name);
    g_autofree char *task = task_text(name);

    switch (finding->kind) {
    case INTERVAL_TIMER:
        return g_strdup_printf("%s's timer was %s late", vcpu, late);
    case INTERVAL_WAKEUP:
        return g_strdup_printf("%s, woken on %s, ran %s later", task, vcpu,
                               late);
    case INTERVAL_PREEMPTION:
        return g_strdup_printf("%s, preempted on %s, ran again %s later", task,
                               vcpu, late);
    case INTERVAL_INJECTION:
        return g_strdup_printf("interrupt %s, vector %u, reached its handler "
                               "on %s after %s",
                               name->text, finding->vector, vcpu, late);
    case INTERVAL_MARKED:
        return g_strdup_printf("what is marked as %s took %s on %s", name->text,
                               late, vcpu);
    case INTERVAL_TIMERLAT:
        return g_strdup_printf("timerlat's %s was %s late on %s", name->text,
                               late, vcpu);
    case INTERVAL_OSNOISE:
        return g_strdup_printf("osnoise saw %s of %s noise on %s", late,
                               name->text, vcpu);
    case INTERVAL_HALT_WAKE:
        return g_strdup_printf("%s, halted, ran %s after it was woken", vcpu,
                               late);
    default:
        return g_strdup_printf("%s was out of the guest for %s (exit %s)", vcpu,
                               late, name->text);
    }
}

static void append_cause(const Analysis *analysis, GString *text, Cause cause,
                         uint64_t ticks, const char *separator)
{
    g_autofree char *duration = duration_text(analysis, ticks);
    g_autofree char *what = cause_text(analysis->names, cause);

    g_string_append_printf(text, "%s %s %s", separator, duration, what);
}

static void append_causes(const Analysis *analysis, GString *text,
                          const Breakdown *breakdown)
{
    uint64_t left_ticks = breakdown->total_ticks;
    guint i;

    for (i = 0; i < breakdown->parts->len && i < MAX_NAMED; i++) {
        const BreakdownPart *part =
            &g_array_index(breakdown->parts, BreakdownPart, i);

        if (i > 0 && part->permille < MIN_PERMILLE) {
            break;
        }
        append_cause(analysis, text, part->cause, part->ticks,
                     i == 0 ? ":" : ";");
        left_ticks -= part->ticks;
    }
    if (left_ticks > 0) {
        g_autofree char *left = duration_text(analysis, left_ticks);

        g_string_append_printf(text, "; %s in %u smaller parts", left,
                               breakdown->parts->len - i);
    }
}

char *finding_sentence(const Analysis *analysis, const Finding *finding)
{
    g_autofree char *who = subject(analysis, finding);
    GString *text = g_string_new(who);

    append_causes(analysis, text, finding->breakdown);
    return g_string_free(text, FALSE);
}

char *recorder_sentence(const Analysis *analysis)
{
    uint64_t n_exits = 0, flagged_ticks = 0, ran_ticks = 0, took_ticks = 0;
    g_autofree char *flagged = NULL, *ran = NULL, *took = NULL;

    for (guint i = 0; i < analysis->vcpus->len; i++) {
        const VcpuStats *stats = analysis->vcpus->pdata[i];

        n_exits += stats->n_recorder_exits;
        flagged_ticks += stats->recorder_ticks;
    }
    for (guint i = 0; i < analysis->tasks->len; i++) {
        const TaskStats *task = &g_array_index(analysis->tasks, TaskStats, i);

        if (names_get(analysis->names, task->name)->is_recorder) {
            ran_ticks += task->ran_ticks;
            took_ticks += task->took_ticks;
        }
    }
    flagged = duration_text(analysis, flagged_ticks);
    ran = duration_text(analysis, ran_ticks);
    took = duration_text(analysis, took_ticks);
    return g_strdup_printf("the recorders ran for %s, took %" PRIu64
                           " exits and %s of the vCPUs' time, %s of it while "
                           "a vCPU was ready to run",
                           ran, n_exits, flagged, took);
}

static int64_t signed_span(const Analysis *analysis, int64_t ticks)
{
    return ticks < 0 ? -(int64_t)analysis_span(analysis, -(uint64_t)ticks)
                     : (int64_t)analysis_span(analysis, (uint64_t)ticks);
}

char *certificate_sentence(const Analysis *analysis)
{
    CertificateVcpu total = certificate_total(analysis->certificate);
    const char *unit = analysis->scale.unit == TIMELINE_TICKS ? "ticks" : "ns";
    g_autofree char *bound =
        total.has_interval
            ? g_strdup_printf("; the offset's error lies in [%+" PRId64
                              ", %+" PRId64 "] %s",
                              signed_span(analysis, total.low_ticks),
                              signed_span(analysis, total.high_ticks), unit)
            : g_strdup("");

    if (total.outside > 0) {
        return g_strdup_printf("BROKEN: %" PRIu64 " of %" PRIu64
                               " guest events lie outside their vCPU's "
                               "windows; the times below are wrong",
                               total.outside, total.outside + total.inside);
    }
    if (total.inside == 0) {
        return g_strdup("UNPROVED: no guest event could be checked against a "
                        "window of its vCPU");
    }
    return g_strdup_printf("proved: all %" PRIu64 " guest events that can be "
                           "checked lie inside %" PRIu64
                           " windows of their vCPUs%s",
                           total.inside, total.n_windows, bound);
}
