/*
 * Asking for offsets, by the best way that there is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/offset-source.h"

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/vcpu-list.h"
#include "session/kvm-debugfs.h"
#include "session/session-error.h"

gboolean offset_choice_parse(const char *name, OffsetChoice *choice)
{
    static const char *const names[] = {
        [OFFSET_CHOICE_BEST] = "auto",
        [OFFSET_CHOICE_QMP] = "qmp",
        [OFFSET_CHOICE_DEBUGFS] = "debugfs",
        [OFFSET_CHOICE_INFERRED] = "inferred",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(name, names[i])) {
            *choice = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean read_debugfs(OffsetReading *reading)
{
    g_autofree char *dir =
        kvm_debugfs_vcpu_dir(reading->thread_id, reading->apic_id);

    if (reading->source != OFFSET_SOURCE_NONE_KVM || !dir ||
        !kvm_debugfs_read_offset(dir, &reading->offset_ticks)) {
        return FALSE;
    }
    reading->source = OFFSET_SOURCE_DEBUGFS;
    return TRUE;
}

static gboolean read_all_debugfs(OffsetQuery *query)
{
    gboolean has_all = TRUE;

    query->from_host_ticks = host_ticks_now();
    for (guint i = 0; i < query->readings->len; i++) {
        has_all &=
            read_debugfs(&g_array_index(query->readings, OffsetReading, i));
    }
    query->to_host_ticks = host_ticks_now();
    return has_all;
}

OffsetQuery *offset_source_query(GuestLink *link, OffsetChoice choice,
                                 OffsetFreshness freshness, GError **error)
{
    g_autoptr(OffsetQuery) query = NULL;
    g_autoptr(GError) cause = NULL;

    if (choice == OFFSET_CHOICE_BEST || choice == OFFSET_CHOICE_QMP) {
        query = offset_query_run(link, freshness, &cause);
        if (query || choice == OFFSET_CHOICE_QMP ||
            !g_error_matches(cause, CONNECTION_ERROR,
                             CONNECTION_ERROR_NO_COMMAND)) {
            if (!query) {
                g_propagate_error(error, g_steal_pointer(&cause));
            }
            return g_steal_pointer(&query);
        }
    }
    query = vcpu_list_query(link, error);
    if (!query || choice == OFFSET_CHOICE_INFERRED) {
        return g_steal_pointer(&query);
    }
    if (!read_all_debugfs(query) && choice == OFFSET_CHOICE_DEBUGFS) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                    "debugfs does not tell the TSC offsets: it must be mounted "
                    "on /sys/kernel/debug, and the guest run under KVM");
        return NULL;
    }
    return g_steal_pointer(&query);
}
