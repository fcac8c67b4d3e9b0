/*
 * What becomes of a span that ended: its breakdown, its share in the sums,
 * and whether it is among those to be kept.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

#include <string.h>

#define DEFAULT_FINDINGS 32

/* CauseTotals that are kept apart. */
#define MAX_TOTALS 65536

static const char *const kind_ids[INTERVAL_N_KINDS] = {
    "timer",    "wakeup",  "preemption",  "injection", "marked",
    "timerlat", "osnoise", "halt-wakeup", "exit",
};

const char *interval_kind_id(IntervalKind kind)
{
    return kind_ids[kind];
}

uint64_t finding_length_ticks(const Finding *finding)
{
    return finding->end_ticks - finding->start_ticks + finding->step_ticks;
}

void finding_free(Finding *finding)
{
    if (finding) {
        breakdown_free(finding->breakdown);
        g_array_unref(finding->segments);
        g_free(finding);
    }
}

/* What a vCPU's state means to whom waits for this kind of thing. */
static Cause seen_by(const Span *span, Cause cause)
{
    bool awaits_irq =
        span->kind == INTERVAL_TIMER || span->kind == INTERVAL_INJECTION;
    bool awaits_cpu =
        span->kind == INTERVAL_WAKEUP || span->kind == INTERVAL_PREEMPTION;

    switch (cause_kind(cause)) {
    case CAUSE_GUEST_TASK:
    case CAUSE_GUEST_SOFTIRQ:
        /* Interrupts were on, so none had come. */
        return awaits_irq ? cause_plain(CAUSE_INJECTION) : cause;
    case CAUSE_GUEST_IDLE:
        return awaits_irq   ? cause_plain(CAUSE_INJECTION)
               : awaits_cpu ? cause_plain(CAUSE_GUEST_WAKE)
                            : cause;
    default:
        return cause;
    }
}

typedef struct Visit {
    const Walk *walk;
    const Span *span;
    Finding *finding;
    bool in_full; /* with nanoseconds and segments, as only few are kept */
} Visit;

/* Adjacent pieces of one cause become one. */
static void keep_segment(GArray *segments, const Segment *segment, Cause cause)
{
    Segment *last = segments->len
                        ? &g_array_index(segments, Segment, segments->len - 1)
                        : NULL;
    const Segment piece = {segment->from_ticks, segment->to_ticks, cause};

    if (last && last->cause == cause && last->to_ticks == piece.from_ticks) {
        last->to_ticks = piece.to_ticks;
    } else if (segments->len < FINDING_MAX_SEGMENTS) {
        g_array_append_val(segments, piece);
    }
}

static uint64_t ns_of(const Walk *walk, uint64_t ticks)
{
    return timeline_scale_apply(&walk->analysis->scale, ticks);
}

static void add_piece(const Visit *visit, const Segment *segment, Cause cause)
{
    Finding *finding = visit->finding;
    uint64_t ticks = segment->to_ticks - segment->from_ticks;

    if (visit->in_full) {
        breakdown_add(finding->breakdown, cause, ticks,
                      ns_of(visit->walk, segment->to_ticks) -
                          ns_of(visit->walk, segment->from_ticks));
        keep_segment(finding->segments, segment, cause);
    } else {
        breakdown_add(finding->breakdown, cause, ticks, 0);
    }
}

static void visit_segment(const Segment *segment, void *data)
{
    const Visit *visit = data;
    Cause cause = seen_by(visit->span, segment->cause);

    if (!visit->walk->options->subtract_recorder ||
        !(cause_flags(cause) & CAUSE_FLAG_RECORDER)) {
        add_piece(visit, segment, cause);
    }
}

static void visit_leg(const Visit *visit, const Vcpu *vcpu, uint64_t from,
                      uint64_t to)
{
    const Segment unknown = {from, to, cause_plain(CAUSE_UNKNOWN)};

    if (from >= to) {
        return;
    }
    if (vcpu) {
        segment_log_visit(vcpu->log, from, to, visit_segment, (gpointer)visit);
    } else {
        visit_segment(&unknown, (gpointer)visit);
    }
}

static void visit_legs(const Visit *visit)
{
    const Span *span = visit->span;
    const Machine *guest = span->vcpu->guest;

    if (span->n_legs == 0) {
        visit_leg(visit, span->vcpu, span->start_ticks, span->end_ticks);
        return;
    }
    for (unsigned i = 0; i < span->n_legs; i++) {
        uint64_t to = i + 1 < span->n_legs ? span->legs[i + 1].from_ticks
                                           : span->end_ticks;

        visit_leg(visit, machine_vcpu(guest, span->legs[i].cpu),
                  span->legs[i].from_ticks, to);
    }
}

