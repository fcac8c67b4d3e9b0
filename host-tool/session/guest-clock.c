/*
 * A guest's clocks, from QEMU's answers and the host's trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-clock.h"

#include "connection/offset-query.h"
#include "qga/trace-stream.h"
#include "session/offsets.h"
#include "session/tsc-scaling.h"

#define TCG "tcg"
#define KVM "kvm"

static void add_note(SessionMachine *machine, char *text)
{
    for (guint i = 0; i < machine->notes->len; i++) {
        if (g_str_equal(machine->notes->pdata[i], text)) {
            g_free(text);
            return;
        }
    }
    g_ptr_array_add(machine->notes, text);
}

static void steal_notes(SessionMachine *machine, GPtrArray *notes)
{
    for (guint i = 0; i < notes->len; i++) {
        add_note(machine, g_strdup(notes->pdata[i]));
    }
}

static SessionVcpu *find_vcpu(const SessionMachine *machine, uint32_t apic_id)
{
    for (guint i = 0; i < machine->vcpus->len; i++) {
        SessionVcpu *vcpu = machine->vcpus->pdata[i];

        if (vcpu->apic_id == apic_id) {
            return vcpu;
        }
    }
    return NULL;
}

/* vCPUs may be plugged in later, so a later query may know more of them. */
static void add_vcpus(SessionMachine *machine, const OffsetQuery *query)
{
    for (guint i = 0; i < query->readings->len; i++) {
        const OffsetReading *reading =
            &g_array_index(query->readings, OffsetReading, i);
        SessionVcpu *vcpu = find_vcpu(machine, reading->apic_id);

        if (!vcpu) {
            vcpu = session_machine_add_vcpu(machine);
            vcpu->cpu_index = reading->cpu_index;
            vcpu->apic_id = reading->apic_id;
            vcpu->thread_id = reading->thread_id;
            vcpu->qom_path = g_strdup(reading->qom_path);
        }
    }
}

/* QEMU may answer from what it saw earlier. */
static uint64_t seen_from(const OffsetQuery *query,
                          const OffsetReading *reading)
{
    return reading->confirmed_host_ticks
               ? MIN(reading->confirmed_host_ticks, query->from_host_ticks)
               : query->from_host_ticks;
}

static GArray *samples_of(const SessionVcpu *vcpu, const GPtrArray *queries)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(OffsetSample));

    for (guint i = 0; i < queries->len; i++) {
        const OffsetQuery *query = queries->pdata[i];
        const OffsetReading *reading = offset_query_find(query, vcpu->apic_id);
        OffsetSample sample;

        if (!reading || !offset_source_has_offset(reading->source)) {
            continue;
        }
        sample = (OffsetSample){
            .from_host_ticks = seen_from(query, reading),
            .to_host_ticks = query->to_host_ticks,
            .offset_ticks = reading->offset_ticks,
            .error_ticks = reading->error_ticks,
            .clocks = reading->clocks,
            .provenance = reading->source == OFFSET_SOURCE_DEBUGFS
                              ? CLOCK_PROVENANCE_DEBUGFS
                              : CLOCK_PROVENANCE_QMP,
            .effective_from_guest_ticks = reading->effective_from_guest_ticks,
        };
        g_array_append_val(samples, sample);
    }
    return samples;
}

static void note_scaling(SessionMachine *machine, const SessionVcpu *vcpu,
                         const TscScaling *scaling)
{
    if (scaling->kind == TSC_SCALING_COMPUTED) {
        add_note(machine,
                 g_strdup_printf("vCPU with APIC id %u: its TSC ratio was "
                                 "computed from the frequencies that QEMU "
                                 "tells, and nobody checked it; mount debugfs "
                                 "to have KVM's own",
                                 vcpu->apic_id));
    } else if (scaling->kind == TSC_SCALING_UNKNOWN) {
        add_note(machine,
                 g_strdup_printf("vCPU with APIC id %u: its TSC is faster than "
                                 "the host's, which cannot scale it, so its "
                                 "times are not exact",
                                 vcpu->apic_id));
    }
}

