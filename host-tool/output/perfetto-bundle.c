/*
 * PerfettoBundle: the events of one CPU, gathered until a packet is full.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/perfetto-bundle.h"

#include <string.h>

/* A comm that is longer than a kernel's is never taken for the same. */
#define MAX_COMM_BYTES 16

/* The arrays of CompactSched. */
typedef struct CompactArrays {
    GArray *switch_timestamp; /* of uint64_t, each less the one before */
    GArray *switch_prev_state;
    GArray *switch_next_pid;
    GArray *switch_next_prio;
    GArray *switch_next_comm_index;
    GArray *waking_timestamp;
    GArray *waking_pid;
    GArray *waking_target_cpu;
    GArray *waking_prio;
    GArray *waking_comm_index;
    GArray *waking_common_flags;
    GPtrArray *intern_table; /* of char, the arena's */
    GHashTable *intern;      /* char -> index */
    uint64_t last_switch;
    uint64_t last_waking;
} CompactArrays;

struct PerfettoBundle {
    unsigned cpu;
    gsize memory_bytes;
    gsize used_bytes; /* estimated */
    Arena *arena;
    GPtrArray *events; /* of Perfetto__FtraceEvent, the arena's */
    CompactArrays compact;
    bool is_after_loss;
    bool is_taken; /* the message was handed out: forget it first */
    uint64_t last_time;
    /* What the last switch of the CPU said; also across bundles. */
    bool has_current;
    int32_t current_pid;
    int32_t current_prio;
    guint8 current_comm[MAX_COMM_BYTES];
    gsize current_comm_bytes;
    /* The message, and what it is made of. */
    Perfetto__FtraceEventBundle message;
    Perfetto__FtraceEventBundle__CompactSched message_compact;
};

static GArray *numbers(guint size)
{
    return g_array_new(FALSE, FALSE, size);
}

static void compact_init(CompactArrays *compact)
{
    compact->switch_timestamp = numbers(sizeof(uint64_t));
    compact->switch_prev_state = numbers(sizeof(int64_t));
    compact->switch_next_pid = numbers(sizeof(int32_t));
    compact->switch_next_prio = numbers(sizeof(int32_t));
    compact->switch_next_comm_index = numbers(sizeof(uint32_t));
    compact->waking_timestamp = numbers(sizeof(uint64_t));
    compact->waking_pid = numbers(sizeof(int32_t));
    compact->waking_target_cpu = numbers(sizeof(int32_t));
    compact->waking_prio = numbers(sizeof(int32_t));
    compact->waking_comm_index = numbers(sizeof(uint32_t));
    compact->waking_common_flags = numbers(sizeof(uint32_t));
    compact->intern_table = g_ptr_array_new();
    compact->intern = g_hash_table_new(g_str_hash, g_str_equal);
}

/* All arrays of numbers, for what is done to each. */
#define N_COMPACT_ARRAYS 11

static void compact_list(const CompactArrays *compact,
                         GArray *arrays[N_COMPACT_ARRAYS])
{
    GArray *const list[N_COMPACT_ARRAYS] = {
        compact->switch_timestamp,
        compact->switch_prev_state,
        compact->switch_next_pid,
        compact->switch_next_prio,
        compact->switch_next_comm_index,
        compact->waking_timestamp,
        compact->waking_pid,
        compact->waking_target_cpu,
        compact->waking_prio,
        compact->waking_comm_index,
        compact->waking_common_flags,
    };

    memcpy(arrays, list, sizeof(list));
}

static void compact_clear(CompactArrays *compact)
{
    GArray *arrays[N_COMPACT_ARRAYS];

    compact_list(compact, arrays);
    for (int i = 0; i < N_COMPACT_ARRAYS; i++) {
        g_array_set_size(arrays[i], 0);
    }
    g_ptr_array_set_size(compact->intern_table, 0);
    g_hash_table_remove_all(compact->intern);
    compact->last_switch = 0;
    compact->last_waking = 0;
}

static void compact_free(CompactArrays *compact)
{
    GArray *arrays[N_COMPACT_ARRAYS];

    compact_list(compact, arrays);
    for (int i = 0; i < N_COMPACT_ARRAYS; i++) {
        g_array_unref(arrays[i]);
    }
    g_ptr_array_unref(compact->intern_table);
    g_hash_table_unref(compact->intern);
}

