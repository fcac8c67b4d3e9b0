/*
 * Reading the windows of vCPUs from a host's file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/window-list.h"

#include "trace-data/cpu-cursor.h"

/* One end of a window, or a time of which nothing is known. */
typedef struct Edge {
    uint64_t ticks;
    gboolean is_entry;
} Edge;

/* Who was switched to last on one CPU. */
typedef struct Switch {
    gboolean is_known;
    int32_t tid;
    uint64_t ticks;
} Switch;

typedef struct Reader {
    WindowKind kind;
    int entry_id;
    int exit_id;
    EventField pid;
    EventField previous;
    EventField next;
    GHashTable *by_thread; /* int32 tid -> GArray of Edge */
    GArray *lossy;         /* of HostWindow */
} Reader;

static void find_events(Reader *reader, const EventTable *table)
{
    reader->pid = event_table_pid_field(table);
    if (reader->kind == WINDOW_KVM) {
        reader->entry_id = event_table_find(table, "kvm", "kvm_entry");
        reader->exit_id = event_table_find(table, "kvm", "kvm_exit");
        return;
    }
    reader->entry_id = event_table_find(table, "sched", "sched_switch");
    reader->exit_id = reader->entry_id;
    reader->previous = event_table_field(table, reader->entry_id, "prev_pid");
    reader->next = event_table_field(table, reader->entry_id, "next_pid");
}

static void add_edge(Reader *reader, int32_t tid, uint64_t ticks,
                     gboolean is_entry)
{
    GArray *edges =
        g_hash_table_lookup(reader->by_thread, GINT_TO_POINTER(tid));
    Edge edge = {ticks, is_entry};

    if (edges) {
        g_array_append_val(edges, edge);
    }
}

static void add_lossy(Reader *reader, uint64_t from_ticks, uint64_t to_ticks)
{
    HostWindow lossy = {from_ticks, to_ticks};

    g_array_append_val(reader->lossy, lossy);
}

/*
 * Some kernels keep tasks of their own out of the trace, and with them the
 * switches that these make: who leaves a CPU is not who came last then.
 */
static void take_switch(Reader *reader, const CpuEvent *event, Switch *last)
{
    const uint8_t *data = event->data;
    size_t size = event->size_bytes;
    int32_t previous = (int32_t)event_field_read(&reader->previous, data, size);
    int32_t next = (int32_t)event_field_read(&reader->next, data, size);

    if (last->is_known && last->tid != previous) {
        add_lossy(reader, last->ticks, event->line_ticks);
    }
    *last = (Switch){TRUE, next, event->line_ticks};
    add_edge(reader, previous, event->line_ticks, FALSE);
    add_edge(reader, next, event->line_ticks, TRUE);
}

static void take_event(Reader *reader, const CpuEvent *event, Switch *last)
{
    const uint8_t *data = event->data;
    size_t size = event->size_bytes;
    int id = event_record_id(data, size);

    if (id == EVENT_ID_NONE ||
        (id != reader->entry_id && id != reader->exit_id)) {
        return;
    }
    if (reader->kind == WINDOW_SCHED) {
        take_switch(reader, event, last);
        return;
    }
    add_edge(reader, (int32_t)event_field_read(&reader->pid, data, size),
             event->line_ticks, id == reader->entry_id);
}

static void read_cpu(Reader *reader, const WindowSource *host, unsigned cpu)
{
    const ClockTrack *track = host->tracks && cpu < host->tracks->len
                                  ? host->tracks->pdata[cpu]
                                  : NULL;
    g_autoptr(CpuCursor) cursor =
        cpu_cursor_new(host->dat, cpu, track, host->shift_ticks);
    Switch last = {FALSE};
    uint64_t last_ticks = 0;
    bool loss_follows = false;
    CpuEvent event;

    while (cpu_cursor_next(cursor, &event)) {
        if (event.missed_events != 0) {
            add_lossy(reader, last_ticks, event.line_ticks);
            last.is_known = FALSE;
        }
        take_event(reader, &event, &last);
        last_ticks = event.line_ticks;
        loss_follows = event.loss_follows;
    }
    if (loss_follows) {
        add_lossy(reader, last_ticks, UINT64_MAX);
    }
}

