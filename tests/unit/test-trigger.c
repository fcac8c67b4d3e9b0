/*
 * Trigger: each sign ends a flight recording, and nothing else does.  The
 * tracefs is a scratch directory: inotify works there in the same way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "scratch-dir.h"
#include "trigger.h"

typedef struct Fixture {
    char *top;
    char *own;
    Trigger *trigger;
} Fixture;

/* In place, as the kernel's files are written. */
static void put(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

static void open_fixture(Fixture *f, const char *marker)
{
    g_autoptr(GError) error = NULL;

    f->top = scratch_dir_new();
    f->own = g_build_filename(f->top, "instances", "own", NULL);
    scratch_dir_write(f->top, "tracing_on", "1\n");
    scratch_dir_write(f->top, "trace_marker", "");
    scratch_dir_write(f->top, "trace", "# tracer: nop\n");
    scratch_dir_write(f->own, "tracing_on", "0\n");
    f->trigger = trigger_new(f->top, f->own, marker, &error);
    g_assert_no_error(error);
    put(f->own, "tracing_on", "1");
}

static void close_fixture(Fixture *f)
{
    trigger_free(f->trigger);
    g_free(f->own);
    scratch_dir_remove(f->top);
}

static void test_nothing(void)
{
    Fixture f;

    open_fixture(&f, NULL);
    put(f.top, "trace_marker", "a text");
    put(f.top, "tracing_on", "1");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    close_fixture(&f);
}

static void test_tracing_off(void)
{
    Fixture f;
    struct pollfd fd;

    open_fixture(&f, NULL);
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    put(f.top, "tracing_on", "0");
    fd = (struct pollfd){.fd = trigger_fd(f.trigger), .events = POLLIN};
    g_assert_cmpint(poll(&fd, 1, 0), ==, 1);
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_TRACING_OFF);
    /* To be off is no sign; to be turned off again is one. */
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    put(f.top, "tracing_on", "1");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    put(f.top, "tracing_on", "0");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_TRACING_OFF);
    put(f.top, "tracing_on", "0");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_TRACING_OFF);
    close_fixture(&f);
}

/* The kernel's own doing: no program writes, so the timer has to tell. */
static void test_tracer(void)
{
    Fixture f;
    struct pollfd fd;

    open_fixture(&f, NULL);
    put(f.own, "tracing_on", "0");
    fd = (struct pollfd){.fd = trigger_fd(f.trigger), .events = POLLIN};
    g_assert_cmpint(poll(&fd, 1, 10000), ==, 1);
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_TRACER);
    close_fixture(&f);
}

static void test_marker(void)
{
    Fixture f;

    open_fixture(&f, "threshold");
    scratch_dir_write(f.top, "trace",
                      "a-1 [000] 1.0: tracing_mark_write: begin\n");
    put(f.top, "trace_marker", "begin");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    scratch_dir_write(f.top, "trace",
                      "threshold-1 [000] 1.0: tracing_mark_write: begin\n"
                      "a-1 [000] 2.0: tracing_mark_write: hit threshold 7\n");
    put(f.top, "trace_marker", "hit threshold 7");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_MARKER);
    put(f.top, "trace_marker", "something else");
    g_assert_cmpint(trigger_check(f.trigger), ==, TRACE_FREEZE_NONE);
    close_fixture(&f);
}

static void test_marker_not_kept(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    open_fixture(&f, NULL);
    put(f.top, "tracing_on", "0");
    g_assert_null(trigger_new(f.top, f.own, "text", &error));
    g_assert_nonnull(strstr(error->message, "tracing_on"));
    close_fixture(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trigger/nothing", test_nothing);
    g_test_add_func("/trigger/tracing-off", test_tracing_off);
    g_test_add_func("/trigger/tracer", test_tracer);
    g_test_add_func("/trigger/marker", test_marker);
    g_test_add_func("/trigger/marker-not-kept", test_marker_not_kept);
    return g_test_run();
}
