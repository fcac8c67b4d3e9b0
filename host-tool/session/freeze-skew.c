/*
 * FreezeSkew: when the machines of a flight recording turned tracing off.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/freeze-skew.h"

#include "clock/clock-map.h"

/*
 * The clock that held at the end: all vCPUs of a guest have the same one but
 * for what their firmware or their kernel did to single ones, so the first
 * vCPU's is as good as any.
 */
static const ClockSegment *last_segment(const SessionMachine *machine)
{
    const SessionVcpu *vcpu;

    if (machine->vcpus->len == 0) {
        return NULL;
    }
    vcpu = machine->vcpus->pdata[0];
    if (vcpu->segments->len == 0) {
        return NULL;
    }
    return &g_array_index(vcpu->segments, ClockSegment,
                          vcpu->segments->len - 1);
}

gboolean freeze_host_ticks(const SessionMachine *machine, uint64_t *from_ticks,
                           uint64_t *to_ticks)
{
    const ClockSegment *segment;

    if (machine->freeze.cause == TRACE_FREEZE_NONE) {
        return FALSE;
    }
    *from_ticks = machine->freeze.from_ticks;
    *to_ticks = machine->freeze.to_ticks;
    if (machine->role == SESSION_HOST) {
        return TRUE;
    }
    segment = last_segment(machine);
    if (!segment) {
        return FALSE;
    }
    *from_ticks = clock_map_to_host(&segment->map, *from_ticks);
    *to_ticks = clock_map_to_host(&segment->map, *to_ticks);
    return TRUE;
}

gboolean freeze_skew_ns(const Session *session, const SessionMachine *machine,
                        int64_t *skew_ns)
{
    uint64_t host_from, host_to, from, to, later;
    gboolean is_later;

    if (session->tsc_mult == 0 ||
        !freeze_host_ticks(session->machines->pdata[0], &host_from, &host_to) ||
        !freeze_host_ticks(machine, &from, &to)) {
        return FALSE;
    }
    is_later = to >= host_to;
    later = clock_ticks_to_ns(is_later ? to - host_to : host_to - to,
                              session->tsc_mult, session->tsc_shift);
    if (later > INT64_MAX) {
        return FALSE;
    }
    *skew_ns = is_later ? (int64_t)later : -(int64_t)later;
    return TRUE;
}

const char *freeze_cause_text(TraceFreezeCause cause)
{
    switch (cause) {
    case TRACE_FREEZE_HOST:
    case TRACE_FREEZE_SIGNAL:
        return "as it was told";
    case TRACE_FREEZE_COMMAND:
        return "as the command ended";
    case TRACE_FREEZE_TRACING_OFF:
        return "as its tracing was turned off";
    case TRACE_FREEZE_TRACER:
        return "as its tracer turned the recording off";
    case TRACE_FREEZE_MARKER:
        return "as the stop marker was written";
    case TRACE_FREEZE_NONE:
        break;
    }
    return "never";
}
