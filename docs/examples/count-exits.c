/*
 * Counts the exits of every guest CPU, and shows the last one of each.
 *
 *     cc count-exits.c $(pkg-config --cflags --libs qemu-trace-merge)
 *     ./a.out SESSION-DIRECTORY
 *     ./a.out HOST.dat GUEST.dat
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <qemu-trace-merge.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_CPUS 256

static struct {
    unsigned long n_exits;
    char last[512];
} cpus[MAX_CPUS];

static int fail(char *error)
{
    fprintf(stderr, "count-exits: %s\n", error);
    free(error);
    return 1;
}

/* The CPU of a guest that this thread of its host runs, or -1. */
static int find_cpu(const struct qtm_trace *trace, unsigned guest, int32_t tid)
{
    unsigned n_cpus = qtm_machine_n_cpus(trace, guest);

    for (unsigned cpu = 0; cpu < n_cpus && cpu < MAX_CPUS; cpu++) {
        if (qtm_machine_vcpu_thread(trace, guest, cpu) == tid) {
            return (int)cpu;
        }
    }
    return -1;
}

static void count(struct qtm_trace *trace, unsigned guest)
{
    const struct qtm_event *event;

    while ((event = qtm_trace_next(trace)) != NULL) {
        int cpu = find_cpu(trace, guest, qtm_event_pid(event));

        if (cpu >= 0) {
            cpus[cpu].n_exits++;
            snprintf(cpus[cpu].last, sizeof(cpus[cpu].last), "%s",
                     qtm_event_text(event));
        }
    }
}

int main(int argc, char **argv)
{
    struct qtm_trace *trace = qtm_trace_new();
    char *error = NULL;
    const char *warning;
    unsigned guest = 0;

    if (argc == 2) {
        qtm_trace_add_session(trace, argv[1]);
    } else if (argc == 3) {
        qtm_trace_add_file(trace, argv[1]);
        qtm_trace_add_file(trace, argv[2]);
    } else {
        fprintf(stderr, "usage: count-exits SESSION | HOST.dat GUEST.dat\n");
        return 2;
    }
    if (!qtm_trace_select(trace, QTM_SELECT_EVENT, "kvm_exit", &error) ||
        !qtm_trace_open(trace, &error)) {
        return fail(error);
    }
    /* The first machine that has a host. */
    while (qtm_machine_host(trace, guest) < 0) {
        if (++guest >= qtm_trace_n_machines(trace)) {
            fprintf(stderr, "count-exits: there is no guest in %s\n", argv[1]);
            return 1;
        }
    }
    count(trace, guest);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (cpus[cpu].n_exits > 0) {
            printf("%s CPU %u: %lu exits, the last one:\n%s\n",
                   qtm_machine_name(trace, guest), cpu, cpus[cpu].n_exits,
                   cpus[cpu].last);
        }
    }
    for (unsigned i = 0; (warning = qtm_trace_warning(trace, i)) != NULL; i++) {
        fprintf(stderr, "warning: %s\n", warning);
    }
    qtm_trace_free(trace);
    return 0;
}