/* The guest's clock went on by itself at the end. */
static void add_step(const Visit *visit)
{
    const Span *span = visit->span;
    const Segment step = {span->end_ticks, span->end_ticks + span->step_ticks,
                          cause_plain(CAUSE_CLOCK_STEP)};

    if (span->step_ticks > 0) {
        add_piece(visit, &step, step.cause);
    }
}

static void break_down(const Visit *visit)
{
    breakdown_clear(visit->finding->breakdown);
    g_array_set_size(visit->finding->segments, 0);
    visit_legs(visit);
    add_step(visit);
}

static guint total_hash(gconstpointer data)
{
    const CauseTotal *total = data;

    return g_int64_hash(&total->cause) * 31 + total->kind;
}

static gboolean total_equal(gconstpointer a, gconstpointer b)
{
    const CauseTotal *one = a, *other = b;

    return one->kind == other->kind && one->cause == other->cause;
}

GHashTable *intervals_totals_new(void)
{
    return g_hash_table_new_full(total_hash, total_equal, g_free, NULL);
}

static CauseTotal *look_up_total(Walk *walk, IntervalKind kind, Cause cause)
{
    CauseTotal key = {.kind = kind, .cause = cause};
    CauseTotal *total = g_hash_table_lookup(walk->totals, &key);

    if (total) {
        return total;
    }
    if (g_hash_table_size(walk->totals) >= MAX_TOTALS &&
        cause != cause_plain(CAUSE_OTHER)) {
        return look_up_total(walk, kind, cause_plain(CAUSE_OTHER));
    }
    total = g_memdup2(&key, sizeof(key));
    g_hash_table_add(walk->totals, total);
    return total;
}

/* Few causes make up most parts: those are found without the table. */
static CauseTotal *find_total(Walk *walk, IntervalKind kind, Cause cause)
{
    uint64_t mixed = (cause ^ cause >> 32 ^ cause >> 53) * 31 + kind;
    CauseTotal **recent = &walk->recent_totals[mixed % N_RECENT_TOTALS];

    if (!*recent || (*recent)->kind != kind || (*recent)->cause != cause) {
        *recent = look_up_total(walk, kind, cause);
    }
    return *recent;
}

static void add_totals(Walk *walk, const Finding *finding)
{
    const GArray *parts = finding->breakdown->parts;
    const BreakdownPart *largest = NULL;

    for (guint i = 0; i < parts->len; i++) {
        const BreakdownPart *part = &g_array_index(parts, BreakdownPart, i);

        find_total(walk, finding->kind, part->cause)->ticks += part->ticks;
        if (!largest || part->ticks > largest->ticks) {
            largest = part;
        }
    }
    if (largest) {
        find_total(walk, finding->kind, largest->cause)->n_first++;
    }
}

/* What the guest's kernel took for hardware: whose was it? */
static void add_noise(const Walk *walk, const Span *span,
                      const Finding *finding)
{
    HardwareNoise *noise = &span->vcpu->stats->noise;
    const GArray *parts = finding->breakdown->parts;

    if (span->kind != INTERVAL_OSNOISE ||
        strcmp(names_get(walk->names, span->name)->text, "hardware") != 0) {
        return;
    }
    noise->n_samples++;
    noise->total_ticks += finding->breakdown->total_ticks;
    for (guint i = 0; i < parts->len; i++) {
        const BreakdownPart *part = &g_array_index(parts, BreakdownPart, i);

        if (cause_kind(part->cause) == CAUSE_UNKNOWN) {
            noise->unknown_ticks += part->ticks;
        } else if (cause_is_hosts(cause_kind(part->cause))) {
            noise->host_ticks += part->ticks;
        } else {
            noise->left_ticks += part->ticks;
        }
    }
}

static Finding *finding_copy(const Finding *finding)
{
    Finding *copy = g_memdup2(finding, sizeof(*finding));

    copy->breakdown = breakdown_copy(finding->breakdown);
    copy->segments = g_array_copy(finding->segments);
    breakdown_finish(copy->breakdown);
    return copy;
}

/* One of the same vCPU that shares more than half of the shorter's time. */
static bool is_alike(const Finding *a, const Finding *b)
{
    uint64_t from = MAX(a->start_ticks, b->start_ticks);
    uint64_t to = MIN(a->end_ticks, b->end_ticks);
    uint64_t shorter =
        MIN(a->end_ticks - a->start_ticks, b->end_ticks - b->start_ticks);

    return a->vcpu == b->vcpu && a->kind == b->kind && to > from &&
           to - from > shorter / 2;
}

