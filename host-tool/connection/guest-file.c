/*
 * guest-file-open and its like (qga/qapi-schema.json in QEMU's source).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-file.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/json-read.h"

#define TIMEOUT_MS 30000
/*
 * libvirt passes on strings of up to 4 MiB, the base64 and the rest of a
 * message included (REMOTE_STRING_MAX in its remote_protocol.x).  But the agent
 * reads and writes JSON character by character, and answers nobody meanwhile,
 * so pieces are far smaller than that.
 */
#define READ_BYTES  (256u << 10)
#define WRITE_BYTES (48u << 10)
#define MAX_BASE64  (1u << 20)
/* One that sends less than that keeps us on purpose. */
#define LEAST_BYTES_PER_S (32u << 10)
#define GRACE_S           60

static gboolean check_all(const Agent *agent, const char *const *commands,
                          GError **error)
{
    for (; *commands; commands++) {
        if (!agent_require_command(agent, *commands, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean guest_file_check_write(const Agent *agent, GError **error)
{
    static const char *const commands[] = {
        "guest-file-open", "guest-file-write",  "guest-file-close",
        "guest-exec",      "guest-exec-status", NULL,
    };

    return check_all(agent, commands, error);
}

gboolean guest_file_check_read(const Agent *agent, GError **error)
{
    static const char *const commands[] = {
        "guest-file-open", "guest-file-read",   "guest-file-close",
        "guest-exec",      "guest-exec-status", NULL,
    };

    return check_all(agent, commands, error);
}

static gboolean open_file(Agent *agent, const char *path, const char *mode,
                          int64_t *handle, GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(json_object) answer = NULL;

    json_object_object_add(arguments, "path", json_object_new_string(path));
    json_object_object_add(arguments, "mode", json_object_new_string(mode));
    answer =
        agent_execute(agent, "guest-file-open", arguments, TIMEOUT_MS, error);
    if (!answer) {
        g_prefix_error(error, "cannot open '%s' in the guest: ", path);
        return FALSE;
    }
    if (!json_object_is_type(answer, json_type_int)) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "the guest's agent gave no handle for '%s'", path);
        return FALSE;
    }
    *handle = json_object_get_int64(answer);
    return TRUE;
}

static json_object *handle_arguments(int64_t handle)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "handle", json_object_new_int64(handle));
    return arguments;
}

static gboolean close_file(Agent *agent, int64_t handle, GError **error)
{
    g_autoptr(json_object) answer =
        agent_execute(agent, "guest-file-close", handle_arguments(handle),
                      TIMEOUT_MS, error);

    return answer != NULL;
}

static gboolean write_piece(Agent *agent, int64_t handle, const guchar *bytes,
                            size_t size, GError **error)
{
    size_t done = 0;

    while (done < size) {
        g_autofree char *coded = g_base64_encode(bytes + done, size - done);
        json_object *arguments = handle_arguments(handle);
        g_autoptr(json_object) answer = NULL;
        uint64_t count = 0;

        json_object_object_add(arguments, "buf-b64",
                               json_object_new_string(coded));
        answer = agent_execute(agent, "guest-file-write", arguments, TIMEOUT_MS,
                               error);
        if (!answer) {
            return FALSE;
        }
        if (!json_read_uint64(answer, "count", size - done, &count) ||
            count == 0) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                        "the guest's agent could not write a file; is there "
                        "room in the guest?");
            return FALSE;
        }
        done += count;
    }
    return TRUE;
}

static gboolean write_all(Agent *agent, int64_t handle, int fd, GError **error)
{
    g_autofree guchar *bytes = g_malloc(WRITE_BYTES);
    ssize_t n;

    while ((n = read(fd, bytes, WRITE_BYTES)) > 0) {
        if (!write_piece(agent, handle, bytes, n, error)) {
            return FALSE;
        }
    }
    if (n < 0) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                    "cannot read what is to be copied into the guest: %s",
                    g_strerror(errno));
    }
    return n == 0;
}

