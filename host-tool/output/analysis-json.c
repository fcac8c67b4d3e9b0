/*
 * An analysis, and verdicts over one, as JSON.
 *
 * Times are nanoseconds, or ticks where no scale is known ("unit").  A time
 * on the line has both: a double can't hold ticks, so they are strings.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/analysis-json.h"

#include <inttypes.h>
#include <json-c/json.h>

#include "explain/exit-reason.h"
#include "explain/sentence.h"
#include "output/verdict.h"

typedef struct json_object Json;

static void add(Json *object, const char *key, Json *value)
{
    json_object_object_add(object, key, value);
}

static Json *number(uint64_t value)
{
    return json_object_new_uint64(value);
}

static Json *text(const char *value)
{
    return json_object_new_string(value);
}

/* Takes the string. */
static Json *taken_text(char *value)
{
    Json *json = json_object_new_string(value);

    g_free(value);
    return json;
}

static Json *span(const Analysis *analysis, uint64_t ticks)
{
    return number(analysis_span(analysis, ticks));
}

static Json *tick(uint64_t ticks)
{
    return taken_text(g_strdup_printf("%" PRIu64, ticks));
}

static int64_t signed_span(const Analysis *analysis, int64_t ticks)
{
    return ticks < 0 ? -(int64_t)analysis_span(analysis, -(uint64_t)ticks)
                     : (int64_t)analysis_span(analysis, (uint64_t)ticks);
}

static Json *certificate_json(const Analysis *analysis)
{
    static const char *const states[] = {"proved", "broken", "unproved"};
    CertificateVcpu total = certificate_total(analysis->certificate);
    Json *json = json_object_new_object();

    add(json, "state", text(states[verdict_certificate(analysis)]));
    add(json, "sentence", taken_text(certificate_sentence(analysis)));
    add(json, "inside", number(total.inside));
    add(json, "outside", number(total.outside));
    add(json, "uncheckable", number(total.uncheckable_ends));
    add(json, "lost", number(total.uncheckable_lost));
    add(json, "inexact", number(total.inexact));
    add(json, "windows", number(total.n_windows));
    if (total.has_interval) {
        Json *interval = json_object_new_array();

        json_object_array_add(interval, json_object_new_int64(signed_span(
                                            analysis, total.low_ticks)));
        json_object_array_add(interval, json_object_new_int64(signed_span(
                                            analysis, total.high_ticks)));
        add(json, "offset-error", interval);
    }
    return json;
}

static Json *cause_json(const Analysis *analysis, Cause cause)
{
    Json *json = json_object_new_object();
    const char *name = cause_name_text(analysis->names, cause);
    int32_t pid = names_get(analysis->names, cause_name(cause))->pid;

    add(json, "kind", text(cause_kind_id(cause_kind(cause))));
    add(json, "text", taken_text(cause_text(analysis->names, cause)));
    if (name) {
        add(json, "name", text(name));
    }
    if (name && pid != NAME_NO_PID && cause_kind(cause) != CAUSE_EXIT &&
        cause_kind(cause) != CAUSE_EXIT_WAIT) {
        add(json, "pid", json_object_new_int(pid));
    }
    if (cause_cpu(cause) != CAUSE_NO_CPU) {
        add(json, "host-cpu", json_object_new_int((int)cause_cpu(cause)));
    }
    add(json, "level", json_object_new_int((int)cause_level(cause)));
    add(json, "by-recorder",
        json_object_new_boolean(cause_flags(cause) & CAUSE_FLAG_RECORDER));
    return json;
}

static Json *parts_json(const Analysis *analysis, const Breakdown *breakdown)
{
    Json *json = json_object_new_array();

    for (guint i = 0; i < breakdown->parts->len; i++) {
        const BreakdownPart *part =
            &g_array_index(breakdown->parts, BreakdownPart, i);
        Json *item = cause_json(analysis, part->cause);

        add(item, "ticks", tick(part->ticks));
        add(item, "time", number(part->ns));
        add(item, "permille", json_object_new_int((int)part->permille));
        json_object_array_add(json, item);
    }
    return json;
}

/* Which of the finding's parts it belongs to. */
static int part_of(const Breakdown *breakdown, Cause cause)
{
    for (guint i = 0; i < breakdown->parts->len; i++) {
        if (g_array_index(breakdown->parts, BreakdownPart, i).cause == cause) {
            return (int)i;
        }
    }
    return -1; /* it was added to CAUSE_OTHER */
}

/* Offsets from the finding's start; part is an index into "parts". */
static Json *segments_json(const Analysis *analysis, const Finding *finding)
{
    Json *json = json_object_new_array();

    for (guint i = 0; i < finding->segments->len; i++) {
        const Segment *segment = &g_array_index(finding->segments, Segment, i);
        Json *item = json_object_new_object();

        add(item, "part",
            json_object_new_int(part_of(finding->breakdown, segment->cause)));
        add(item, "from",
            span(analysis, segment->from_ticks - finding->start_ticks));
        add(item, "to",
            span(analysis, segment->to_ticks - finding->start_ticks));
        json_object_array_add(json, item);
    }
    return json;
}

