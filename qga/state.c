/*
 * State: what the recorder of this machine is doing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json-text.h"
#include "trace-error.h"

#define STATE_NAME "state"
#define LOCK_NAME  "lock"

#define GROUP "recorder"

static const char *const kind_names[] = {
    [STATE_IDLE] = "idle",         [STATE_RECORDING] = "recording",
    [STATE_STOPPING] = "stopping", [STATE_FINISHED] = "finished",
    [STATE_FAILED] = "failed",
};

/* One name for the JSON member and the key in the file. */
static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"read-events", offsetof(TraceCpuStats, read_events)},
    {"overrun-events", offsetof(TraceCpuStats, overrun_events)},
    {"commit-overrun-events", offsetof(TraceCpuStats, commit_overrun_events)},
    {"dropped-events", offsetof(TraceCpuStats, dropped_events)},
    {"unread-events", offsetof(TraceCpuStats, unread_events)},
    {"pages", offsetof(TraceCpuStats, pages)},
};

static uint64_t *counter(TraceCpuStats *cpu, guint index)
{
    return (uint64_t *)((char *)cpu + counters[index].offset);
}

State *state_new(void)
{
    State *state = g_new0(State, 1);

    state->cpus = g_array_new(FALSE, TRUE, sizeof(TraceCpuStats));
    return state;
}

void state_free(State *state)
{
    if (!state) {
        return;
    }
    g_free(state->port);
    g_free(state->instance);
    g_free(state->error);
    g_array_unref(state->cpus);
    g_free(state);
}

static void append_cpus(GString *json, const State *state)
{
    for (guint i = 0; i < state->cpus->len; i++) {
        TraceCpuStats *cpu = &g_array_index(state->cpus, TraceCpuStats, i);

        g_string_append_printf(json, "%s{\"cpu\": %u", i ? ", " : "", cpu->cpu);
        for (guint j = 0; j < G_N_ELEMENTS(counters); j++) {
            g_string_append_printf(json, ", \"%s\": %" G_GUINT64_FORMAT,
                                   counters[j].name, *counter(cpu, j));
        }
        g_string_append_c(json, '}');
    }
}

char *state_to_json(const State *state)
{
    GString *json = g_string_new("{\"state\": ");

    json_text_append_string(json, kind_names[state->kind]);
    if (state->pid) {
        g_string_append_printf(json, ", \"pid\": %d", (int)state->pid);
    }
    if (state->port) {
        g_string_append(json, ", \"port\": ");
        json_text_append_string(json, state->port);
    }
    if (state->instance) {
        g_string_append(json, ", \"instance\": ");
        json_text_append_string(json, state->instance);
    }
    g_string_append_printf(json, ", \"bytes-sent\": %" G_GUINT64_FORMAT,
                           state->bytes_sent);
    if (state->error) {
        g_string_append(json, ", \"error\": ");
        json_text_append_string(json, state->error);
    }
    g_string_append(json, ", \"cpus\": [");
    append_cpus(json, state);
    g_string_append(json, "]}\n");
    return g_string_free(json, FALSE);
}

static void load_cpu(GKeyFile *file, const char *group, State *state)
{
    TraceCpuStats cpu = {0};

    cpu.cpu = g_ascii_strtoull(group + strlen("cpu "), NULL, 10);
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++) {
        *counter(&cpu, i) =
            g_key_file_get_uint64(file, group, counters[i].name, NULL);
    }
    g_array_append_val(state->cpus, cpu);
}

static void load_kind(GKeyFile *file, State *state)
{
    g_autofree char *name = g_key_file_get_string(file, GROUP, "state", NULL);

    for (guint i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (g_strcmp0(name, kind_names[i]) == 0) {
            state->kind = i;
        }
    }
}

