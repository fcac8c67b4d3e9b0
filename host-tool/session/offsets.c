/*
 * Clock segments from offset samples and traced changes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/offsets.h"

static uint64_t distance(int64_t a, int64_t b)
{
    /* Offsets are modulo 2^64: the shorter way round. */
    uint64_t d = (uint64_t)a - (uint64_t)b;

    return MIN(d, -d);
}

static ClockSegment new_segment(const OffsetVcpu *vcpu, int64_t offset_ticks,
                                ClockProvenance provenance)
{
    return (ClockSegment){
        .from_host_ticks = 0,
        .to_host_ticks = UINT64_MAX,
        .map = {.ratio = vcpu->ratio,
                .frac_bits = vcpu->frac_bits,
                .offset_ticks = offset_ticks},
        .provenance = provenance,
    };
}

static ClockSegment *segment_at(GArray *segments, guint i)
{
    return &g_array_index(segments, ClockSegment, i);
}

static const OffsetSample *sample_at(const GArray *samples, guint i)
{
    return &g_array_index(samples, OffsetSample, i);
}

G_GNUC_PRINTF(3, 4)
static void add_note(GPtrArray *notes, const OffsetVcpu *vcpu,
                     const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(notes, g_strdup_printf("vCPU with APIC id %u: %s",
                                           vcpu->apic_id, text));
}

/* The segment is not sure by another offset that is seen to have held. */
static void doubt(GArray *segments, guint i, int64_t other_ticks)
{
    ClockSegment *segment = segment_at(segments, i);

    segment->error_ticks =
        MAX(segment->error_ticks,
            distance(segment->map.offset_ticks, other_ticks));
}

/*
 * KVM traces every write, also those that change nothing, and vcpu ids of
 * different VMs are the same numbers: only the thread tells them apart.
 */
static gboolean is_change_of(const OffsetChange *change, const OffsetVcpu *vcpu)
{
    return change->vcpu_id == vcpu->apic_id &&
           change->thread_id == vcpu->thread_id &&
           change->previous_ticks != change->next_ticks;
}

