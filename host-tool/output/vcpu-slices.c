/*
 * VcpuSlices: what each vCPU's thread was doing, as nested spans of time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/vcpu-slices.h"

#include <stdbool.h>

#include "explain/exit-reason.h"

/* The bits of prev_state that say why a task sleeps (TASK_REPORT). */
#define SLEEP_STATE_MASK 0xff

#define MAX_NAME_BYTES 64

/* What one host's file has of this. */
typedef struct HostEvents {
    int entry_id;
    int exit_id;
    int user_exit_id;
    int switch_id;
    EventField pid;
    EventField exit_reason;
    EventField exit_isa;
    EventField user_reason;
    EventField prev_pid;
    EventField prev_state;
    EventField next_pid;
} HostEvents;

typedef struct VcpuState {
    const Vcpu *vcpu;
    bool is_open;    /* the span below */
    bool is_waiting; /* the span above */
    bool is_seen;
    unsigned host_cpu; /* where it was seen last */
    uint64_t last_time;
} VcpuState;

struct VcpuSlices {
    const VcpuMap *map;
    const VcpuSliceOps *ops;
    gpointer data;
    GHashTable *hosts; /* TimelineInput -> HostEvents */
    VcpuState *states; /* by the vCPU's index */
};

static HostEvents *host_events_new(const TimelineInput *host)
{
    EventTable *table = host->events;
    HostEvents *events = g_new0(HostEvents, 1);

    events->entry_id = event_table_find(table, "kvm", "kvm_entry");
    events->exit_id = event_table_find(table, "kvm", "kvm_exit");
    events->user_exit_id = event_table_find(table, "kvm", "kvm_userspace_exit");
    events->switch_id = event_table_find(table, "sched", "sched_switch");
    events->pid = event_table_pid_field(table);
    events->exit_reason =
        event_table_field(table, events->exit_id, "exit_reason");
    events->exit_isa = event_table_field(table, events->exit_id, "isa");
    events->user_reason =
        event_table_field(table, events->user_exit_id, "reason");
    events->prev_pid = event_table_field(table, events->switch_id, "prev_pid");
    events->prev_state =
        event_table_field(table, events->switch_id, "prev_state");
    events->next_pid = event_table_field(table, events->switch_id, "next_pid");
    return events;
}

VcpuSlices *vcpu_slices_new(const VcpuMap *map, const VcpuSliceOps *ops,
                            gpointer data)
{
    VcpuSlices *slices = g_new0(VcpuSlices, 1);

    slices->map = map;
    slices->ops = ops;
    slices->data = data;
    slices->hosts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    slices->states = g_new0(VcpuState, vcpu_map_size(map));
    for (guint i = 0; i < vcpu_map_size(map); i++) {
        const Vcpu *vcpu = vcpu_map_at(map, i);

        slices->states[i].vcpu = vcpu;
        if (!g_hash_table_contains(slices->hosts, vcpu->host)) {
            g_hash_table_insert(slices->hosts, (gpointer)vcpu->host,
                                host_events_new(vcpu->host));
        }
    }
    return slices;
}

void vcpu_slices_free(VcpuSlices *slices)
{
    if (slices) {
        g_hash_table_unref(slices->hosts);
        g_free(slices->states);
        g_free(slices);
    }
}

static VcpuState *find_state(VcpuSlices *slices, const TimelineEvent *event,
                             const EventField *tid)
{
    const CpuEvent *record = &event->event;
    const Vcpu *vcpu = vcpu_map_of_thread(
        slices->map, event->input,
        (int32_t)event_field_read(tid, record->data, record->size_bytes));
    VcpuState *state;

    if (!vcpu) {
        return NULL;
    }
    state = &slices->states[vcpu->index];
    state->is_seen = true;
    state->host_cpu = event->cpu;
    state->last_time = event->time;
    return state;
}

static void end_waiting(VcpuSlices *slices, VcpuState *state, uint64_t time)
{
    if (state->is_waiting) {
        slices->ops->end(slices->data, state->vcpu, time);
        state->is_waiting = false;
    }
}

static void end_all(VcpuSlices *slices, VcpuState *state, uint64_t time)
{
    end_waiting(slices, state, time);
    if (state->is_open) {
        slices->ops->end(slices->data, state->vcpu, time);
        state->is_open = false;
    }
}

static void change(VcpuSlices *slices, VcpuState *state, uint64_t time,
                   const char *name)
{
    if (state) {
        end_all(slices, state, time);
        slices->ops->begin(slices->data, state->vcpu, time, name);
        state->is_open = true;
    }
}

static void on_guest_exit(VcpuSlices *slices, const HostEvents *host,
                          const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    uint32_t reason =
        (uint32_t)event_field_read(&host->exit_reason, record->data,
                                   record->size_bytes);
    unsigned isa = (unsigned)event_field_read(&host->exit_isa, record->data,
                                              record->size_bytes);
    char name[MAX_NAME_BYTES];

    g_snprintf(name, sizeof(name), "exit %s",
               exit_reason_text(exit_reason_make(isa, reason)));
    change(slices, find_state(slices, event, &host->pid), event->time, name);
}

static void on_user_exit(VcpuSlices *slices, const HostEvents *host,
                         const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    uint32_t reason =
        (uint32_t)event_field_read(&host->user_reason, record->data,
                                   record->size_bytes);
    char name[MAX_NAME_BYTES];

    g_snprintf(name, sizeof(name), "QEMU %s", user_exit_text(reason));
    change(slices, find_state(slices, event, &host->pid), event->time, name);
}

static void on_switch(VcpuSlices *slices, const HostEvents *host,
                      const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    VcpuState *from = find_state(slices, event, &host->prev_pid);
    VcpuState *to = find_state(slices, event, &host->next_pid);
    int64_t prev_state =
        event_field_read(&host->prev_state, record->data, record->size_bytes);

    if (from) {
        end_waiting(slices, from, event->time);
        slices->ops->begin(slices->data, from->vcpu, event->time,
                           prev_state & SLEEP_STATE_MASK ? "blocked"
                                                         : "preempted");
        from->is_waiting = true;
    }
    if (to) {
        end_waiting(slices, to, event->time);
    }
}

void vcpu_slices_event(VcpuSlices *slices, const TimelineEvent *event)
{
    const HostEvents *host = g_hash_table_lookup(slices->hosts, event->input);
    int id = event_record_id(event->event.data, event->event.size_bytes);

    if (!host || id == EVENT_ID_NONE) {
        return;
    }
    if (id == host->entry_id) {
        change(slices, find_state(slices, event, &host->pid), event->time,
               "guest");
    } else if (id == host->exit_id) {
        on_guest_exit(slices, host, event);
    } else if (id == host->user_exit_id) {
        on_user_exit(slices, host, event);
    } else if (id == host->switch_id) {
        on_switch(slices, host, event);
    }
}

void vcpu_slices_lose(VcpuSlices *slices, const TimelineEvent *event)
{
    for (guint i = 0; i < vcpu_map_size(slices->map); i++) {
        VcpuState *state = &slices->states[i];

        if (state->is_seen && state->vcpu->host == event->input &&
            state->host_cpu == event->cpu) {
            end_all(slices, state, state->last_time);
        }
    }
}