gboolean guest_file_write(Agent *agent, const char *path, int fd,
                          GError **error)
{
    int64_t handle;

    if (!open_file(agent, path, "w", &handle, error)) {
        return FALSE;
    }
    if (!write_all(agent, handle, fd, error)) {
        close_file(agent, handle, NULL);
        return FALSE;
    }
    return close_file(agent, handle, error);
}

static gboolean store(int fd, const guchar *bytes, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                        "cannot store what the guest sends: %s",
                        g_strerror(errno));
            return FALSE;
        }
        bytes += MAX(n, 0);
        size -= MAX(n, 0);
    }
    return TRUE;
}

/*
 * FALSE at the end of the file, and on errors.  The agent reads by fread(): a
 * piece that is shorter than asked for is the last one.
 */
static gboolean read_piece(Agent *agent, int64_t handle, int fd, size_t size,
                           uint64_t *bytes, GError **error)
{
    json_object *arguments = handle_arguments(handle);
    g_autoptr(json_object) answer = NULL;
    g_autofree guchar *data = NULL;
    const char *coded;
    gsize length = 0;

    json_object_object_add(arguments, "count", json_object_new_int64(size));
    answer =
        agent_execute(agent, "guest-file-read", arguments, TIMEOUT_MS, error);
    if (!answer) {
        return FALSE;
    }
    coded = json_read_string(answer, "buf-b64", MAX_BASE64);
    data = coded ? g_base64_decode(coded, &length) : NULL;
    if (!data || length > size) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "the guest's agent gave an answer to guest-file-read that "
                    "makes no sense");
        return FALSE;
    }
    if (length == 0 || !store(fd, data, length, error)) {
        return FALSE;
    }
    *bytes += length;
    return length == size;
}

static gboolean check_pace(uint64_t bytes, gint64 start_us, GError **error)
{
    uint64_t passed_s =
        (uint64_t)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC;

    if (passed_s <= GRACE_S + bytes / LEAST_BYTES_PER_S) {
        return TRUE;
    }
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                "the guest's agent sends a file far too slowly: %" PRIu64
                " bytes in %" PRIu64 " s",
                bytes, passed_s);
    return FALSE;
}

gboolean guest_file_read(Agent *agent, const char *path, int fd,
                         uint64_t max_bytes, uint64_t *bytes, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gint64 start_us = g_get_monotonic_time();
    int64_t handle;

    *bytes = 0;
    if (!open_file(agent, path, "r", &handle, error)) {
        return FALSE;
    }
    while (*bytes < max_bytes &&
           read_piece(agent, handle, fd, MIN(READ_BYTES, max_bytes - *bytes),
                      bytes, &cause) &&
           check_pace(*bytes, start_us, &cause)) {
        /* the next one */
    }
    close_file(agent, handle, NULL);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return TRUE;
}

/* Runs a program of every guest, or busybox's. */
static gboolean run_tool(Agent *agent, const char *name, const char *option,
                         const char *path, GError **error)
{
    const char *argv[] = {name, option, path, NULL};
    const char *box[] = {"busybox", name, option, path, NULL};
    g_autoptr(GError) cause = NULL;
    g_auto(AgentProcess) process = {0};

    if (!agent_exec_wait(agent, argv, TIMEOUT_MS, &process, &cause) &&
        !agent_exec_wait(agent, box, TIMEOUT_MS, &process, NULL)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    if (process.exit_code != 0) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                    "'%s %s %s' failed in the guest (exit status %d)", name,
                    option, path, process.exit_code);
        return FALSE;
    }
    return TRUE;
}

gboolean guest_file_make_program(Agent *agent, const char *path, GError **error)
{
    return run_tool(agent, "chmod", "0700", path, error);
}

gboolean guest_file_remove(Agent *agent, const char *path, GError **error)
{
    return run_tool(agent, "rm", "-f", path, error);
}
