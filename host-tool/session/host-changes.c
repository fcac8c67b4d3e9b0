/*
 * The changes of TSC offsets that a session's host recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/host-changes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "confine/confine.h"
#include "session/session-error.h"
#include "trace-data/offset-changes.h"

#define CPU_SECONDS     600
#define MAX_REPLY_BYTES (UINT64_C(64) << 20)

typedef struct Job {
    int fd;
    const char *name;
    const Limits *limits;
} Job;

/* In the confined process */

static gboolean run_job(gpointer data, GByteArray *reply, GError **error)
{
    const Job *job = data;
    g_autoptr(GArray) changes =
        offset_changes_read(job->fd, job->name, job->limits, error);

    if (!changes) {
        return FALSE;
    }
    g_byte_array_append(reply, (const guint8 *)changes->data,
                        changes->len * (guint)sizeof(OffsetChange));
    return TRUE;
}

/* In this process */

static GByteArray *run_confined(Job *job, GError **error)
{
    ConfineMissing missing;
    ConfineOptions options;

    confine_options_init(&options, "the host's file");
    options.advice = LIMITS_MAKE_ADVICE;
    options.fds = &job->fd;
    options.fd_count = 1;
    confine_options_set_time(&options,
                             limit_or(job->limits->cpu_s, CPU_SECONDS));
    options.memory_bytes = job->limits->make_memory_bytes;
    options.reply_bytes = MAX_REPLY_BYTES;
    return confine_run(&options, run_job, job, &missing, error);
}

/* NULL if it isn't one, or not in order. */
static GArray *unpack(const GByteArray *reply)
{
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));

    if (reply->len % sizeof(OffsetChange) != 0) {
        return NULL;
    }
    g_array_append_vals(changes, reply->data,
                        reply->len / (guint)sizeof(OffsetChange));
    for (guint i = 1; i < changes->len; i++) {
        if (g_array_index(changes, OffsetChange, i).host_ticks <
            g_array_index(changes, OffsetChange, i - 1).host_ticks) {
            return NULL;
        }
    }
    return g_steal_pointer(&changes);
}

GArray *host_changes_read(const char *dir, const SessionMachine *host,
                          const Limits *limits, GError **error)
{
    g_autofree char *path = g_build_filename(dir, host->dat_file, NULL);
    g_autoptr(GByteArray) reply = NULL;
    Job job = {.name = host->dat_file, .limits = limits};
    GArray *changes;

    job.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (job.fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot open '%s': %s", path, g_strerror(errno));
        return NULL;
    }
    reply = run_confined(&job, error);
    close(job.fd);
    if (!reply) {
        return NULL;
    }
    changes = unpack(reply);
    if (!changes) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "%s: the process that read it gave no proper answer", path);
    }
    return changes;
}