State *state_load(const char *dir, GError **error)
{
    g_autoptr(State) state = state_new();
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *path = g_build_filename(dir, STATE_NAME, NULL);
    g_auto(GStrv) groups = NULL;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        return g_steal_pointer(&state);
    }
    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, error)) {
        g_prefix_error(error, "cannot read the recorder's state in %s: ", path);
        return NULL;
    }
    load_kind(file, state);
    state->pid = g_key_file_get_integer(file, GROUP, "pid", NULL);
    state->port = g_key_file_get_string(file, GROUP, "port", NULL);
    state->instance = g_key_file_get_string(file, GROUP, "instance", NULL);
    state->bytes_sent = g_key_file_get_uint64(file, GROUP, "bytes-sent", NULL);
    state->error = g_key_file_get_string(file, GROUP, "error", NULL);
    groups = g_key_file_get_groups(file, NULL);
    for (guint i = 0; groups[i]; i++) {
        if (g_str_has_prefix(groups[i], "cpu ")) {
            load_cpu(file, groups[i], state);
        }
    }
    return g_steal_pointer(&state);
}

static void save_string(GKeyFile *file, const char *key, const char *value)
{
    if (value) {
        g_key_file_set_string(file, GROUP, key, value);
    }
}

static void save_cpus(GKeyFile *file, const State *state)
{
    for (guint i = 0; i < state->cpus->len; i++) {
        TraceCpuStats *cpu = &g_array_index(state->cpus, TraceCpuStats, i);
        g_autofree char *group = g_strdup_printf("cpu %u", cpu->cpu);

        for (guint j = 0; j < G_N_ELEMENTS(counters); j++) {
            g_key_file_set_uint64(file, group, counters[j].name,
                                  *counter(cpu, j));
        }
    }
}

bool state_save(const State *state, const char *dir, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *path = g_build_filename(dir, STATE_NAME, NULL);
    g_autofree char *new_path = g_build_filename(dir, "state.new", NULL);
    g_autofree char *text = NULL;
    gsize length;

    g_key_file_set_string(file, GROUP, "state", kind_names[state->kind]);
    g_key_file_set_integer(file, GROUP, "pid", state->pid);
    save_string(file, "port", state->port);
    save_string(file, "instance", state->instance);
    save_string(file, "error", state->error);
    g_key_file_set_uint64(file, GROUP, "bytes-sent", state->bytes_sent);
    save_cpus(file, state);
    text = g_key_file_to_data(file, &length, NULL);
    /* Not g_file_set_contents: it syncs, and a recorder must not wait. */
    if (!g_file_set_contents_full(new_path, text, length,
                                  G_FILE_SET_CONTENTS_NONE, 0600, error) ||
        g_rename(new_path, path) < 0) {
        if (error && !*error) {
            trace_throw(error, "cannot write %s: %s", path, g_strerror(errno));
        }
        return false;
    }
    return true;
}

static int open_lock(const char *dir, const char *path, GError **error)
{
    int fd = -1;

    if (g_mkdir_with_parents(dir, 0700) < 0) {
        trace_throw(error, "cannot create %s: %s%s", dir, g_strerror(errno),
                    geteuid() != 0 ? "; run this as root" : "");
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        trace_throw(error, "cannot open %s: %s%s", path, g_strerror(errno),
                    geteuid() != 0 ? "; run this as root" : "");
    }
    return fd;
}

/* It may have been forgotten between our opening and locking it. */
static bool is_there(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int state_lock(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, LOCK_NAME, NULL);

    for (;;) {
        int fd = open_lock(dir, path, error);

        if (fd < 0) {
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            g_set_error(error, TRACE_ERROR,
                        errno == EWOULDBLOCK ? TRACE_ERROR_BUSY
                                             : TRACE_ERROR_FAILED,
                        "cannot lock %s: %s", path, g_strerror(errno));
            close(fd);
            return -1;
        }
        if (is_there(fd, path)) {
            return fd;
        }
        close(fd);
    }
}

void state_forget(const char *dir)
{
    static const char *const names[] = {STATE_NAME, LOCK_NAME};

    /* The lock goes last: until then nobody else touches the state. */
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
}
