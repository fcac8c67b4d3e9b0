/*
 * query-cpus-fast, and each vCPU's APIC id (qapi/machine.json in QEMU's
 * source; the property apic-id of target/i386/cpu.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/vcpu-list.h"

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/json-read.h"

#define TIMEOUT_MS 10000
#define MAX_VCPUS  4096
#define MAX_PATH   1024

static gboolean throw_nonsense(const char *command, GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                "QEMU gave an answer to %s that makes no sense", command);
    return FALSE;
}

static gboolean read_apic_id(GuestLink *link, OffsetReading *reading,
                             GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(json_object) answer = NULL;
    int64_t id;

    json_object_object_add(arguments, "path",
                           json_object_new_string(reading->qom_path));
    json_object_object_add(arguments, "property",
                           json_object_new_string("apic-id"));
    answer =
        guest_link_qmp_execute(link, "qom-get", arguments, TIMEOUT_MS, error);
    if (!answer) {
        return FALSE;
    }
    id = json_object_get_int64(answer);
    if (!json_object_is_type(answer, json_type_int) || id < 0 ||
        id > UINT32_MAX) {
        return throw_nonsense("qom-get", error);
    }
    reading->apic_id = (uint32_t)id;
    return TRUE;
}

static gboolean read_vcpu(GuestLink *link, json_object *vcpu,
                          OffsetQuery *query, OffsetSource source,
                          GError **error)
{
    const char *qom_path = json_read_string(vcpu, "qom-path", MAX_PATH);
    OffsetReading reading = {.source = source};
    int64_t thread_id;

    if (!qom_path || !json_read_uint32(vcpu, "cpu-index", &reading.cpu_index) ||
        !json_read_int64(vcpu, "thread-id", 1, INT32_MAX, &thread_id)) {
        return throw_nonsense("query-cpus-fast", error);
    }
    reading.thread_id = thread_id;
    reading.qom_path = g_strdup(qom_path);
    if (!read_apic_id(link, &reading, error)) {
        g_free(reading.qom_path);
        return FALSE;
    }
    g_array_append_val(query->readings, reading);
    return TRUE;
}

static gboolean read_accelerator(GuestLink *link, OffsetSource *source,
                                 GError **error)
{
    g_autoptr(json_object) answer =
        guest_link_qmp_execute(link, "query-kvm", NULL, TIMEOUT_MS, error);
    gboolean is_enabled;

    if (!answer) {
        return FALSE;
    }
    if (!json_read_bool(answer, "enabled", &is_enabled)) {
        return throw_nonsense("query-kvm", error);
    }
    *source = is_enabled ? OFFSET_SOURCE_NONE_KVM : OFFSET_SOURCE_NONE_TCG;
    return TRUE;
}

static gboolean read_all(GuestLink *link, OffsetQuery *query, GError **error)
{
    g_autoptr(json_object) list = NULL;
    OffsetSource source = OFFSET_SOURCE_NONE_TCG;
    size_t n;

    if (!read_accelerator(link, &source, error)) {
        return FALSE;
    }
    list = guest_link_qmp_execute(link, "query-cpus-fast", NULL, TIMEOUT_MS,
                                  error);
    if (!list) {
        return FALSE;
    }
    n = json_object_is_type(list, json_type_array)
            ? json_object_array_length(list)
            : 0;
    if (n == 0 || n > MAX_VCPUS) {
        return throw_nonsense("query-cpus-fast", error);
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_vcpu(link, json_object_array_get_idx(list, i), query, source,
                       error)) {
            return FALSE;
        }
    }
    return TRUE;
}

OffsetQuery *vcpu_list_query(GuestLink *link, GError **error)
{
    g_autoptr(OffsetQuery) query = offset_query_new();

    query->from_host_ticks = host_ticks_now();
    if (!read_all(link, query, error)) {
        return NULL;
    }
    query->to_host_ticks = host_ticks_now();
    return g_steal_pointer(&query);
}
