/*
 * VcpuThreads: which host threads run a guest's vCPUs, where no file says it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/vcpu-threads.h"

#include "trace-data/cpu-cursor.h"

/* Of each host CPU: every vCPU enters its guest more often than this. */
#define MAX_EVENTS 500000
#define MAX_VCPUS  4096

typedef struct Entered {
    int64_t vcpu_id;
    int32_t tid;
} Entered;

static void note(GArray *entered, int64_t vcpu_id, int32_t tid)
{
    const Entered fresh = {vcpu_id, tid};

    for (guint i = 0; i < entered->len; i++) {
        if (g_array_index(entered, Entered, i).tid == tid) {
            return;
        }
    }
    if (entered->len < MAX_VCPUS) {
        g_array_append_val(entered, fresh);
    }
}

static void look(const TimelineInput *host, unsigned cpu, GArray *entered)
{
    int id = event_table_find(host->events, "kvm", "kvm_entry");
    EventField vcpu_id = event_table_field(host->events, id, "vcpu_id");
    EventField pid = event_table_pid_field(host->events);
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(host->dat, cpu, NULL, 0);
    CpuEvent event;

    for (int n = 0; n < MAX_EVENTS && cpu_cursor_next(cursor, &event); n++) {
        if (event_record_id(event.data, event.size_bytes) == id) {
            note(entered,
                 event_field_read(&vcpu_id, event.data, event.size_bytes),
                 (int32_t)event_field_read(&pid, event.data, event.size_bytes));
        }
    }
}

static int by_vcpu_id(gconstpointer a, gconstpointer b)
{
    int64_t one = ((const Entered *)a)->vcpu_id;
    int64_t other = ((const Entered *)b)->vcpu_id;

    return one < other ? -1 : one > other;
}

/* How many CPUs the guest must have had: up to the last with events. */
static guint count_cpus(const TimelineInput *guest)
{
    guint n = guest->dat->cpus->len;

    while (n > 0 &&
           g_array_index(guest->dat->cpus, DatCpuData, n - 1).size_bytes == 0) {
        n--;
    }
    return n;
}

GArray *vcpu_threads_infer(const TimelineInput *host,
                           const TimelineInput *guest)
{
    g_autoptr(GArray) entered = g_array_new(FALSE, FALSE, sizeof(Entered));
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));

    if (event_table_find(host->events, "kvm", "kvm_entry") == EVENT_ID_NONE) {
        return NULL;
    }
    for (unsigned cpu = 0; cpu < host->dat->cpus->len; cpu++) {
        look(host, cpu, entered);
    }
    g_array_sort(entered, by_vcpu_id);
    for (guint i = 0; i < entered->len; i++) {
        const Entered *vcpu = &g_array_index(entered, Entered, i);

        if (i > 0 && vcpu[-1].vcpu_id == vcpu->vcpu_id) {
            return NULL;
        }
        g_array_append_val(threads, vcpu->tid);
    }
    return threads->len > 0 && threads->len >= count_cpus(guest)
               ? g_steal_pointer(&threads)
               : NULL;
}
