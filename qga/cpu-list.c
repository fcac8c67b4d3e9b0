/*
 * CpuList: which CPUs a kernel has ring buffers for, and their APIC ids.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cpu-list.h"

#include <stdio.h>
#include <string.h>

#include "trace-error.h"

/* The value of a "KEY<blanks>: VALUE" line. */
static bool parse_line(const char *line, const char *key, guint *value)
{
    gsize length = strlen(key);

    return g_str_has_prefix(line, key) &&
           sscanf(line + length, "%*[ \t]: %u", value) == 1;
}

/*
 * "apicid" is the id by which the kernel addresses the CPU's local APIC
 * (arch/x86/kernel/cpu/proc.c, show_cpuinfo_core), the one that KVM sets to
 * vcpu_id (arch/x86/kvm/lapic.c, kvm_lapic_reset) and QEMU to the CPU's APIC
 * id.  "initial apicid" comes from CPUID, whose leaf 1 has 8 bits of it only;
 * older kernels show those on a CPU without leaf 0xb.
 */
static GHashTable *parse_apic_ids(const char *cpuinfo)
{
    GHashTable *ids = g_hash_table_new(NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(cpuinfo, "\n", -1);
    bool has_cpu = false;
    guint cpu = 0;

    for (guint i = 0; lines[i]; i++) {
        guint value;

        if (parse_line(lines[i], "processor", &value)) {
            cpu = value;
            has_cpu = true;
        } else if (has_cpu && parse_line(lines[i], "apicid", &value)) {
            g_hash_table_insert(ids, GUINT_TO_POINTER(cpu),
                                GUINT_TO_POINTER(value));
        }
    }
    return ids;
}

static int compare_cpus(gconstpointer a, gconstpointer b)
{
    const TraceHelloCpu *left = a;
    const TraceHelloCpu *right = b;

    return left->cpu < right->cpu ? -1 : left->cpu > right->cpu;
}

GArray *cpu_list_new(const char *per_cpu_dir, const char *cpuinfo,
                     GError **error)
{
    g_autoptr(GArray) cpus = g_array_new(FALSE, TRUE, sizeof(TraceHelloCpu));
    g_autoptr(GHashTable) ids = parse_apic_ids(cpuinfo);
    g_autoptr(GDir) dir = g_dir_open(per_cpu_dir, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        TraceHelloCpu cpu = {.apic_id = TRACE_STREAM_NO_APIC_ID};
        gpointer id;

        if (sscanf(name, "cpu%u", &cpu.cpu) != 1) {
            continue;
        }
        if (g_hash_table_lookup_extended(ids, GUINT_TO_POINTER(cpu.cpu), NULL,
                                         &id)) {
            cpu.apic_id = GPOINTER_TO_UINT(id);
        }
        g_array_append_val(cpus, cpu);
    }
    if (!dir) {
        return NULL;
    }
    if (cpus->len == 0 || cpus->len > TRACE_STREAM_MAX_CPUS) {
        trace_throw(error, "%s has %u CPUs: 1 to %u can be recorded",
                    per_cpu_dir, cpus->len, TRACE_STREAM_MAX_CPUS);
        return NULL;
    }
    g_array_sort(cpus, compare_cpus);
    return g_steal_pointer(&cpus);
}