static uint64_t shortest_of(const GPtrArray *list)
{
    uint64_t shortest = UINT64_MAX;

    for (guint i = 0; i < list->len; i++) {
        shortest = MIN(shortest, finding_length_ticks(list->pdata[i]));
    }
    return shortest;
}

/* The kept finding that is shortest, or the one that this is alike. */
static guint rival(const GPtrArray *list, const Finding *finding, bool *alike)
{
    guint shortest = 0;

    for (guint i = 0; i < list->len; i++) {
        if (is_alike(list->pdata[i], finding)) {
            *alike = true;
            return i;
        }
        if (finding_length_ticks(list->pdata[i]) <
            finding_length_ticks(list->pdata[shortest])) {
            shortest = i;
        }
    }
    *alike = false;
    return shortest;
}

static void replace(const Visit *visit, GPtrArray *list, guint at,
                    unsigned n_alike)
{
    Finding *copy;

    break_down(visit);
    copy = finding_copy(visit->finding);
    copy->n_alike = n_alike;
    if (at == list->len) {
        g_ptr_array_add(list, copy);
    } else {
        finding_free(list->pdata[at]);
        list->pdata[at] = copy;
    }
}

static void keep(Visit *visit, KeptFindings *kept)
{
    unsigned n_findings = visit->walk->options->n_findings;
    unsigned most = n_findings ? n_findings : DEFAULT_FINDINGS;
    uint64_t length = finding_length_ticks(visit->finding);
    GPtrArray *list = kept->list;
    bool alike;
    guint at;

    if (visit->finding->breakdown->total_ticks == 0 ||
        (list->len == most && length <= kept->shortest_ticks)) {
        return;
    }
    visit->in_full = true;
    at = rival(list, visit->finding, &alike);
    if (!alike && list->len < most) {
        replace(visit, list, list->len, 0);
    } else {
        Finding *old = list->pdata[at];

        if (length > finding_length_ticks(old)) {
            replace(visit, list, at, alike ? old->n_alike + 1 : 0);
        } else {
            old->n_alike += alike;
        }
    }
    kept->shortest_ticks = shortest_of(list);
}

void intervals_close(Walk *walk, const Span *span)
{
    Finding *finding = &walk->scratch;
    Visit visit = {walk, span, finding, walk->options->on_interval != NULL};

    *finding = (Finding){
        .kind = span->kind,
        .vcpu = span->vcpu->index,
        .start_ticks = span->start_ticks,
        .end_ticks = span->end_ticks,
        .step_ticks = span->step_ticks,
        .name = span->name,
        .vector = span->vector,
        .is_recorders = span->is_recorders,
        .breakdown = finding->breakdown,
        .segments = finding->segments,
    };
    break_down(&visit);
    walk->analysis->n_intervals[span->kind]++;
    if (walk->options->on_interval) {
        walk->options->on_interval(finding, walk->options->data);
    }
    if (!span->is_recorders) {
        add_totals(walk, finding);
        add_noise(walk, span, finding);
    }
    keep(&visit,
         span->is_recorders ? &walk->recorders : &walk->kept[span->kind]);
}

static int by_length(gconstpointer a, gconstpointer b)
{
    const Finding *one = *(Finding *const *)a, *other = *(Finding *const *)b;
    uint64_t length = finding_length_ticks(one);
    uint64_t other_length = finding_length_ticks(other);

    if (length != other_length) {
        return length < other_length ? 1 : -1;
    }
    return one->start_ticks < other->start_ticks ? -1 : 1;
}

static int by_total(gconstpointer a, gconstpointer b)
{
    const CauseTotal *one = a, *other = b;

    if (one->ticks != other->ticks) {
        return one->ticks < other->ticks ? 1 : -1;
    }
    return total_hash(one) < total_hash(other) ? -1 : 1;
}

void intervals_finish(Walk *walk)
{
    Analysis *analysis = walk->analysis;
    GHashTableIter iter;
    gpointer total;

    for (int kind = 0; kind < INTERVAL_N_KINDS; kind++) {
        g_ptr_array_extend_and_steal(analysis->findings, walk->kept[kind].list);
    }
    g_ptr_array_sort(analysis->findings, by_length);
    g_ptr_array_extend_and_steal(analysis->recorders, walk->recorders.list);
    g_ptr_array_sort(analysis->recorders, by_length);
    g_hash_table_iter_init(&iter, walk->totals);
    while (g_hash_table_iter_next(&iter, &total, NULL)) {
        g_array_append_val(analysis->cause_totals, *(CauseTotal *)total);
    }
    g_array_sort(analysis->cause_totals, by_total);
}
