/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-events: trace markers on every CPU at given rates, one after the other,
 * and what the machine spent meanwhile on everything else.
 *
 * To measure a recorder: it records the markers, so whatever runs besides this
 * program is the recorder's cost, be it in its own processes or in the
 * kernel's threads and interrupts on its behalf.  Without a recorder the same
 * figures are the base to subtract.  A marker says at which rate it was
 * written, so that one recording serves all of them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Seldom, as an emulated machine's timers are slow. */
#define BURST_NS G_GINT64_CONSTANT(10000000)
/* A recorder that took no event for so long has taken all that it would. */
#define QUIET_US (1250 * 1000)
/* A recorder that has so much to catch up with is not waited for. */
#define MAX_QUIETS 8

typedef struct Writer {
    pthread_t thread;
    int cpu;
    int fd;
    guint64 rate;
    guint64 a_burst; /* markers in BURST_NS; 0: as many as go */
    gint64 end_ns;
    guint64 written;
    gint64 latest_ns; /* how late the latest burst was */
} Writer;

/* Of everything but this process. */
typedef struct Spent {
    guint64 tasks_ns;
    guint64 kernel_ns; /* of it: kernel threads */
    guint64 irq_ns;
    GHashTable *by_name; /* of it: comm to ns, as guint64 */
} Spent;

static gint64 now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * G_GINT64_CONSTANT(1000000000) + ts.tv_nsec;
}

static void add_name(Spent *spent, const char *task, guint64 ns)
{
    g_autofree char *file = g_build_filename(task, "comm", NULL);
    char *comm = NULL;
    guint64 *sum;

    if (!g_file_get_contents(file, &comm, NULL, NULL)) {
        return;
    }
    /* kworker/0:1-events is any of them. */
    comm[strcspn(comm, "/:\n")] = '\0';
    sum = g_hash_table_lookup(spent->by_name, comm);
    if (sum) {
        *sum += ns;
        g_free(comm);
    } else {
        g_hash_table_insert(spent->by_name, comm, g_memdup2(&ns, sizeof(ns)));
    }
}

static void add_task(Spent *spent, const char *pid, const char *tid)
{
    g_autofree char *task = g_strdup_printf("/proc/%s/task/%s", pid, tid);
    g_autofree char *file = g_build_filename(task, "schedstat", NULL);
    g_autofree char *cmdline = g_build_filename(task, "cmdline", NULL);
    g_autofree char *text = NULL, *words = NULL;
    gsize length = 0;
    guint64 ns;

    if (!g_file_get_contents(file, &text, NULL, NULL)) {
        return;
    }
    ns = g_ascii_strtoull(text, NULL, 10);
    spent->tasks_ns += ns;
    add_name(spent, task, ns);
    if (g_file_get_contents(cmdline, &words, &length, NULL) && length == 0) {
        spent->kernel_ns += ns;
    }
}

static void add_tasks(Spent *spent)
{
    g_autofree char *self = g_strdup_printf("%d", (int)getpid());
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *pid, *tid;

    while ((pid = g_dir_read_name(processes))) {
        g_autofree char *path = g_strdup_printf("/proc/%s/task", pid);
        GDir *tasks;

        if (!isdigit((unsigned char)*pid) || g_str_equal(pid, self)) {
            continue;
        }
        tasks = g_dir_open(path, 0, NULL);
        while (tasks && (tid = g_dir_read_name(tasks))) {
            add_task(spent, pid, tid);
        }
        g_clear_pointer(&tasks, g_dir_close);
    }
}

/* user nice system idle iowait irq softirq, in ticks */
static guint64 irq_ns(void)
{
    g_autofree char *text = NULL;
    unsigned long long irq = 0, softirq = 0;

    if (!g_file_get_contents("/proc/stat", &text, NULL, NULL) ||
        sscanf(text, "cpu %*u %*u %*u %*u %*u %llu %llu", &irq, &softirq) !=
            2) {
        fprintf(stderr, "lab-events: /proc/stat is not understood\n");
        exit(1);
    }
    return (irq + softirq) * (1000000000 / (guint64)sysconf(_SC_CLK_TCK));
}

static Spent look(void)
{
    Spent spent = {.irq_ns = irq_ns(),
                   .by_name = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                    g_free, g_free)};

    add_tasks(&spent);
    return spent;
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set)) {
        fprintf(stderr, "lab-events: cannot run on CPU %d: %s\n", cpu,
                g_strerror(errno));
        exit(1);
    }
}

static void write_markers(Writer *writer, guint64 count)
{
    for (guint64 i = 0; i < count; i++) {
        char text[64];
        int size =
            snprintf(text, sizeof(text),
                     "marker %" G_GUINT64_FORMAT " %d %" G_GUINT64_FORMAT,
                     writer->rate, writer->cpu, writer->written);

        if (write(writer->fd, text, size) != size) {
            fprintf(stderr, "lab-events: cannot write a marker: %s\n",
                    g_strerror(errno));
            exit(1);
        }
        writer->written++;
    }
}

static void sleep_until(gint64 at_ns)
{
    struct timespec ts = {at_ns / 1000000000, at_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
           EINTR) {
        /* again */
    }
}

static void *run(void *opaque)
{
    Writer *writer = opaque;
    gint64 next_ns = now_ns();

    stay_on(writer->cpu);
    while (next_ns < writer->end_ns && now_ns() < writer->end_ns) {
        if (writer->a_burst == 0) {
            write_markers(writer, 64);
            continue;
        }
        sleep_until(next_ns);
        writer->latest_ns = MAX(writer->latest_ns, now_ns() - next_ns);
        write_markers(writer, writer->a_burst);
        next_ns += BURST_NS;
    }
    return NULL;
}

