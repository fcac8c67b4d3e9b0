/*
 * Trigger: the signs by which this machine itself ends a flight recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "trace-error.h"

/* How late a freeze by the kernel itself is noticed; two reads each time. */
#define LOOK_MS    50
#define MARK_LABEL "tracing_mark_write: "

struct Trigger {
    int epoll_fd;
    int inotify_fd;
    int timer_fd;
    int top_switch_fd;
    int own_switch_fd;
    int switch_wd;
    int marker_wd;
    bool was_on; /* the top-level tracing, when it was last looked at */
    char *marker;
    char *trace_path;
    guint seen; /* markers with the text so far */
};

static bool is_on(int fd)
{
    char text = '1';

    /* What can't be read has not been turned off. */
    return pread(fd, &text, 1, 0) != 1 || text != '0';
}

static int open_switch(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "tracing_on", NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        trace_throw(error, "cannot open %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static int watch_writes(const Trigger *trigger, const char *dir,
                        const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int wd = inotify_add_watch(trigger->inotify_fd, path, IN_MODIFY);

    if (wd < 0) {
        trace_throw(error, "cannot watch %s: %s", path, g_strerror(errno));
    }
    return wd;
}

/*
 * The whole buffer, without taking anything out of it: who else traces there
 * is not disturbed.
 */
static guint count_markers(const Trigger *trigger)
{
    FILE *file = fopen(trigger->trace_path, "re");
    char *line = NULL;
    size_t size = 0;
    guint count = 0;

    while (file && getline(&line, &size, file) > 0) {
        const char *text = strstr(line, MARK_LABEL);

        if (text && strstr(text + strlen(MARK_LABEL), trigger->marker)) {
            count++;
        }
    }
    free(line);
    if (file) {
        fclose(file);
    }
    return count;
}

static bool watch_marker(Trigger *trigger, const char *tracing_dir,
                         const char *marker, GError **error)
{
    if (!trigger->was_on) {
        return trace_throw(error,
                           "what is written to trace_marker is not kept while "
                           "tracing is off: write 1 to %s/tracing_on",
                           tracing_dir);
    }
    trigger->marker = g_strdup(marker);
    trigger->trace_path = g_build_filename(tracing_dir, "trace", NULL);
    trigger->seen = count_markers(trigger);
    trigger->marker_wd =
        watch_writes(trigger, tracing_dir, "trace_marker", error);
    return trigger->marker_wd >= 0;
}

static bool watch_fd(const Trigger *trigger, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return fd >= 0 &&
           epoll_ctl(trigger->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_watches(Trigger *trigger, GError **error)
{
    const struct itimerspec often = {
        .it_interval.tv_nsec = LOOK_MS * 1000000L,
        .it_value.tv_nsec = LOOK_MS * 1000000L,
    };

    trigger->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    trigger->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    trigger->timer_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (trigger->epoll_fd < 0 || !watch_fd(trigger, trigger->inotify_fd) ||
        !watch_fd(trigger, trigger->timer_fd) ||
        timerfd_settime(trigger->timer_fd, 0, &often, NULL) < 0) {
        return trace_throw(error, "cannot watch for triggers: %s",
                           g_strerror(errno));
    }
    return true;
}

static bool watch_switches(Trigger *trigger, const char *tracing_dir,
                           const char *instance_dir, GError **error)
{
    trigger->top_switch_fd = open_switch(tracing_dir, error);
    if (trigger->top_switch_fd < 0) {
        return false;
    }
    trigger->own_switch_fd = open_switch(instance_dir, error);
    if (trigger->own_switch_fd < 0) {
        return false;
    }
    trigger->was_on = is_on(trigger->top_switch_fd);
    trigger->switch_wd =
        watch_writes(trigger, tracing_dir, "tracing_on", error);
    return trigger->switch_wd >= 0;
}

Trigger *trigger_new(const char *tracing_dir, const char *instance_dir,
                     const char *marker, GError **error)
{
    g_autoptr(Trigger) trigger = g_new0(Trigger, 1);

    trigger->epoll_fd = trigger->inotify_fd = trigger->timer_fd = -1;
    trigger->top_switch_fd = trigger->own_switch_fd = -1;
    trigger->marker_wd = -1;
    if (!open_watches(trigger, error) ||
        !watch_switches(trigger, tracing_dir, instance_dir, error) ||
        (marker && !watch_marker(trigger, tracing_dir, marker, error))) {
        return NULL;
    }
    return g_steal_pointer(&trigger);
}

void trigger_free(Trigger *trigger)
{
    if (!trigger) {
        return;
    }

    const int fds[] = {trigger->epoll_fd, trigger->inotify_fd,
                       trigger->timer_fd, trigger->top_switch_fd,
                       trigger->own_switch_fd};

    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    g_free(trigger->marker);
    g_free(trigger->trace_path);
    g_free(trigger);
}

int trigger_fd(const Trigger *trigger)
{
    return trigger->epoll_fd;
}

/* Takes all that inotify has: which files were written. */
static void take_writes(const Trigger *trigger, bool *was_switched,
                        bool *was_marked)
{
    char buffer[4096]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t bytes;

    *was_switched = *was_marked = false;
    while ((bytes = read(trigger->inotify_fd, buffer, sizeof(buffer))) > 0) {
        const char *at = buffer;

        while (at < buffer + bytes) {
            const struct inotify_event *event =
                (const struct inotify_event *)at;

            *was_switched |= event->wd == trigger->switch_wd;
            *was_marked |=
                event->wd == trigger->marker_wd || event->mask & IN_Q_OVERFLOW;
            at += sizeof(*event) + event->len;
        }
    }
}

TraceFreezeCause trigger_check(Trigger *trigger)
{
    bool was_on = trigger->was_on;
    bool was_switched, was_marked;
    guint64 expirations;

    take_writes(trigger, &was_switched, &was_marked);
    if (read(trigger->timer_fd, &expirations, sizeof(expirations)) < 0 &&
        errno != EAGAIN) {
        return TRACE_FREEZE_NONE;
    }
    trigger->was_on = is_on(trigger->top_switch_fd);
    if (!is_on(trigger->own_switch_fd)) {
        return TRACE_FREEZE_TRACER;
    }
    /* Who writes 0 where 0 is already means it all the same. */
    if (!trigger->was_on && (was_on || was_switched)) {
        return TRACE_FREEZE_TRACING_OFF;
    }
    if (was_marked && trigger->marker) {
        guint count = count_markers(trigger);
        bool is_new = count > trigger->seen;

        trigger->seen = count;
        return is_new ? TRACE_FREEZE_MARKER : TRACE_FREEZE_NONE;
    }
    return TRACE_FREEZE_NONE;
}