static gint compare_edges(gconstpointer a, gconstpointer b)
{
    const Edge *x = a;
    const Edge *y = b;

    return (x->ticks > y->ticks) - (x->ticks < y->ticks);
}

static gint compare_windows(gconstpointer a, gconstpointer b)
{
    const HostWindow *x = a;
    const HostWindow *y = b;

    return (x->from_ticks > y->from_ticks) - (x->from_ticks < y->from_ticks);
}

static GArray *pair_edges(GArray *edges)
{
    GArray *windows = g_array_new(FALSE, FALSE, sizeof(HostWindow));
    HostWindow window = {0, UINT64_MAX}; /* open since before the recording */
    gboolean is_open = TRUE;

    g_array_sort(edges, compare_edges);
    for (guint i = 0; i < edges->len; i++) {
        const Edge *edge = &g_array_index(edges, Edge, i);

        if (i == 0 && edge->is_entry) {
            /* Nothing is known of the time before. */
            window.to_ticks = edge->ticks;
            g_array_append_val(windows, window);
        }
        if (edge->is_entry && (!is_open || i == 0)) {
            window.from_ticks = edge->ticks;
        } else if (!edge->is_entry && is_open) {
            window.to_ticks = edge->ticks;
            g_array_append_val(windows, window);
        }
        is_open = edge->is_entry;
    }
    if (!is_open) {
        window.from_ticks = g_array_index(edges, Edge, edges->len - 1).ticks;
    }
    window.to_ticks = UINT64_MAX;
    g_array_append_val(windows, window);
    return windows;
}

/* Overlapping ones become one. */
static void join(GArray *windows)
{
    guint n_joined = 0;

    g_array_sort(windows, compare_windows);
    for (guint i = 0; i < windows->len; i++) {
        HostWindow window = g_array_index(windows, HostWindow, i);
        HostWindow *last =
            n_joined ? &g_array_index(windows, HostWindow, n_joined - 1) : NULL;

        if (last && window.from_ticks <= last->to_ticks) {
            last->to_ticks = MAX(last->to_ticks, window.to_ticks);
        } else {
            g_array_index(windows, HostWindow, n_joined++) = window;
        }
    }
    g_array_set_size(windows, n_joined);
}

void window_list_widen(GArray *windows, uint64_t ticks)
{
    for (guint i = 0; i < windows->len; i++) {
        HostWindow *window = &g_array_index(windows, HostWindow, i);

        window->from_ticks -= MIN(window->from_ticks, ticks);
        window->to_ticks += MIN(UINT64_MAX - window->to_ticks, ticks);
    }
    join(windows);
}

static GArray *windows_of(const Reader *reader, int32_t tid)
{
    GArray *edges =
        g_hash_table_lookup(reader->by_thread, GINT_TO_POINTER(tid));
    GArray *windows = pair_edges(edges);

    g_array_append_vals(windows, reader->lossy->data, reader->lossy->len);
    join(windows);
    return windows;
}

GPtrArray *window_list_read(const WindowSource *host, WindowKind kind,
                            const GArray *threads)
{
    GPtrArray *lists =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    g_autoptr(GHashTable) by_thread =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
    g_autoptr(GArray) lossy = g_array_new(FALSE, FALSE, sizeof(HostWindow));
    Reader reader = {.kind = kind, .by_thread = by_thread, .lossy = lossy};

    find_events(&reader, host->events);
    for (guint i = 0; i < threads->len; i++) {
        g_hash_table_insert(by_thread,
                            GINT_TO_POINTER(g_array_index(threads, int32_t, i)),
                            g_array_new(FALSE, FALSE, sizeof(Edge)));
    }
    for (guint cpu = 0; cpu < host->dat->cpus->len; cpu++) {
        read_cpu(&reader, host, cpu);
    }
    for (guint i = 0; i < threads->len; i++) {
        g_ptr_array_add(lists, windows_of(&reader,
                                          g_array_index(threads, int32_t, i)));
    }
    return lists;
}

guint window_list_find(const GArray *windows, uint64_t ticks)
{
    guint low = 0, high = windows->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(windows, HostWindow, middle).to_ticks < ticks) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

gboolean window_list_has(const GArray *windows, uint64_t ticks)
{
    guint i = window_list_find(windows, ticks);

    return i < windows->len &&
           g_array_index(windows, HostWindow, i).from_ticks <= ticks;
}
