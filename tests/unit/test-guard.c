/*
 * Guard: a killed process' tracefs instance goes, and its lock after that; a
 * dismissed guard touches nothing.  Skipped where there is no tracefs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "scratch-dir.h"
#include "state.h"

#define INSTANCES "/sys/kernel/tracing/instances"

static bool can_record(void)
{
    if (geteuid() != 0 || access(INSTANCES, W_OK) != 0) {
        g_test_skip("needs root and a tracefs");
        return false;
    }
    return true;
}

/* In a child: takes the lock, starts a guard, makes the instance, and dies. */
static void run_and_die(const char *dir, const char *instance,
                        bool is_dismissed)
{
    g_autofree char *path = g_build_filename(INSTANCES, instance, NULL);
    int lock_fd = state_lock(dir, NULL);
    Guard *guard = guard_start(instance, lock_fd, NULL);

    if (!guard || mkdir(path, 0700) < 0) {
        _exit(1);
    }
    if (is_dismissed) {
        guard_free(guard);
    }
    raise(SIGKILL);
}

static void die(const char *dir, const char *instance, bool is_dismissed)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        run_and_die(dir, instance, is_dismissed);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
}

static void test_killed(void)
{
    g_autofree char *instance = g_strdup_printf("test-guard-%d", getpid());
    g_autofree char *path = g_build_filename(INSTANCES, instance, NULL);
    char *dir = scratch_dir_new();
    int lock_fd;

    if (can_record()) {
        die(dir, instance, false);
        while ((lock_fd = state_lock(dir, NULL)) < 0) {
            g_usleep(1000);
        }
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        close(lock_fd);
    }
    scratch_dir_remove(dir);
}

static void test_dismissed(void)
{
    g_autofree char *instance = g_strdup_printf("test-guard-%d", getpid());
    g_autofree char *path = g_build_filename(INSTANCES, instance, NULL);
    char *dir = scratch_dir_new();
    int lock_fd;

    if (can_record()) {
        die(dir, instance, true);
        /* It is gone already, so the lock is free. */
        lock_fd = state_lock(dir, NULL);
        g_assert_cmpint(lock_fd, >=, 0);
        g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
        g_assert_cmpint(rmdir(path), ==, 0);
        close(lock_fd);
    }
    scratch_dir_remove(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guard/killed", test_killed);
    g_test_add_func("/guard/dismissed", test_dismissed);
    return g_test_run();
}
