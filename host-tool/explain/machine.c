/*
 * One machine of the walk: its events, CPUs and tasks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

#include <string.h>

/* common_type has 16 bits. */
#define N_EVENT_IDS (UINT32_C(1) << 16)
/* Of a guest's interrupt numbers, which may be anything. */
#define MAX_IRQ_NAMES 4096

Machine *machine_new(Walk *walk, const TimelineInput *input, bool is_host)
{
    Machine *machine = g_new0(Machine, 1);
    const BoundEvent none = {0};

    machine->input = input;
    machine->is_host = is_host;
    machine->tasks = task_table_new(walk->names);
    machine->pid = event_table_pid_field(input->events);
    machine->bound_of_id = g_new0(uint8_t, N_EVENT_IDS);
    machine->bound = g_array_new(FALSE, TRUE, sizeof(BoundEvent));
    g_array_append_val(machine->bound, none);
    machine->host_cpus = g_array_new(FALSE, TRUE, sizeof(HostCpu));
    g_array_set_size(machine->host_cpus, input->dat->cpus->len);
    machine->vcpus = g_ptr_array_new();
    machine->irqs = g_hash_table_new(NULL, NULL);
    machine->timers =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    return machine;
}

void machine_free(Machine *machine)
{
    g_hash_table_unref(machine->timers);
    g_hash_table_unref(machine->irqs);
    g_ptr_array_unref(machine->vcpus);
    g_array_unref(machine->host_cpus);
    g_array_unref(machine->bound);
    g_free(machine->bound_of_id);
    task_table_free(machine->tasks);
    g_free(machine);
}

BoundEvent *machine_bind_one(Machine *machine, const EventSpec *spec)
{
    EventTable *events = machine->input->events;
    int id = event_table_find(events, spec->system, spec->name);
    BoundEvent bound = {.handler = spec->handler};

    if (id == EVENT_ID_NONE || (unsigned)id >= N_EVENT_IDS ||
        machine->bound->len > UINT8_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < MAX_FIELDS; i++) {
        bound.fields[i].offset_bytes = -1;
        if (spec->fields[i]) {
            bound.fields[i] = event_table_field(events, id, spec->fields[i]);
        }
    }
    machine->bound_of_id[id] = (uint8_t)machine->bound->len;
    g_array_append_val(machine->bound, bound);
    return &g_array_index(machine->bound, BoundEvent, machine->bound->len - 1);
}

void machine_bind(Machine *machine, const EventSpec *specs, size_t n_specs)
{
    for (size_t i = 0; i < n_specs; i++) {
        machine_bind_one(machine, &specs[i]);
    }
}

static char *irq_text(int irq, uint32_t where, const CpuEvent *record)
{
    uint32_t offset = where & 0xffff, size = where >> 16;
    g_autofree char *text = NULL;

    if (offset <= record->size_bytes && size <= record->size_bytes - offset) {
        text = g_strndup((const char *)record->data + offset, size);
    }
    return g_strdup_printf("%s (IRQ %d)", text ? text : "?", irq);
}

uint32_t machine_irq_name(Walk *walk, Machine *machine, const BoundEvent *bound,
                          const TimelineEvent *event)
{
    int irq = (int)field(bound, 0, event);
    gpointer key = GINT_TO_POINTER(irq);
    gpointer name = g_hash_table_lookup(machine->irqs, key);
    g_autofree char *full = NULL;
    uint32_t number;

    if (name) {
        return GPOINTER_TO_UINT(name);
    }
    if (g_hash_table_size(machine->irqs) >= MAX_IRQ_NAMES) {
        return NAME_OTHERS;
    }
    full = irq_text(irq, (uint32_t)field(bound, 1, event), &event->event);
    number = names_text(walk->names, full);
    g_hash_table_insert(machine->irqs, key, GUINT_TO_POINTER(number));
    return number;
}

const uint8_t *field_bytes(const BoundEvent *bound, unsigned index,
                           const TimelineEvent *event, size_t *size)
{
    const EventField *field = &bound->fields[index];
    uint32_t total = event->event.size_bytes;

    *size = 0;
    if (field->offset_bytes < 0 || field->size_bytes <= 0 ||
        (uint32_t)field->offset_bytes > total ||
        (uint32_t)field->size_bytes > total - (uint32_t)field->offset_bytes) {
        return NULL;
    }
    *size = (size_t)field->size_bytes;
    return event->event.data + field->offset_bytes;
}