static void replace_segments(SessionVcpu *vcpu, GArray *segments)
{
    g_array_unref(vcpu->segments);
    vcpu->segments = segments;
}

/*
 * Scaling is looked up once, while QEMU lives: it never changes, and KVM's own
 * numbers are gone with the process.
 */
static TscScaling scaling_of(SessionMachine *machine, const SessionVcpu *vcpu,
                             const GPtrArray *queries)
{
    const OffsetReading *reading = NULL;
    const OffsetQuery *query = NULL;
    TscScaling scaling;

    if (vcpu->segments->len > 0) {
        const ClockSegment *known =
            &g_array_index(vcpu->segments, ClockSegment, 0);

        return (TscScaling){
            .kind = known->error_ticks == UINT64_MAX &&
                            known->provenance != CLOCK_PROVENANCE_INFERRED
                        ? TSC_SCALING_UNKNOWN
                        : TSC_SCALING_EXACT,
            .ratio = known->map.ratio,
            .frac_bits = known->map.frac_bits,
        };
    }
    /* A vCPU that was plugged in later is not in the first answer. */
    for (guint i = 0; !reading && i < queries->len; i++) {
        query = queries->pdata[i];
        reading = offset_query_find(query, vcpu->apic_id);
    }
    if (reading && reading->ratio && !reading->is_ratio_assumed) {
        return (TscScaling){
            .kind = reading->frac_bits ? TSC_SCALING_EXACT : TSC_SCALING_NONE,
            .ratio = reading->ratio,
            .frac_bits = reading->frac_bits,
        };
    }
    scaling = tsc_scaling_find(reading ? reading->guest_khz : 0,
                               query->host_khz, vcpu->thread_id, vcpu->apic_id);
    note_scaling(machine, vcpu, &scaling);
    return scaling;
}

/* An uncertainty that was found before does not go away. */
static void keep_error(SessionVcpu *vcpu, uint64_t error_ticks)
{
    for (guint i = 0; i < vcpu->segments->len; i++) {
        ClockSegment *segment = &g_array_index(vcpu->segments, ClockSegment, i);

        segment->error_ticks = MAX(segment->error_ticks, error_ticks);
    }
}

static gboolean is_unknown(const ClockSegment *segment)
{
    return segment->provenance == CLOCK_PROVENANCE_INFERRED &&
           segment->error_ticks == UINT64_MAX;
}

/* Until it is inferred from the traces. */
static void set_unknown_segment(SessionVcpu *vcpu, uint64_t ratio,
                                uint32_t frac_bits)
{
    ClockSegment unknown = {
        .to_host_ticks = UINT64_MAX,
        .map = {.ratio = ratio, .frac_bits = frac_bits},
        .error_ticks = UINT64_MAX,
        .provenance = CLOCK_PROVENANCE_INFERRED,
    };

    g_array_set_size(vcpu->segments, 0);
    g_array_append_val(vcpu->segments, unknown);
}

static void set_tcg_segments(SessionVcpu *vcpu, const GPtrArray *queries,
                             GPtrArray *notes)
{
    g_autoptr(GArray) samples = samples_of(vcpu, queries);
    OffsetVcpu who = {vcpu->apic_id, vcpu->thread_id, 1, 0};

    if (samples->len == 0) {
        set_unknown_segment(vcpu, 1, 0);
        return;
    }
    replace_segments(vcpu, offsets_tcg_segments(&who, samples, notes));
}

static void set_kvm_segments(SessionMachine *machine, SessionVcpu *vcpu,
                             const GPtrArray *queries, const GArray *changes,
                             GPtrArray *notes)
{
    g_autoptr(GArray) samples = samples_of(vcpu, queries);
    TscScaling scaling = scaling_of(machine, vcpu, queries);
    OffsetVcpu who = {vcpu->apic_id, vcpu->thread_id, scaling.ratio,
                      scaling.frac_bits};

    if (samples->len == 0 && !offsets_have_changes(&who, changes)) {
        set_unknown_segment(vcpu, scaling.ratio, scaling.frac_bits);
        return;
    }
    replace_segments(vcpu, offsets_kvm_segments(&who, samples, changes, notes));
    if (scaling.kind == TSC_SCALING_UNKNOWN) {
        keep_error(vcpu, UINT64_MAX);
    }
}