static void start(Writer *writer, int cpu, const char *marker_file,
                  guint64 rate, double seconds)
{
    *writer = (Writer){.cpu = cpu, .rate = rate};
    writer->a_burst = rate * BURST_NS / 1000000000;
    writer->end_ns = now_ns() + (gint64)(seconds * 1e9);
    writer->fd = open(marker_file, O_WRONLY | O_CLOEXEC);
    if (writer->fd < 0 ||
        pthread_create(&writer->thread, NULL, run, writer) != 0) {
        fprintf(stderr, "lab-events: cannot write to %s on CPU %d: %s\n",
                marker_file, cpu, g_strerror(errno));
        exit(1);
    }
}

/* Who spent more than a hundredth of it, as comm:ns,... */
static char *say_who(const Spent *before, const Spent *after)
{
    GString *text = g_string_new(NULL);
    guint64 least_ns = (after->tasks_ns - before->tasks_ns) / 100;
    GHashTableIter iter;
    gpointer comm, ns;

    g_hash_table_iter_init(&iter, after->by_name);
    while (g_hash_table_iter_next(&iter, &comm, &ns)) {
        const guint64 *old = g_hash_table_lookup(before->by_name, comm);
        guint64 spent_ns = *(guint64 *)ns - (old ? *old : 0);

        if (spent_ns > least_ns) {
            g_string_append_printf(text, "%s%s:%" G_GUINT64_FORMAT,
                                   text->len ? "," : "", (char *)comm,
                                   spent_ns);
        }
    }
    return g_string_free(text, FALSE);
}

/* How many events were taken from the buffers that the markers go to. */
static guint64 events_taken(const char *marker_file, int cpus)
{
    g_autofree char *dir = g_path_get_dirname(marker_file);
    guint64 taken = 0;

    for (int i = 0; i < cpus; i++) {
        g_autofree char *file =
            g_strdup_printf("%s/per_cpu/cpu%d/stats", dir, i);
        g_autofree char *text = NULL;
        const char *at;

        if (!g_file_get_contents(file, &text, NULL, NULL) ||
            !(at = strstr(text, "read events: "))) {
            fprintf(stderr, "lab-events: %s is not understood\n", file);
            exit(1);
        }
        taken += g_ascii_strtoull(at + strlen("read events: "), NULL, 10);
    }
    return taken;
}

/* Until the recorder has taken what it takes, which is returned. */
static guint64 settle(const char *marker_file, int cpus)
{
    guint64 before, after = events_taken(marker_file, cpus);

    for (int i = 0; i < MAX_QUIETS; i++) {
        before = after;
        g_usleep(QUIET_US);
        after = events_taken(marker_file, cpus);
        if (before == after) {
            break;
        }
    }
    return after;
}

static void measure(Writer *writers, int cpus, const char *marker_file,
                    guint64 rate, double seconds)
{
    guint64 written = 0, taken = events_taken(marker_file, cpus);
    Spent before = look(), after;
    gint64 begin_ns = now_ns(), took_ns, all_ns, latest_ns = 0;
    g_autofree char *who = NULL;

    for (int i = 0; i < cpus; i++) {
        start(&writers[i], i, marker_file, rate, seconds);
    }
    for (int i = 0; i < cpus; i++) {
        pthread_join(writers[i].thread, NULL);
        close(writers[i].fd);
        written += writers[i].written;
        latest_ns = MAX(latest_ns, writers[i].latest_ns);
    }
    took_ns = now_ns() - begin_ns;
    taken = settle(marker_file, cpus) - taken;
    after = look();
    all_ns = now_ns() - begin_ns;
    who = say_who(&before, &after);
    printf("rate=%" G_GUINT64_FORMAT " cpus=%d written=%" G_GUINT64_FORMAT
           " taken=%" G_GUINT64_FORMAT " took_ns=%" G_GINT64_FORMAT
           " all_ns=%" G_GINT64_FORMAT " latest_ns=%" G_GINT64_FORMAT
           " tasks_ns=%" G_GUINT64_FORMAT " kernel_ns=%" G_GUINT64_FORMAT
           " irq_ns=%" G_GUINT64_FORMAT " who=%s\n",
           rate, cpus, written, taken, took_ns, all_ns, latest_ns,
           after.tasks_ns - before.tasks_ns, after.kernel_ns - before.kernel_ns,
           after.irq_ns - before.irq_ns, who);
    fflush(stdout);
    g_hash_table_unref(before.by_name);
    g_hash_table_unref(after.by_name);
}

int main(int argc, char **argv)
{
    int cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double seconds = argc > 1 ? g_ascii_strtod(argv[1], NULL) : 0;
    g_autofree Writer *writers = g_new0(Writer, cpus);

    if (argc < 4 || seconds <= 0) {
        fprintf(stderr, "usage: lab-events SECONDS TRACE_MARKER RATE...\n"
                        "RATE is events per second and CPU, from 100; 0: as "
                        "many as go\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        guint64 rate = g_ascii_strtoull(argv[i], NULL, 10);

        if (rate > 0 && rate < 100) {
            fprintf(stderr, "lab-events: a rate of %s is too low\n", argv[i]);
            return 2;
        }
        measure(writers, cpus, argv[2], rate, seconds);
    }
    return 0;
}