PerfettoBundle *perfetto_bundle_new(unsigned cpu, gsize memory_bytes)
{
    PerfettoBundle *bundle = g_new0(PerfettoBundle, 1);

    bundle->cpu = cpu;
    bundle->memory_bytes = memory_bytes;
    bundle->arena = arena_new(memory_bytes);
    bundle->events = g_ptr_array_new();
    compact_init(&bundle->compact);
    return bundle;
}

void perfetto_bundle_free(PerfettoBundle *bundle)
{
    if (bundle) {
        compact_free(&bundle->compact);
        g_ptr_array_unref(bundle->events);
        arena_free(bundle->arena);
        g_free(bundle);
    }
}

bool perfetto_bundle_is_empty(const PerfettoBundle *bundle)
{
    return bundle->is_taken || (bundle->events->len == 0 &&
                                bundle->compact.switch_timestamp->len == 0 &&
                                bundle->compact.waking_timestamp->len == 0);
}

/*
 * A reader sorts by time, and takes a packet's compact events before its
 * others, so the order of what happened at one time is that of the packets.
 */
bool perfetto_bundle_must_end(const PerfettoBundle *bundle,
                              const TimelineEvent *event)
{
    return !perfetto_bundle_is_empty(bundle) &&
           (bundle->used_bytes >= bundle->memory_bytes ||
            event->time <= bundle->last_time);
}

static void forget(PerfettoBundle *bundle)
{
    if (bundle->is_taken) {
        compact_clear(&bundle->compact);
        g_ptr_array_set_size(bundle->events, 0);
        arena_reset(bundle->arena);
        bundle->used_bytes = 0;
        bundle->is_after_loss = false;
        bundle->is_taken = false;
    }
}

void perfetto_bundle_lose(PerfettoBundle *bundle)
{
    forget(bundle);
    bundle->is_after_loss = true;
    bundle->has_current = false;
}

static int64_t read_number(const EventFieldType *field, const CpuEvent *event)
{
    return event_field_read(&field->where, event->data, event->size_bytes);
}

static EventSpan read_span(const EventFieldType *field, const CpuEvent *event)
{
    return event_field_span(field, event->data, event->size_bytes);
}

static bool is_current(const PerfettoBundle *bundle, const PerfettoSwitch *type,
                       const CpuEvent *event)
{
    EventSpan comm = read_span(type->prev_comm, event);

    return bundle->has_current &&
           read_number(type->prev_pid, event) == bundle->current_pid &&
           read_number(type->prev_prio, event) == bundle->current_prio &&
           comm.size_bytes == bundle->current_comm_bytes &&
           memcmp(comm.data, bundle->current_comm, comm.size_bytes) == 0;
}

static void set_current(PerfettoBundle *bundle, const PerfettoSwitch *type,
                        const CpuEvent *event)
{
    EventSpan comm = read_span(type->next_comm, event);

    bundle->has_current = comm.size_bytes <= MAX_COMM_BYTES;
    bundle->current_pid = (int32_t)read_number(type->next_pid, event);
    bundle->current_prio = (int32_t)read_number(type->next_prio, event);
    bundle->current_comm_bytes = MIN(comm.size_bytes, MAX_COMM_BYTES);
    memcpy(bundle->current_comm, comm.data, bundle->current_comm_bytes);
}

static uint32_t intern(PerfettoBundle *bundle, const EventFieldType *field,
                       const CpuEvent *event)
{
    CompactArrays *compact = &bundle->compact;
    EventSpan span = read_span(field, event);
    char *text = perfetto_text(&span, bundle->arena);
    gpointer index;

    if (g_hash_table_lookup_extended(compact->intern, text, NULL, &index)) {
        return GPOINTER_TO_UINT(index);
    }
    g_ptr_array_add(compact->intern_table, text);
    g_hash_table_insert(compact->intern, text,
                        GUINT_TO_POINTER(compact->intern_table->len - 1));
    return compact->intern_table->len - 1;
}

static void append_u64(GArray *array, uint64_t value)
{
    g_array_append_val(array, value);
}

static void append_u32(GArray *array, uint32_t value)
{
    g_array_append_val(array, value);
}

static void add_switch(PerfettoBundle *bundle, const PerfettoSwitch *type,
                       const TimelineEvent *event)
{
    CompactArrays *compact = &bundle->compact;
    const CpuEvent *record = &event->event;

    append_u64(compact->switch_timestamp, event->time - compact->last_switch);
    append_u64(compact->switch_prev_state,
               (uint64_t)read_number(type->prev_state, record));
    append_u32(compact->switch_next_pid,
               (uint32_t)read_number(type->next_pid, record));
    append_u32(compact->switch_next_prio,
               (uint32_t)read_number(type->next_prio, record));
    append_u32(compact->switch_next_comm_index,
               intern(bundle, type->next_comm, record));
    compact->last_switch = event->time;
}