static Json *finding_json(const Analysis *analysis, const Finding *finding)
{
    const VcpuStats *vcpu = analysis->vcpus->pdata[finding->vcpu];
    const Name *name = names_get(analysis->names, finding->name);
    Json *json = json_object_new_object();

    add(json, "kind", text(interval_kind_id(finding->kind)));
    add(json, "guest", text(vcpu->machine));
    add(json, "vcpu", json_object_new_int((int)vcpu->cpu));
    add(json, "name", text(name->text));
    if (name->pid != NAME_NO_PID) {
        add(json, "pid", json_object_new_int(name->pid));
    }
    if (finding->kind == INTERVAL_INJECTION) {
        add(json, "vector", json_object_new_int((int)finding->vector));
    }
    add(json, "start-ticks", tick(finding->start_ticks));
    add(json, "start",
        number(
            timeline_scale_apply(&analysis->line_scale, finding->start_ticks)));
    add(json, "length", number(finding->breakdown->total_ns));
    add(json, "length-ticks", tick(finding->breakdown->total_ticks));
    add(json, "alike", json_object_new_int((int)finding->n_alike));
    add(json, "sentence", taken_text(finding_sentence(analysis, finding)));
    add(json, "parts", parts_json(analysis, finding->breakdown));
    add(json, "segments", segments_json(analysis, finding));
    return json;
}

static Json *findings_json(const Analysis *analysis, const GPtrArray *findings)
{
    g_autoptr(FindingGroups) groups = finding_groups_new(findings);
    Json *json = json_object_new_array();

    for (guint i = 0; i < findings->len; i++) {
        Json *item = finding_json(analysis, findings->pdata[i]);
        guint group = groups->of_group[i];

        add(item, "spike", json_object_new_int((int)group));
        add(item, "speaks-for-spike",
            json_object_new_boolean(
                g_array_index(groups->heads, guint, group) == i));
        json_object_array_add(json, item);
    }
    return json;
}

static Json *histogram_json(const Analysis *analysis,
                            const Histogram *histogram)
{
    static const struct {
        const char *key;
        double share;
    } shares[] = {
        {"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
        {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999},
    };
    Json *json = json_object_new_object();
    Json *buckets = json_object_new_array();

    add(json, "count", number(histogram->count));
    add(json, "total", span(analysis, histogram->sum_ticks));
    add(json, "min", span(analysis, histogram->min_ticks));
    add(json, "max", span(analysis, histogram->max_ticks));
    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        if (histogram_tells(histogram->count, shares[i].share)) {
            add(json, shares[i].key,
                span(analysis,
                     histogram_percentile(histogram, shares[i].share)));
        }
    }
    /* [upper end, count] of those with any. */
    for (unsigned i = 0; i < histogram_n_buckets(); i++) {
        uint64_t from, to, count = histogram_bucket(histogram, i, &from, &to);
        Json *bucket;

        if (count == 0) {
            continue;
        }
        bucket = json_object_new_array();
        json_object_array_add(bucket, span(analysis, to));
        json_object_array_add(bucket, number(count));
        json_object_array_add(buckets, bucket);
    }
    add(json, "buckets", buckets);
    return json;
}

static Json *keyed_json(const Analysis *analysis, const GArray *array,
                        bool is_exits)
{
    Json *json = json_object_new_array();

    for (guint i = 0; i < array->len; i++) {
        const KeyedHistogram *keyed = &g_array_index(array, KeyedHistogram, i);
        Json *item = histogram_json(analysis, &keyed->times);

        if (is_exits) {
            add(item, "reason", text(exit_reason_text(keyed->key)));
        } else {
            add(item, "vector", json_object_new_int((int)keyed->key));
            add(item, "name",
                text(names_get(analysis->names, keyed->name)->text));
        }
        json_object_array_add(json, item);
    }
    return json;
}

static Json *noise_json(const Analysis *analysis, const HardwareNoise *noise)
{
    Json *json = json_object_new_object();

    add(json, "samples", number(noise->n_samples));
    add(json, "total", span(analysis, noise->total_ticks));
    add(json, "host", span(analysis, noise->host_ticks));
    add(json, "remaining", span(analysis, noise->left_ticks));
    add(json, "unexplained", span(analysis, noise->unknown_ticks));
    return json;
}

