/*
 * VcpuMap: which thread of which host is which CPU of which guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/vcpu-map.h"

/* A thread of a host, or a CPU of a guest. */
typedef struct VcpuKey {
    const TimelineInput *input;
    int64_t number;
} VcpuKey;

struct VcpuMap {
    GPtrArray *vcpus;      /* of Vcpu, owned */
    GHashTable *by_cpu;    /* VcpuKey -> Vcpu */
    GHashTable *by_thread; /* likewise */
};

static guint key_hash(gconstpointer data)
{
    const VcpuKey *key = data;

    return g_direct_hash(key->input) * 31 + (guint)key->number;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const VcpuKey *one = a, *other = b;

    return one->input == other->input && one->number == other->number;
}

static void add_key(GHashTable *table, const TimelineInput *input,
                    int64_t number, Vcpu *vcpu)
{
    VcpuKey *key = g_new(VcpuKey, 1);

    *key = (VcpuKey){.input = input, .number = number};
    g_hash_table_replace(table, key, vcpu);
}

const TimelineInput *vcpu_map_host_of(GPtrArray *inputs,
                                      const TimelineInput *guest)
{
    for (guint i = 0; guest->vcpu_threads && i < inputs->len; i++) {
        const TimelineInput *host = inputs->pdata[i];

        if (timeline_input_is_host_of(host, guest)) {
            return host;
        }
    }
    return NULL;
}

static void add_guest(VcpuMap *map, const TimelineInput *guest,
                      const TimelineInput *host)
{
    for (guint cpu = 0; cpu < guest->vcpu_threads->len; cpu++) {
        int32_t thread_id = g_array_index(guest->vcpu_threads, int32_t, cpu);
        Vcpu *vcpu = (Vcpu *)vcpu_map_of_thread(map, host, thread_id);

        if (thread_id == 0) {
            continue;
        }
        if (vcpu) {
            /* Another recording of the same guest. */
            add_key(map->by_cpu, guest, cpu, vcpu);
            continue;
        }
        vcpu = g_new0(Vcpu, 1);
        *vcpu = (Vcpu){
            .guest = guest,
            .cpu = cpu,
            .host = host,
            .thread_id = thread_id,
            .index = map->vcpus->len,
        };
        g_ptr_array_add(map->vcpus, vcpu);
        add_key(map->by_cpu, guest, cpu, vcpu);
        add_key(map->by_thread, host, thread_id, vcpu);
    }
}

VcpuMap *vcpu_map_new(GPtrArray *inputs)
{
    VcpuMap *map = g_new0(VcpuMap, 1);

    map->vcpus = g_ptr_array_new_with_free_func(g_free);
    map->by_cpu = g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
    map->by_thread = g_hash_table_new_full(key_hash, key_equal, g_free, NULL);
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *guest = inputs->pdata[i];
        const TimelineInput *host = vcpu_map_host_of(inputs, guest);

        if (host) {
            add_guest(map, guest, host);
        }
    }
    return map;
}

void vcpu_map_free(VcpuMap *map)
{
    if (map) {
        g_hash_table_unref(map->by_cpu);
        g_hash_table_unref(map->by_thread);
        g_ptr_array_unref(map->vcpus);
        g_free(map);
    }
}

guint vcpu_map_size(const VcpuMap *map)
{
    return map->vcpus->len;
}

const Vcpu *vcpu_map_at(const VcpuMap *map, guint index)
{
    return map->vcpus->pdata[index];
}

const Vcpu *vcpu_map_of_cpu(const VcpuMap *map, const TimelineInput *guest,
                            unsigned cpu)
{
    const VcpuKey key = {.input = guest, .number = cpu};

    return g_hash_table_lookup(map->by_cpu, &key);
}

const Vcpu *vcpu_map_of_thread(const VcpuMap *map, const TimelineInput *host,
                               int32_t thread_id)
{
    const VcpuKey key = {.input = host, .number = thread_id};

    return g_hash_table_lookup(map->by_thread, &key);
}