void guest_clock_set(SessionMachine *machine, const GPtrArray *queries,
                     const GArray *changes)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    const OffsetQuery *first = queries->pdata[0];
    gboolean is_tcg = offset_source_is_tcg(
        g_array_index(first->readings, OffsetReading, 0).source);

    g_free(machine->accelerator);
    machine->accelerator = g_strdup(is_tcg ? TCG : KVM);
    for (guint i = 0; i < queries->len; i++) {
        add_vcpus(machine, queries->pdata[i]);
    }
    for (guint i = 0; i < machine->vcpus->len; i++) {
        SessionVcpu *vcpu = machine->vcpus->pdata[i];

        if (is_tcg) {
            set_tcg_segments(vcpu, queries, notes);
        } else {
            set_kvm_segments(machine, vcpu, queries, changes, notes);
        }
    }
    /* What doesn't add up yet may do so once the changes are known. */
    if (changes) {
        steal_notes(machine, notes);
    }
}

void guest_clock_recover(SessionMachine *machine, const GArray *changes)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);

    if (g_strcmp0(machine->accelerator, KVM) != 0) {
        return;
    }
    for (guint i = 0; i < machine->vcpus->len; i++) {
        SessionVcpu *vcpu = machine->vcpus->pdata[i];
        g_autoptr(GArray) samples =
            g_array_new(FALSE, FALSE, sizeof(OffsetSample));
        const ClockSegment *first;
        OffsetSample sample = {.to_host_ticks = UINT64_MAX};
        uint64_t error_ticks = 0;
        OffsetVcpu who;

        if (vcpu->segments->len == 0) {
            continue;
        }
        first = &g_array_index(vcpu->segments, ClockSegment, 0);
        who = (OffsetVcpu){vcpu->apic_id, vcpu->thread_id, first->map.ratio,
                           first->map.frac_bits};
        if (is_unknown(first) && !offsets_have_changes(&who, changes)) {
            continue;
        }
        if (!is_unknown(first)) {
            sample.offset_ticks = first->map.offset_ticks;
            sample.provenance = first->provenance;
            g_array_append_val(samples, sample);
        }
        for (guint n = 0; samples->len > 0 && n < vcpu->segments->len; n++) {
            error_ticks =
                MAX(error_ticks,
                    g_array_index(vcpu->segments, ClockSegment, n).error_ticks);
        }
        replace_segments(vcpu,
                         offsets_kvm_segments(&who, samples, changes, notes));
        keep_error(vcpu, error_ticks);
    }
    steal_notes(machine, notes);
}

void guest_clock_match_cpus(SessionMachine *machine, const GArray *hello_cpus)
{
    for (guint i = 0; i < machine->vcpus->len; i++) {
        ((SessionVcpu *)machine->vcpus->pdata[i])->guest_cpu =
            SESSION_NO_GUEST_CPU;
    }
    for (guint i = 0; i < hello_cpus->len; i++) {
        TraceHelloCpu cpu = g_array_index(hello_cpus, TraceHelloCpu, i);
        SessionVcpu *vcpu;

        /* The kernel has places for CPUs that are not there. */
        if (cpu.apic_id == TRACE_STREAM_NO_APIC_ID) {
            continue;
        }
        vcpu = find_vcpu(machine, cpu.apic_id);
        if (!vcpu || vcpu->guest_cpu != SESSION_NO_GUEST_CPU) {
            add_note(machine,
                     g_strdup_printf("guest CPU %u: %s its APIC id %u, so its "
                                     "clock is not known",
                                     cpu.cpu,
                                     vcpu ? "another guest CPU claims"
                                          : "QEMU has no vCPU with",
                                     cpu.apic_id));
            continue;
        }
        vcpu->guest_cpu = (int32_t)cpu.cpu;
    }
}
