/*
 * OffsetChanges: what a host's trace says of its vCPUs' TSC offsets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/offset-changes.h"

#include "trace-data/cpu-cursor.h"
#include "trace-data/dat-open.h"
#include "trace-data/event-table.h"

/* Where kvm_write_tsc_offset keeps its numbers. */
typedef struct ChangeFields {
    int id;
    EventField pid;
    EventField vcpu_id;
    EventField previous;
    EventField next;
} ChangeFields;

static ChangeFields find_fields(const EventTable *table)
{
    int id = event_table_find(table, "kvm", "kvm_write_tsc_offset");

    return (ChangeFields){
        .id = id,
        .pid = event_table_pid_field(table),
        .vcpu_id = event_table_field(table, id, "vcpu_id"),
        .previous = event_table_field(table, id, "previous_tsc_offset"),
        .next = event_table_field(table, id, "next_tsc_offset"),
    };
}

static void read_cpu(DatFile *dat, unsigned cpu, const ChangeFields *fields,
                     GArray *changes)
{
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(dat, cpu, NULL, 0);
    CpuEvent event;

    while (cpu_cursor_next(cursor, &event)) {
        const uint8_t *data = event.data;
        size_t size = event.size_bytes;
        OffsetChange change;

        if (event_record_id(data, size) != fields->id) {
            continue;
        }
        change = (OffsetChange){
            .host_ticks = event.ticks,
            .vcpu_id = (uint32_t)event_field_read(&fields->vcpu_id, data, size),
            .thread_id = (int32_t)event_field_read(&fields->pid, data, size),
            .previous_ticks = event_field_read(&fields->previous, data, size),
            .next_ticks = event_field_read(&fields->next, data, size),
        };
        g_array_append_val(changes, change);
    }
}

static gint compare_ticks(gconstpointer a, gconstpointer b)
{
    const OffsetChange *x = a;
    const OffsetChange *y = b;

    return (x->host_ticks > y->host_ticks) - (x->host_ticks < y->host_ticks);
}

GArray *offset_changes_read(int fd, const char *path, const Limits *limits,
                            GError **error)
{
    g_autoptr(DatFile) dat = dat_file_open_fd(fd, path, limits, error);
    g_autoptr(GArray) changes = NULL;
    g_autoptr(EventTable) table = NULL;
    ChangeFields fields;

    if (!dat) {
        return NULL;
    }
    changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));
    table = event_table_new(dat);
    fields = find_fields(table);
    for (guint cpu = 0; fields.id != EVENT_ID_NONE && cpu < dat->cpus->len;
         cpu++) {
        read_cpu(dat, cpu, &fields, changes);
    }
    g_array_sort(changes, compare_ticks);
    return g_steal_pointer(&changes);
}