gboolean offsets_have_changes(const OffsetVcpu *vcpu, const GArray *changes)
{
    for (guint i = 0; changes && i < changes->len; i++) {
        if (is_change_of(&g_array_index(changes, OffsetChange, i), vcpu)) {
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * A guest may write its TSC as often as it likes, and each time makes a
 * segment.  What comes after this many is not worth a place in the session.
 */
#define MAX_SEGMENTS 1000

static void give_up(const OffsetVcpu *vcpu, GArray *segments, GPtrArray *notes)
{
    ClockSegment *last = segment_at(segments, segments->len - 1);

    last->to_host_ticks = UINT64_MAX;
    last->error_ticks = UINT64_MAX;
    add_note(notes, vcpu,
             "its TSC offset changed more than %d times; events after host "
             "tick %" G_GUINT64_FORMAT " have no exact time",
             MAX_SEGMENTS, last->from_host_ticks);
}

/* One segment more than there are changes; *error_ticks where two changes
 * that follow each other disagree about what held between them. */
static GArray *chain_changes(const OffsetVcpu *vcpu, const GArray *changes,
                             GPtrArray *notes)
{
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(ClockSegment));
    guint n = changes ? changes->len : 0;

    for (guint i = 0; i < n; i++) {
        const OffsetChange *change = &g_array_index(changes, OffsetChange, i);
        ClockSegment next;

        if (!is_change_of(change, vcpu)) {
            continue;
        }
        if (segments->len == MAX_SEGMENTS) {
            give_up(vcpu, segments, notes);
            break;
        }
        if (segments->len == 0) {
            ClockSegment first = new_segment(vcpu, change->previous_ticks,
                                             CLOCK_PROVENANCE_TRACE);

            g_array_append_val(segments, first);
        }
        next = new_segment(vcpu, change->next_ticks, CLOCK_PROVENANCE_TRACE);
        next.from_host_ticks = change->host_ticks;
        segment_at(segments, segments->len - 1)->to_host_ticks =
            change->host_ticks - 1;
        if (segment_at(segments, segments->len - 1)->map.offset_ticks !=
            change->previous_ticks) {
            doubt(segments, segments->len - 1, change->previous_ticks);
            add_note(notes, vcpu,
                     "a change of the TSC offset before host tick "
                     "%" G_GUINT64_FORMAT " was not recorded",
                     change->host_ticks);
        }
        g_array_append_val(segments, next);
    }
    return segments;
}

static ClockSegment segment_of_clock(const OffsetVcpu *vcpu,
                                     const OffsetClock *clock)
{
    ClockSegment segment =
        new_segment(vcpu, clock->offset_ticks, CLOCK_PROVENANCE_QMP);

    segment.error_ticks = clock->error_ticks;
    return segment;
}

/* Between the ticks of the change, the clock before may have held as well. */
static void append_clock(const OffsetVcpu *vcpu, GArray *segments,
                         const OffsetClock *before, const OffsetClock *clock)
{
    ClockSegment *last = segment_at(segments, segments->len - 1);
    ClockSegment unsure = segment_of_clock(vcpu, clock);
    ClockSegment next = unsure;

    /* Changes that QEMU found at the same look have no order within it. */
    unsure.from_host_ticks =
        MAX(clock->since_from_host_ticks, last->from_host_ticks + 1);
    unsure.to_host_ticks =
        MAX(clock->since_to_host_ticks, unsure.from_host_ticks);
    unsure.error_ticks += distance(before->offset_ticks, clock->offset_ticks);
    next.from_host_ticks = unsure.to_host_ticks + 1;
    last->to_host_ticks = unsure.from_host_ticks - 1;
    g_array_append_val(segments, unsure);
    g_array_append_val(segments, next);
}

/* Of those that QEMU tells of, the changes after the first sample. */
static GArray *chain_clocks(const OffsetVcpu *vcpu, const GArray *samples)
{
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(ClockSegment));
    const GArray *clocks = sample_at(samples, samples->len - 1)->clocks;

    for (guint i = 1; clocks && i < clocks->len; i++) {
        const OffsetClock *before = &g_array_index(clocks, OffsetClock, i - 1);
        const OffsetClock *clock = &g_array_index(clocks, OffsetClock, i);

        if (clock->since_to_host_ticks <=
            sample_at(samples, 0)->from_host_ticks) {
            continue;
        }
        if (segments->len == 0) {
            ClockSegment first = segment_of_clock(vcpu, before);

            g_array_append_val(segments, first);
        }
        append_clock(vcpu, segments, before, clock);
    }
    return segments;
}

/*
 * Confirms the segment that a sample fell into, or doubts it.  A change
 * within the time that the query took may lie on either side of the answer.
 */
static void check_sample(const OffsetVcpu *vcpu, GArray *segments,
                         const OffsetSample *sample, GPtrArray *notes)
{
    guint met = 0;

    for (guint i = 0; i < segments->len; i++) {
        ClockSegment *segment = segment_at(segments, i);

        if (segment->to_host_ticks < sample->from_host_ticks ||
            segment->from_host_ticks > sample->to_host_ticks) {
            continue;
        }
        met = i;
        if (distance(segment->map.offset_ticks, sample->offset_ticks) <=
            sample->error_ticks + segment->error_ticks) {
            segment->provenance = sample->provenance;
            return;
        }
    }
    doubt(segments, met, sample->offset_ticks);
    add_note(notes, vcpu,
             "by %s the TSC offset was %" G_GINT64_FORMAT
             ", which no recorded change explains",
             clock_provenance_name(sample->provenance), sample->offset_ticks);
}

GArray *offsets_kvm_segments(const OffsetVcpu *vcpu, const GArray *samples,
                             const GArray *changes, GPtrArray *notes)
{
    GArray *segments = chain_changes(vcpu, changes, notes);

    if (segments->len == 0) {
        g_array_unref(segments);
        segments = chain_clocks(vcpu, samples);
    }
    if (segments->len == 0) {
        const OffsetSample *first = sample_at(samples, 0);
        ClockSegment only =
            new_segment(vcpu, first->offset_ticks, first->provenance);

        only.error_ticks = first->error_ticks;
        g_array_append_val(segments, only);
    }
    for (guint i = 0; i < samples->len; i++) {
        check_sample(vcpu, segments, sample_at(samples, i), notes);
    }
    return segments;
}

/*
 * When the guest last continued.  This, not the guest tick that QEMU tells,
 * stays the same while the offset creeps.
 */
static uint64_t continued_at(const OffsetSample *sample)
{
    return sample->effective_from_guest_ticks - (uint64_t)sample->offset_ticks;
}

/*
 * A new offset holds from the guest tick at which the guest stood still, and
 * the old one held until then.
 */
static void continue_at(const OffsetVcpu *vcpu, GArray *segments,
                        const OffsetSample *last, const OffsetSample *sample)
{
    ClockSegment *before = segment_at(segments, segments->len - 1);
    ClockSegment next =
        new_segment(vcpu, sample->offset_ticks, CLOCK_PROVENANCE_QMP);

    next.error_ticks = sample->error_ticks;
    next.from_host_ticks = continued_at(sample);
    before->to_host_ticks =
        sample->effective_from_guest_ticks - (uint64_t)last->offset_ticks;
    if (before->to_host_ticks >= next.from_host_ticks) {
        before->to_host_ticks = next.from_host_ticks - 1;
    }
    if (before->to_host_ticks < before->from_host_ticks) {
        before->to_host_ticks = before->from_host_ticks;
    }
    g_array_append_val(segments, next);
}

GArray *offsets_tcg_segments(const OffsetVcpu *vcpu, const GArray *samples,
                             GPtrArray *notes)
{
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(ClockSegment));
    const OffsetSample *last = sample_at(samples, 0);
    ClockSegment first =
        new_segment(vcpu, last->offset_ticks, CLOCK_PROVENANCE_QMP);

    first.error_ticks = last->error_ticks;
    g_array_append_val(segments, first);
    for (guint i = 1; i < samples->len; i++) {
        const OffsetSample *sample = sample_at(samples, i);

        if (continued_at(sample) == continued_at(last)) {
            /* The counter creeps up when two threads' reads race. */
            doubt(segments, segments->len - 1, sample->offset_ticks);
        } else if (continued_at(sample) > sample->to_host_ticks ||
                   continued_at(sample) <= last->from_host_ticks) {
            add_note(notes, vcpu,
                     "QEMU tells of a continue at a time when there was none, "
                     "so its offset is ignored");
            continue;
        } else {
            continue_at(vcpu, segments, last, sample);
        }
        last = sample;
    }
    return segments;
}