static Json *vcpu_json(const Analysis *analysis, const VcpuStats *stats)
{
    Json *json = json_object_new_object();
    Json *states = json_object_new_object();

    for (int kind = 0; kind < CAUSE_N_KINDS; kind++) {
        if (stats->by_kind[kind] > 0) {
            add(states, cause_kind_id((CauseKind)kind),
                span(analysis, stats->by_kind[kind]));
        }
    }
    add(json, "guest", text(stats->machine));
    add(json, "vcpu", json_object_new_int((int)stats->cpu));
    add(json, "thread", json_object_new_int(stats->thread_id));
    add(json, "states", states);
    add(json, "timer", histogram_json(analysis, &stats->timers));
    add(json, "wakeup", histogram_json(analysis, &stats->wakeups));
    add(json, "preemption", histogram_json(analysis, &stats->preemptions));
    add(json, "halt-wakeup", histogram_json(analysis, &stats->halt_wakes));
    add(json, "steal", histogram_json(analysis, &stats->steals));
    add(json, "injection", keyed_json(analysis, stats->injections, false));
    add(json, "exits", keyed_json(analysis, stats->exits, true));
    add(json, "hardware-noise", noise_json(analysis, &stats->noise));
    add(json, "recorder-exits", number(stats->n_recorder_exits));
    add(json, "recorder-time", span(analysis, stats->recorder_ticks));
    return json;
}

static Json *tasks_json(const Analysis *analysis)
{
    Json *json = json_object_new_array();

    for (guint i = 0; i < analysis->tasks->len; i++) {
        const TaskStats *task = &g_array_index(analysis->tasks, TaskStats, i);
        const Name *name = names_get(analysis->names, task->name);
        Json *item = json_object_new_object();

        add(item, "machine", text(task->machine));
        add(item, "name", text(name->text));
        add(item, "pid", json_object_new_int(name->pid));
        add(item, "is-recorder", json_object_new_boolean(name->is_recorder));
        add(item, "ran", span(analysis, task->ran_ticks));
        add(item, "kept-vcpus-waiting", span(analysis, task->took_ticks));
        if (task->wakeups.count > 0) {
            add(item, "wakeup", histogram_json(analysis, &task->wakeups));
        }
        json_object_array_add(json, item);
    }
    return json;
}

static Json *totals_json(const Analysis *analysis)
{
    Json *json = json_object_new_array();

    for (guint i = 0; i < analysis->cause_totals->len; i++) {
        const CauseTotal *total =
            &g_array_index(analysis->cause_totals, CauseTotal, i);
        Json *item = cause_json(analysis, total->cause);

        add(item, "of", text(interval_kind_id(total->kind)));
        add(item, "time", span(analysis, total->ticks));
        add(item, "first-cause-of", number(total->n_first));
        json_object_array_add(json, item);
    }
    return json;
}

static void print(Json *json, FILE *stream)
{
    fputs(json_object_to_json_string_ext(
              json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                        JSON_C_TO_STRING_NOSLASHESCAPE),
          stream);
    fputc('\n', stream);
    json_object_put(json);
}

void analysis_json(const Analysis *analysis, FILE *stream)
{
    Json *json = json_object_new_object();
    Json *vcpus = json_object_new_array();
    Json *recorder = json_object_new_object();

    for (guint i = 0; i < analysis->vcpus->len; i++) {
        json_object_array_add(vcpus,
                              vcpu_json(analysis, analysis->vcpus->pdata[i]));
    }
    add(recorder, "sentence", taken_text(recorder_sentence(analysis)));
    add(recorder, "findings", findings_json(analysis, analysis->recorders));
    add(json, "unit",
        text(analysis->scale.unit == TIMELINE_TICKS ? "ticks" : "ns"));
    add(json, "events", number(analysis->n_events));
    add(json, "lost", number(analysis->n_lost));
    add(json, "has-lost", json_object_new_boolean(analysis->has_lost));
    add(json, "unplaced", number(analysis->n_unplaced));
    add(json, "length",
        span(analysis, analysis->last_ticks - analysis->first_ticks));
    add(json, "certificate", certificate_json(analysis));
    add(json, "findings", findings_json(analysis, analysis->findings));
    add(json, "causes", totals_json(analysis));
    add(json, "vcpus", vcpus);
    add(json, "tasks", tasks_json(analysis));
    add(json, "recorder", recorder);
    print(json, stream);
}

void verdict_json(const Analysis *analysis, const GPtrArray *results,
                  FILE *stream)
{
    Json *json = json_object_new_object();
    Json *rules = json_object_new_array();
    bool passed = verdict_certificate(analysis) == VERDICT_OK;

    for (guint i = 0; i < results->len; i++) {
        const RuleResult *result = results->pdata[i];
        Json *item = json_object_new_object();

        passed &= result->passed;
        add(item, "rule", text(result->rule));
        add(item, "passed", json_object_new_boolean(result->passed));
        add(item, "measured", json_object_new_boolean(result->measured));
        add(item, "unit", text(result->is_time ? "ns" : "count"));
        add(item, "value", json_object_new_double(result->value));
        add(item, "limit", json_object_new_double(result->limit));
        add(item, "sentence", text(result->sentence));
        json_object_array_add(rules, item);
    }
    add(json, "passed", json_object_new_boolean(passed));
    add(json, "certificate", certificate_json(analysis));
    add(json, "rules", rules);
    print(json, stream);
}
