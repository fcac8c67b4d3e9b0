/*
 * Confinement: hostile bytes are parsed by a process that can do nothing else.
 *
 * The one place that drops privilege.  A confined process has no user, no
 * capability, no file but the ones it was given, no network, no children, no
 * way to become more, and little memory and time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFINE_ERROR (confine_error_quark())

typedef enum ConfineError {
    CONFINE_ERROR_SETUP,   /* a layer failed, nothing was run */
    CONFINE_ERROR_CRASHED, /* killed by a signal: bug, attack or limit */
    CONFINE_ERROR_REPLY,   /* what came back is not a proper answer */
    CONFINE_ERROR_FAILED,  /* the confined function's own error */
    CONFINE_ERROR_STOPPED, /* by one of ConfineOptions.stops */
    CONFINE_ERROR_PIPE,    /* nobody reads what it wrote any more */
} ConfineError;

GQuark confine_error_quark(void);

/* Layers that the kernel, or a lack of privilege, did not give. */
typedef enum ConfineMissing {
    CONFINE_MISSING_LANDLOCK = 1 << 0,
    CONFINE_MISSING_SECCOMP = 1 << 1,
    CONFINE_MISSING_ALL = (1 << 2) - 1,
} ConfineMissing;

/* What the function needs beyond memory and the descriptors it was given. */
typedef enum ConfineNeeds {
    CONFINE_NEEDS_THREADS = 1 << 0,
    /* Copies of its descriptors, and those that the parent sends. */
    CONFINE_NEEDS_MORE_FDS = 1 << 1,
} ConfineNeeds;

/*
 * What the child asks its parent for, through a socket of its own.  serve() is
 * called in the parent whenever the socket fd can be read; what comes there is
 * from a process that may have been taken over.  FALSE ends the serving.
 */
typedef struct ConfineService {
    int fd;
    gboolean (*serve)(int fd, gpointer data);
    /*
     * Called in the parent about once a second, and at the end: FALSE ends the
     * child, as one that wrote too much.  Limits hold for a file, but there
     * may be many.  NULL: none.
     */
    gboolean (*watch)(gpointer data);
    gpointer data;
} ConfineService;

typedef struct ConfineOptions {
    /* For errors: "the stream of guest1". */
    const char *subject;
    /* What to do where it was stopped though it was sound; NULL: nothing. */
    const char *advice;
    /* Used only when the caller is root: another user has its own. */
    uid_t uid;
    gid_t gid;
    /* These stay open, under their numbers; 0 to 2 become /dev/null else. */
    const int *fds;
    guint fd_count;
    ConfineNeeds needs;
    const ConfineService *service; /* NULL: none */
    /*
     * Signals that end the child; the caller has them blocked, and still
     * pending when confine_run() returns.  NULL: none.
     */
    const sigset_t *stops;
    /* Limits; 0 means 0, so start from confine_options_init(). */
    uint64_t memory_bytes; /* address space */
    uint64_t file_bytes;   /* the largest that may be written */
    uint32_t cpu_seconds;
    /*
     * By the clock, as one that was taken over may sleep; 0: however long the
     * reader of its output takes.
     */
    uint32_t wall_seconds;
    uint64_t reply_bytes; /* the largest answer */
} ConfineOptions;

/* Nobody's user and group, 1 GiB, 60 s, no file to write, 1 MiB of answer. */
void confine_options_init(ConfineOptions *options, const char *subject);

/*
 * For a function that only works: so much of the processor, and ten times that
 * by the clock, as disks and other programs may hold it up.
 */
void confine_options_set_time(ConfineOptions *options, uint64_t cpu_seconds);

/*
 * Confine the calling process, for good.  It must have one thread.  *missing
 * says which layers it does without; all others are in force on success.
 * After a failure the process is half confined: it must exit.
 */
gboolean confine_self(const ConfineOptions *options, ConfineMissing *missing,
                      GError **error);

/*
 * Runs in the confined child.  It appends its answer, or sets an error whose
 * message the caller gets.
 */
typedef gboolean (*ConfineFunc)(gpointer data, GByteArray *reply,
                                GError **error);

/*
 * Run a function in a confined child and wait for it.  The answer is bytes
 * from a process that may have been taken over: check it as hostile.
 * Returns NULL and one clear error for whatever became of the child.  The
 * caller may have other threads, but the child has only its copy of this one.
 */
GByteArray *confine_run(const ConfineOptions *options, ConfineFunc func,
                        gpointer data, ConfineMissing *missing, GError **error);

/* One sentence for the operator, to be freed; NULL if nothing is missing. */
char *confine_describe_missing(ConfineMissing missing);

#endif
