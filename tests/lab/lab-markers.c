/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-markers: numbered trace markers of one CPU, as fast as they go, until a
 * file appears.
 *
 * So that every event of a recording can be accounted for: what was written,
 * less what was received, must be what is reported as lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the file is looked for. */
#define MARKERS_A_LOOK 64

/* How many were written until the file appeared. */
static unsigned long write_markers(int fd, int cpu, const char *stop_file)
{
    unsigned long count = 0;

    while (count % MARKERS_A_LOOK || access(stop_file, F_OK)) {
        char text[64];
        int size = snprintf(text, sizeof(text), "marker %d %lu", cpu, count);

        if (write(fd, text, size) != size) {
            fprintf(stderr, "lab-markers: cannot write marker %lu: %s\n", count,
                    strerror(errno));
            exit(1);
        }
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    cpu_set_t set;
    int cpu, fd;

    if (argc != 4) {
        fprintf(stderr, "usage: lab-markers CPU STOP_FILE TRACE_MARKER\n");
        return 2;
    }
    cpu = atoi(argv[1]);
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    fd = open(argv[3], O_WRONLY | O_CLOEXEC);
    if (fd < 0 || sched_setaffinity(0, sizeof(set), &set)) {
        fprintf(stderr, "lab-markers: cannot write to %s on CPU %d: %s\n",
                argv[3], cpu, strerror(errno));
        return 1;
    }
    printf("%lu\n", write_markers(fd, cpu, argv[2]));
    return 0;
}
