/*
 * SessionFile: session.json, the description of one joint recording.
 *
 * docs/session.md describes every member of the file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_FILE_H
#define SESSION_FILE_H

#include <glib.h>
#include <stdint.h>

#include "clock/clock-track.h"
#include "qga/trace-stream.h"
#include "trace-data/opened-files.h"

#define SESSION_FILE_NAME    "session.json"
#define SESSION_FILE_FORMAT  1
#define SESSION_NO_GUEST_CPU (-1)

typedef enum SessionState {
    SESSION_RECORDING, /* also what a killed recording leaves */
    SESSION_RECORDED,  /* all streams ended, the .dat files are not made */
    SESSION_COMPLETE,  /* the .dat files are made */
} SessionState;

typedef enum SessionRole { SESSION_HOST, SESSION_GUEST } SessionRole;

typedef struct SessionVcpu {
    uint32_t cpu_index; /* QEMU's */
    uint32_t apic_id;   /* KVM's vcpu_id */
    int32_t thread_id;  /* host tid */
    int32_t guest_cpu;  /* the guest kernel's number, or NO_GUEST_CPU */
    char *qom_path;     /* or NULL */
    GArray *segments;   /* of ClockSegment, in order */
} SessionVcpu;

/* What one CPU of a machine recorded and lost, from the kernel's counters. */
typedef struct SessionCpu {
    uint32_t cpu;
    uint64_t read_events;
    uint64_t overrun_events;
    uint64_t dropped_events; /* buffer full, or nested too deep to commit */
    uint64_t unread_events;
    uint64_t pages;
} SessionCpu;

typedef struct SessionMachine {
    SessionRole role;
    char *name;        /* "host", or the guest's name; a safe file name */
    char *stream_file; /* relative to the session directory */
    char *dat_file;    /* likewise */
    char *accelerator; /* "kvm" or "tcg"; NULL on the host */
    uint64_t trace_id; /* below 2^63; 0 until the stream was read */
    gboolean ended;    /* the stream had its END frame */
    /* When a flight recording's tracing went off; cause NONE for others.  On a
     * guest, ticks are the guest's. */
    TraceFreeze freeze;
    GPtrArray *vcpus; /* of SessionVcpu, owned; empty on the host */
    GArray *cpus;     /* of SessionCpu; empty until the stream was read */
    GPtrArray *notes; /* of char *, one sentence each: what is missing */
} SessionMachine;

/* merge/certificate.h's total, as it was when the recording ended. */
typedef struct SessionCertificate {
    gboolean is_known; /* FALSE: nobody made one */
    gboolean has_interval;
    uint64_t inside_events;
    uint64_t outside_events;
    uint64_t uncheckable_events;
    uint64_t lost_events;
    uint64_t inexact_events;
    uint64_t windows;
    int64_t low_ns; /* the offset's error lies in [low, high] */
    int64_t high_ns;
} SessionCertificate;

typedef struct Session {
    char *name;    /* of the recording */
    char *created; /* ISO 8601, UTC */
    SessionState state;
    /* ns = (host ticks * mult) >> shift; mult 0 when unknown. */
    uint32_t tsc_mult;
    uint32_t tsc_shift;
    uint32_t host_tsc_khz; /* 0 when unknown */
    char *tsc_source;      /* "perf", "qmp", "measured" */
    /* The host's real time at a tick, as the recording began; 0: unknown. */
    uint64_t wall_ticks;
    uint64_t wall_ns;    /* since 1970 */
    GPtrArray *machines; /* of SessionMachine, owned; the host is first */
    SessionCertificate certificate;
} Session;

/*
 * Real time less the time line's, in nanoseconds; FALSE when it is not known.
 * A clock that was set since is not followed.
 */
gboolean session_wall_offset(const Session *session, int64_t *offset_ns);

/* Whether name is a plain file name of letters, digits and "._-+@". */
gboolean session_name_is_valid(const char *name);

/* name must be valid. */
Session *session_new(const char *name);
void session_free(Session *session);
SessionMachine *session_add_machine(Session *session, SessionRole role,
                                    const char *name);
SessionVcpu *session_machine_add_vcpu(SessionMachine *machine);

/*
 * The file may have been written by a guest-controlled process' parent, but
 * is treated as hostile all the same: sizes are bounded, every member is
 * checked, and names must be plain file names.
 */
Session *session_load(const char *dir, GError **error);
/* The same with the file taken from files, which may be NULL. */
Session *session_load_from(const OpenedFiles *files, const char *dir,
                           GError **error);
/* The same of the text of such a file; path is only for errors. */
Session *session_parse(const char *text, size_t length, const char *path,
                       GError **error);
/* Atomic: the file is complete under its name, or is the old one. */
gboolean session_save(const Session *session, const char *dir, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

#endif