static void add_waking(PerfettoBundle *bundle, const PerfettoType *type,
                       const TimelineEvent *event)
{
    CompactArrays *compact = &bundle->compact;
    const PerfettoWaking *waking = &type->sched_waking;
    const CpuEvent *record = &event->event;

    append_u64(compact->waking_timestamp, event->time - compact->last_waking);
    append_u32(compact->waking_pid, (uint32_t)read_number(waking->pid, record));
    append_u32(compact->waking_target_cpu,
               (uint32_t)read_number(waking->target_cpu, record));
    append_u32(compact->waking_prio,
               (uint32_t)read_number(waking->prio, record));
    append_u32(compact->waking_comm_index,
               intern(bundle, waking->comm, record));
    append_u32(compact->waking_common_flags,
               (uint32_t)event_field_read(&type->flags, record->data,
                                          record->size_bytes));
    compact->last_waking = event->time;
}

/* Perfetto keeps the compact form's numbers in 16 bits. */
static bool is_small(int64_t value)
{
    return value >= 0 && value <= INT16_MAX;
}

static bool add_compact(PerfettoBundle *bundle, const PerfettoType *type,
                        const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    int64_t pid =
        event_field_read(&type->pid, record->data, record->size_bytes);

    if (!bundle->has_current || pid != bundle->current_pid) {
        return false;
    }
    if (type->kind == PERFETTO_SWITCH &&
        is_current(bundle, &type->sched_switch, record)) {
        add_switch(bundle, &type->sched_switch, event);
        return true;
    }
    if (type->kind == PERFETTO_WAKING &&
        is_small(read_number(type->sched_waking.prio, record)) &&
        is_small(read_number(type->sched_waking.target_cpu, record))) {
        add_waking(bundle, type, event);
        return true;
    }
    return false;
}

void perfetto_bundle_add(PerfettoBundle *bundle, const PerfettoType *type,
                         const TimelineEvent *event)
{
    forget(bundle);
    bundle->last_time = event->time;
    /* About what the message of either form takes. */
    bundle->used_bytes += 64 + event->event.size_bytes;
    if (!add_compact(bundle, type, event)) {
        g_ptr_array_add(bundle->events,
                        perfetto_type_make(type, event, bundle->arena));
        bundle->used_bytes += sizeof(Perfetto__FtraceEvent);
    }
    if (type->kind == PERFETTO_SWITCH) {
        set_current(bundle, &type->sched_switch, &event->event);
    }
}

#define PUT(message, array, member)                          \
    do {                                                     \
        (message)->n_##member = (array)->member->len;        \
        (message)->member = (gpointer)(array)->member->data; \
    } while (0)

static void make_compact(PerfettoBundle *bundle)
{
    const CompactArrays *compact = &bundle->compact;
    Perfetto__FtraceEventBundle__CompactSched *to = &bundle->message_compact;

    perfetto__ftrace_event_bundle__compact_sched__init(to);
    PUT(to, compact, switch_timestamp);
    PUT(to, compact, switch_prev_state);
    PUT(to, compact, switch_next_pid);
    PUT(to, compact, switch_next_prio);
    PUT(to, compact, switch_next_comm_index);
    PUT(to, compact, waking_timestamp);
    PUT(to, compact, waking_pid);
    PUT(to, compact, waking_target_cpu);
    PUT(to, compact, waking_prio);
    PUT(to, compact, waking_comm_index);
    PUT(to, compact, waking_common_flags);
    to->n_intern_table = compact->intern_table->len;
    to->intern_table = (char **)compact->intern_table->pdata;
}

Perfetto__FtraceEventBundle *perfetto_bundle_take(PerfettoBundle *bundle)
{
    Perfetto__FtraceEventBundle *to = &bundle->message;

    forget(bundle);
    perfetto__ftrace_event_bundle__init(to);
    to->has_cpu = true;
    to->cpu = bundle->cpu;
    to->has_lost_events = bundle->is_after_loss;
    to->lost_events = bundle->is_after_loss;
    to->n_event = bundle->events->len;
    to->event = (Perfetto__FtraceEvent **)bundle->events->pdata;
    if (bundle->compact.intern_table->len > 0) {
        make_compact(bundle);
        to->compact_sched = &bundle->message_compact;
    }
    bundle->is_taken = true;
    return to;
}
