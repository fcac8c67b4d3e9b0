/*
 * CpuList: which CPUs a kernel has ring buffers for, and their APIC ids.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CPU_LIST_H
#define CPU_LIST_H

#include <glib.h>

#include "trace-stream.h"

/*
 * All CPUs with a directory @per_cpu_dir/cpuN, ascending, as TraceHelloCpu.
 * These are the possible CPUs, so that one that comes online later has a place
 * in the stream.  @cpuinfo: the text of /proc/cpuinfo; a CPU that it doesn't
 * name (it is offline) has TRACE_STREAM_NO_APIC_ID.
 */
GArray *cpu_list_new(const char *per_cpu_dir, const char *cpuinfo,
                     GError **error);

#endif
