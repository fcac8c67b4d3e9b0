/*
 * RequestServer: records a guest, and this host with it, whenever the guest
 * asks and the policy lets it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef REQUEST_SERVER_H
#define REQUEST_SERVER_H

#include "session/recording.h"
#include "session/request-policy.h"

typedef struct RequestServerOptions {
    RequestPolicy policy;
    const char *output_dir; /* of the sessions; NULL: here */
    uint64_t max_bytes;     /* of each machine in each recording */
    const Limits *limits;
    guint64 host_buffer_kib;
    /* For the log: one line, of printable text. */
    void (*say)(const char *sentence, gpointer watcher);
    /* A recording ended; error is NULL if all went well. */
    void (*recorded)(const RecordingResult *result, const GError *error,
                     gpointer watcher);
    gpointer watcher;
} RequestServerOptions;

/*
 * Serves the guest until SIGINT, SIGTERM or SIGHUP, and waits for it where it
 * isn't running.  FALSE when it can't serve at all.
 */
gboolean request_server_run(const RequestServerOptions *options,
                            const GuestAddress *address, GError **error);

#endif
