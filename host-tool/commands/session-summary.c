/*
 * Printing what a recording has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/session-summary.h"

#include <inttypes.h>

#include "qga/json-text.h"
#include "session/freeze-skew.h"
#include "session/session-certificate.h"

static uint64_t lost_on(const SessionCpu *cpu)
{
    return cpu->overrun_events + cpu->dropped_events + cpu->unread_events;
}

static void print_losses(const SessionMachine *machine, FILE *to)
{
    for (guint i = 0; i < machine->cpus->len; i++) {
        const SessionCpu *cpu = &g_array_index(machine->cpus, SessionCpu, i);

        if (lost_on(cpu) > 0) {
            fprintf(to, "  CPU %u lost %" PRIu64 " of %" PRIu64 "\n", cpu->cpu,
                    lost_on(cpu), lost_on(cpu) + cpu->read_events);
        }
    }
}

static void print_machine(const SessionMachine *machine, FILE *to)
{
    uint64_t events = 0, lost = 0, pages = 0;

    for (guint i = 0; i < machine->cpus->len; i++) {
        const SessionCpu *cpu = &g_array_index(machine->cpus, SessionCpu, i);

        events += cpu->read_events;
        lost += lost_on(cpu);
        pages += cpu->pages;
    }
    if (machine->cpus->len == 0) {
        fprintf(to, "%s: no trace file could be made\n", machine->name);
    } else if (!machine->ended) {
        /* The counts come at the end of a stream. */
        fprintf(to, "%s: cut short after %" PRIu64 " pages of events\n",
                machine->name, pages);
    } else if (machine->freeze.cause != TRACE_FREEZE_NONE) {
        /* A flight recorder is there to keep the latest only. */
        fprintf(to, "%s: the latest %" PRIu64 " of %" PRIu64 " events\n",
                machine->name, events, events + lost);
    } else {
        fprintf(to, "%s: %" PRIu64 " events, %" PRIu64 " lost\n", machine->name,
                events, lost);
        print_losses(machine, to);
    }
}

static void print_freeze(const Session *session, const SessionMachine *machine,
                         FILE *to)
{
    const SessionMachine *host = session->machines->pdata[0];
    int64_t skew_ns;

    if (machine->freeze.cause == TRACE_FREEZE_NONE || machine == host) {
        return;
    }
    fprintf(to, "  frozen %s, ", freeze_cause_text(machine->freeze.cause));
    if (freeze_skew_ns(session, machine, &skew_ns)) {
        fprintf(to, "%.1f us %s the host\n",
                (double)(skew_ns < 0 ? -skew_ns : skew_ns) / 1000,
                skew_ns < 0 ? "before" : "after");
    } else {
        fprintf(to, "how long before or after the host is not known\n");
    }
}

static void print_segment(const ClockSegment *segment, FILE *to)
{
    fprintf(to, "%" PRId64 " ticks (%s", segment->map.offset_ticks,
            clock_provenance_name(segment->provenance));
    if (clock_map_is_scaled(&segment->map)) {
        fprintf(to, ", ratio %" PRIu64 "/2^%u", segment->map.ratio,
                segment->map.frac_bits);
    }
    if (segment->error_ticks == UINT64_MAX) {
        fprintf(to, ", error unknown");
    } else if (segment->error_ticks > 0) {
        fprintf(to, ", error up to %" PRIu64, segment->error_ticks);
    }
    fprintf(to, ")");
}

static void print_vcpu(const SessionVcpu *vcpu, FILE *to)
{
    guint n = vcpu->segments->len;

    if (vcpu->guest_cpu == SESSION_NO_GUEST_CPU) {
        fprintf(to, "  APIC id %u, no CPU of the recording: ", vcpu->apic_id);
    } else {
        fprintf(to, "  CPU %d, APIC id %u: ", vcpu->guest_cpu, vcpu->apic_id);
    }
    fprintf(to, "TSC offset ");
    for (guint i = 0; i < n; i++) {
        /* The first and the last ones say enough. */
        if (n > 4 && i == 2) {
            fprintf(to, ", ... %u more", n - 3);
            i = n - 1;
        }
        fprintf(to, "%s", i ? ", then " : "");
        print_segment(&g_array_index(vcpu->segments, ClockSegment, i), to);
    }
    fprintf(to, "%s\n", n ? "" : "unknown");
}

void session_summary_print(const Session *session, const char *dir, FILE *to)
{
    g_autofree char *certificate = session_certificate_text(session);

    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];

        print_machine(machine, to);
        print_freeze(session, machine, to);
        for (guint v = 0; v < machine->vcpus->len; v++) {
            print_vcpu(machine->vcpus->pdata[v], to);
        }
        for (guint n = 0; n < machine->notes->len; n++) {
            fprintf(to, "  note: %s\n", (char *)machine->notes->pdata[n]);
        }
    }
    if (certificate) {
        fprintf(to, "%s\n", certificate);
    }
    fprintf(to, "The recording is in %s/; next: qemu-trace-merge %s %s\n", dir,
            session->state == SESSION_COMPLETE ? "report" : "recover", dir);
}

void session_summary_print_json(const Session *session, const char *dir,
                                FILE *to)
{
    g_autoptr(GString) json = g_string_new("{\"type\": \"summary\", \"dir\": ");

    json_text_append_string(json, dir);
    g_string_append_printf(json, ", \"complete\": %s, \"machines\": [",
                           session->state == SESSION_COMPLETE ? "true"
                                                              : "false");
    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];
        uint64_t events = 0, lost = 0;
        int64_t skew_ns;

        for (guint c = 0; c < machine->cpus->len; c++) {
            const SessionCpu *cpu =
                &g_array_index(machine->cpus, SessionCpu, c);

            events += cpu->read_events;
            lost += lost_on(cpu);
        }
        g_string_append(json, i ? ", {\"name\": " : "{\"name\": ");
        json_text_append_string(json, machine->name);
        g_string_append_printf(json,
                               ", \"events\": %" PRIu64 ", \"lost\": %" PRIu64
                               ", \"ended\": %s",
                               events, lost, machine->ended ? "true" : "false");
        if (i > 0 && freeze_skew_ns(session, machine, &skew_ns)) {
            g_string_append_printf(json, ", \"freeze-skew-ns\": %" PRId64,
                                   skew_ns);
        }
        g_string_append_c(json, '}');
    }
    g_string_append(json, "]}\n");
    fputs(json->str, to);
}
