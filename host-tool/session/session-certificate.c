/*
 * SessionCertificate: a recording's proof of synchronisation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "confine/confine.h"
#include "merge/certificate.h"
#include "merge/timeline.h"
#include "session/session-error.h"
#include "session/session-timeline.h"

/* For reading some 10 GiB; a hostile file can't keep it for longer. */
#define CPU_SECONDS 600

/* What the confined process works on. */
typedef struct Job {
    const Session *session;
    const int *fds; /* by machine; -1: none */
    const Limits *limits;
} Job;

static int64_t span_ns(const TimelineScale *scale, int64_t ticks)
{
    uint64_t magnitude = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;
    int64_t ns = (int64_t)timeline_scale_apply(scale, magnitude);

    return ticks < 0 ? -ns : ns;
}

/* In the confined process */

static gboolean run_job(gpointer data, GByteArray *reply, GError **error)
{
    const Job *job = data;
    g_autoptr(GPtrArray) inputs =
        session_timeline_from_fds(job->session, job->fds, job->limits, error);
    g_autoptr(Certificate) certificate = NULL;
    const TimelineScale *scale;
    SessionCertificate answer;
    CertificateVcpu total;

    if (!inputs) {
        return FALSE;
    }
    certificate = certificate_make(inputs);
    total = certificate_total(certificate);
    scale = &((TimelineInput *)inputs->pdata[0])->scale;
    /* Without holes: it goes out as bytes. */
    memset(&answer, 0, sizeof(answer));
    answer.is_known = TRUE;
    answer.inside_events = total.inside;
    answer.outside_events = total.outside;
    answer.uncheckable_events = total.uncheckable_ends;
    answer.lost_events = total.uncheckable_lost;
    answer.inexact_events = total.inexact;
    answer.windows = total.n_windows;
    answer.has_interval = total.has_interval;
    answer.low_ns = span_ns(scale, total.low_ticks);
    answer.high_ns = span_ns(scale, total.high_ticks);
    g_byte_array_append(reply, (const guint8 *)&answer, sizeof(answer));
    return TRUE;
}

/* In this process */

static gboolean unpack(const GByteArray *reply, SessionCertificate *answer)
{
    if (reply->len != sizeof(*answer)) {
        return FALSE;
    }
    memcpy(answer, reply->data, sizeof(*answer));
    /* Nothing but 0 and 1, whoever answered. */
    answer->is_known = TRUE;
    answer->has_interval = answer->has_interval != FALSE;
    return TRUE;
}

/* The machines' files; those that aren't there are -1. */
static int *open_files(const Session *session, const char *dir)
{
    int *fds = g_new(int, session->machines->len);

    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];
        g_autofree char *path = g_build_filename(dir, machine->dat_file, NULL);

        fds[i] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    return fds;
}

static GByteArray *run_confined(Job *job, GError **error)
{
    g_autoptr(GArray) open_fds = g_array_new(FALSE, FALSE, sizeof(int));
    ConfineOptions options;
    ConfineMissing missing;

    for (guint i = 0; i < job->session->machines->len; i++) {
        if (job->fds[i] >= 0) {
            g_array_append_val(open_fds, job->fds[i]);
        }
    }
    confine_options_init(&options, "the trace files");
    options.advice = LIMITS_MAKE_ADVICE;
    options.fds = (const int *)open_fds->data;
    options.fd_count = open_fds->len;
    confine_options_set_time(&options,
                             limit_or(job->limits->cpu_s, CPU_SECONDS));
    options.memory_bytes = job->limits->make_memory_bytes;
    return confine_run(&options, run_job, job, &missing, error);
}

gboolean session_certificate_make(Session *session, const char *dir,
                                  const Limits *limits, GError **error)
{
    g_autofree int *fds = open_files(session, dir);
    Job job = {.session = session, .fds = fds, .limits = limits};
    g_autoptr(GByteArray) reply = run_confined(&job, error);

    for (guint i = 0; i < session->machines->len; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (reply && !unpack(reply, &session->certificate)) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "%s: the process that checked it gave no proper answer",
                    dir);
        return FALSE;
    }
    return reply != NULL;
}

char *session_certificate_text(const Session *session)
{
    const SessionCertificate *certificate = &session->certificate;
    g_autofree char *bound = NULL;

    if (!certificate->is_known) {
        return NULL;
    }
    if (certificate->outside_events > 0) {
        return g_strdup_printf("Synchronisation: BROKEN: %" PRIu64
                               " guest events lie outside "
                               "the windows of their vCPU",
                               certificate->outside_events);
    }
    if (certificate->inside_events == 0) {
        return g_strdup(certificate->windows > 0 &&
                                certificate->inexact_events > 0
                            ? "Synchronisation: UNPROVED: the guest events' "
                              "times are estimates, with errors that the "
                              "vCPUs' windows can't judge"
                            : "Synchronisation: UNPROVED: no guest event could "
                              "be checked against a window of its vCPU");
    }
    bound = certificate->has_interval
                ? g_strdup_printf("; the offset's error lies in [%+" PRId64
                                  ", %+" PRId64 "] ns",
                                  certificate->low_ns, certificate->high_ns)
                : g_strdup("");
    return g_strdup_printf("Synchronisation: proved: all %" PRIu64
                           " guest events that can be checked lie inside "
                           "%" PRIu64 " windows of their vCPUs%s",
                           certificate->inside_events, certificate->windows,
                           bound);
}
