/*
 * State: written, read back, printed; and the lock beside it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <json.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json-text.h"
#include "scratch-dir.h"
#include "state.h"
#include "trace-error.h"

static State *make_state(void)
{
    State *state = state_new();
    const TraceCpuStats cpus[] = {
        {.cpu = 0,
         .read_events = 1,
         .overrun_events = UINT64_MAX,
         .commit_overrun_events = 3,
         .dropped_events = 4,
         .unread_events = 5,
         .pages = 6},
        {.cpu = 17, .read_events = 7},
    };

    state->kind = STATE_FAILED;
    state->pid = 4711;
    state->port = g_strdup("a \"port\" \\ with\nlines");
    state->error = g_strdup("broken \x01 \xff text = [x]; #y");
    state->bytes_sent = G_GUINT64_CONSTANT(1) << 60;
    g_array_append_vals(state->cpus, cpus, G_N_ELEMENTS(cpus));
    return state;
}

static void test_round_trip(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(State) state = make_state();
    g_autoptr(State) loaded = NULL;
    g_autofree char *expected = NULL;
    g_autofree char *json = NULL;

    /* A key file holds UTF-8 only; errors come from strerror and us. */
    g_free(state->error);
    state->error = g_strdup("broken; text = [x] \\n #y");
    expected = state_to_json(state);
    g_assert_true(state_save(state, dir, &error));
    g_assert_no_error(error);
    loaded = state_load(dir, &error);
    g_assert_no_error(error);
    json = state_to_json(loaded);
    g_assert_cmpstr(json, ==, expected);
    scratch_dir_remove(dir);
}

static void test_json(void)
{
    g_autoptr(State) state = make_state();
    g_autofree char *text = state_to_json(state);
    struct json_object *json = json_tokener_parse(text);
    struct json_object *value;
    struct json_object *cpu;

    g_assert_nonnull(json);
    g_assert_true(json_object_object_get_ex(json, "state", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, "failed");
    g_assert_true(json_object_object_get_ex(json, "port", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, state->port);
    g_assert_false(json_object_object_get_ex(json, "instance", &value));
    g_assert_true(json_object_object_get_ex(json, "bytes-sent", &value));
    g_assert_cmpint(json_object_get_int64(value), ==, state->bytes_sent);
    g_assert_true(json_object_object_get_ex(json, "error", &value));
    g_assert_cmpstr(json_object_get_string(value), ==,
                    "broken \x01 \xef\xbf\xbd text = [x]; #y");
    g_assert_true(json_object_object_get_ex(json, "cpus", &value));
    g_assert_cmpuint(json_object_array_length(value), ==, 2);
    cpu = json_object_array_get_idx(value, 1);
    g_assert_true(json_object_object_get_ex(cpu, "cpu", &value));
    g_assert_cmpint(json_object_get_int64(value), ==, 17);
    g_assert_true(json_object_object_get_ex(cpu, "read-events", &value));
    g_assert_cmpint(json_object_get_int64(value), ==, 7);
    json_object_put(json);
}

static void test_nothing_saved(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(State) state = state_load(dir, NULL);

    g_assert_cmpint(state->kind, ==, STATE_IDLE);
    g_assert_cmpint(state->pid, ==, 0);
    scratch_dir_remove(dir);
}

/* A killed owner frees the lock. */
static void test_lock(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(GError) error = NULL;
    int ready[2];
    char byte;
    pid_t pid;
    int fd;

    g_assert_cmpint(pipe(ready), ==, 0);
    pid = fork();
    if (pid == 0) {
        if (state_lock(dir, NULL) >= 0 && write(ready[1], "x", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(state_lock(dir, &error), ==, -1);
    g_assert_error(error, TRACE_ERROR, TRACE_ERROR_BUSY);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fd = state_lock(dir, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    close(ready[0]);
    close(ready[1]);
    scratch_dir_remove(dir);
}

static void test_forget(void)
{
    char *top = scratch_dir_new();
    g_autofree char *dir = g_build_filename(top, "kept", NULL);
    g_autofree char *lock = g_build_filename(dir, "lock", NULL);
    g_autoptr(State) state = make_state();
    g_autoptr(GError) error = NULL;
    int fd = state_lock(dir, &error);
    int next_fd;

    g_assert_no_error(error);
    g_free(state->error);
    state->error = NULL;
    g_assert_true(state_save(state, dir, &error));
    state_forget(dir);
    g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));

    /* Who locks it now makes it anew, whoever holds the one that is gone. */
    next_fd = state_lock(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpint(next_fd, >=, 0);
    g_assert_true(g_file_test(lock, G_FILE_TEST_EXISTS));
    close(fd);
    state_forget(dir);
    close(next_fd);
    scratch_dir_remove(top);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/round-trip", test_round_trip);
    g_test_add_func("/state/json", test_json);
    g_test_add_func("/state/nothing-saved", test_nothing_saved);
    g_test_add_func("/state/lock", test_lock);
    g_test_add_func("/state/forget", test_forget);
    return g_test_run();
}
