/*
 * The interrupts that a CPU is in, and the events that tell of them, which
 * are the same on host and guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

/* include/linux/interrupt.h */
static const char *const softirq_names[] = {
    "HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
    "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU",
};

#define TIMER_VECTOR "local_timer"

/* The events of arch/x86/include/asm/trace/irq_vectors.h, NAME_entry/exit. */
static const char *const vector_names[] = {
    TIMER_VECTOR,     "spurious_apic",
    "error_apic",     "x86_platform_ipi",
    "irq_work",       "reschedule",
    "call_function",  "call_function_single",
    "threshold_apic", "deferred_error_apic",
    "thermal_apic",
};

void irq_push(IrqStack *stack, uint32_t name, bool soft)
{
    if (stack->depth < MAX_NESTED_IRQS) {
        stack->names[stack->depth] = name;
        stack->soft[stack->depth] = soft;
    }
    stack->depth++;
}

void irq_pop(IrqStack *stack)
{
    if (stack->depth > 0) {
        stack->depth--;
    }
}

static unsigned top_index(const IrqStack *stack)
{
    return MIN(stack->depth, MAX_NESTED_IRQS) - 1;
}

uint32_t irq_top(const IrqStack *stack)
{
    return stack->names[top_index(stack)];
}

bool irq_top_is_soft(const IrqStack *stack)
{
    return stack->soft[top_index(stack)];
}

static void bind_vector(Walk *walk, Machine *machine, const char *vector,
                        const IrqHandlers *handlers)
{
    g_autofree char *entry = g_strconcat(vector, "_entry", NULL);
    g_autofree char *leave = g_strconcat(vector, "_exit", NULL);
    const EventSpec entry_spec = {
        "irq_vectors", entry, handlers->vector_entry, {"vector"}};
    const EventSpec leave_spec = {
        "irq_vectors", leave, handlers->leave, {NULL}};
    BoundEvent *bound = machine_bind_one(machine, &entry_spec);

    if (bound) {
        bound->name = names_text(walk->names, vector);
    }
    machine_bind_one(machine, &leave_spec);
}

void irq_events_bind(Walk *walk, Machine *machine, const IrqHandlers *handlers)
{
    const EventSpec specs[] = {
        {"irq", "irq_handler_entry", handlers->irq_entry, {"irq", "name"}},
        {"irq", "irq_handler_exit", handlers->leave, {NULL}},
        {"irq", "softirq_entry", handlers->softirq_entry, {"vec"}},
        {"irq", "softirq_exit", handlers->leave, {NULL}},
    };

    machine_bind(machine, specs, G_N_ELEMENTS(specs));
    machine->timer_name = names_text(walk->names, TIMER_VECTOR);
    for (size_t i = 0; i < G_N_ELEMENTS(vector_names); i++) {
        bind_vector(walk, machine, vector_names[i], handlers);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(machine->softirqs); i++) {
        machine->softirqs[i] =
            names_text(walk->names, i < G_N_ELEMENTS(softirq_names)
                                        ? softirq_names[i]
                                        : "softirq");
    }
}
