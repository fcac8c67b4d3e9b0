/*
 * libqemu-trace-merge: read recordings of hosts and their guests as one
 * timeline; see libqemu-trace-merge(3).
 *
 * A struct qtm_trace is named its sources and what is wanted of them, then
 * opened, then asked for its events.  It belongs to one thread at a time.
 *
 * Where a function can fail, it returns NULL or false and, unless error is
 * NULL, puts one sentence there, which the caller frees with free().  Whoever
 * damaged or forged a recording gets no more than wrong events out of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QEMU_TRACE_MERGE_H
#define QEMU_TRACE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QTM_API __attribute__((visibility("default")))
#else
#define QTM_API
#endif

struct qtm_trace;
struct qtm_event; /* of a trace; valid until the next one is asked for */

/* The library's version, as in "0.1.0". */
QTM_API const char *qtm_version(void);

/* --- sources; before qtm_trace_open() --- */

QTM_API struct qtm_trace *qtm_trace_new(void);
QTM_API void qtm_trace_free(struct qtm_trace *trace);

/*
 * A session directory of `qemu-trace-merge record`, or MACHINE=DIR for one
 * that was recorded on a guest of a session named before.
 */
QTM_API void qtm_trace_add_session(struct qtm_trace *trace, const char *dir);

/* A trace.dat file; the host's first.  Either files or sessions. */
QTM_API void qtm_trace_add_file(struct qtm_trace *trace, const char *path);

/*
 * The guest's clock in the file that was added last, instead of what the file
 * says: guest = ((host * ratio) >> frac_bits) + offset, modulo 2^64.  ratio 0
 * is no scaling.  under names the machine (by its file) whose clock `host` is,
 * or is NULL for the first file's.
 */
QTM_API void qtm_trace_set_clock(struct qtm_trace *trace, int64_t offset_ticks,
                                 uint64_t ratio, unsigned frac_bits,
                                 const char *under);

/* What to be restricted by; each as the option of qemu-trace-merge-report(1)
 * with this name. */
enum qtm_selection {
    QTM_SELECT_MACHINE = 0,
    QTM_SELECT_CPU = 1,
    QTM_SELECT_VCPU = 2,
    QTM_SELECT_EVENT = 3,
    QTM_SELECT_PID = 4,
    QTM_SELECT_FILTER = 5, /* -F */
    QTM_SELECT_HIDE = 6,   /* -v -F */
};

QTM_API bool qtm_trace_select(struct qtm_trace *trace, enum qtm_selection what,
                              const char *value, char **error);

/* Reads what the sources say of themselves; the events come later. */
QTM_API bool qtm_trace_open(struct qtm_trace *trace, char **error);

/* --- machines; after qtm_trace_open(), numbered from 0 on --- */

QTM_API unsigned qtm_trace_n_machines(const struct qtm_trace *trace);
/* As a report shows it; the trace's. */
QTM_API const char *qtm_machine_name(const struct qtm_trace *trace,
                                     unsigned machine);
QTM_API unsigned qtm_machine_n_cpus(const struct qtm_trace *trace,
                                    unsigned machine);
/* The machine that runs it, or -1 for a host (or if that isn't known). */
QTM_API int qtm_machine_host(const struct qtm_trace *trace, unsigned machine);
/* The host's thread that runs this CPU, or 0. */
QTM_API int32_t qtm_machine_vcpu_thread(const struct qtm_trace *trace,
                                        unsigned machine, unsigned cpu);

/*
 * What this machine's CPU read at a tick of the (outermost) host's TSC.
 * False when its clock is not known there.
 */
QTM_API bool qtm_machine_ticks(const struct qtm_trace *trace, unsigned machine,
                               unsigned cpu, uint64_t host_ticks,
                               uint64_t *ticks);

/* Sentences about damage and missing parts found so far: the i-th, or NULL. */
QTM_API const char *qtm_trace_warning(const struct qtm_trace *trace,
                                      unsigned i);

/* --- the timeline --- */

/* Do times count nanoseconds?  Else they are ticks of the host. */
QTM_API bool qtm_trace_has_ns(const struct qtm_trace *trace);

/* The first and the last time; false where there is no event. */
QTM_API bool qtm_trace_span(struct qtm_trace *trace, uint64_t *first,
                            uint64_t *last);

/* To the first event at or after a time, forward or back. */
QTM_API void qtm_trace_seek(struct qtm_trace *trace, uint64_t time);
/* So that the last n events are left. */
QTM_API void qtm_trace_seek_last(struct qtm_trace *trace, uint64_t n_events);
/* No event after this time is handed out. */
QTM_API void qtm_trace_set_end(struct qtm_trace *trace, uint64_t time);

/* The next event of all machines, in order; NULL at the end. */
QTM_API const struct qtm_event *qtm_trace_next(struct qtm_trace *trace);

/* --- an event --- */

QTM_API unsigned qtm_event_machine(const struct qtm_event *event);
QTM_API unsigned qtm_event_cpu(const struct qtm_event *event);
/* Nanoseconds, or ticks; see qtm_trace_has_ns(). */
QTM_API uint64_t qtm_event_time(const struct qtm_event *event);
/* On the host's TSC, exactly. */
QTM_API uint64_t qtm_event_host_ticks(const struct qtm_event *event);
/* As the machine recorded it. */
QTM_API uint64_t qtm_event_ticks(const struct qtm_event *event);
/* host_ticks may be off by this much; UINT64_MAX: by anything. */
QTM_API uint64_t qtm_event_error_ticks(const struct qtm_event *event);
/* How many events its CPU lost before it; -1: some. */
QTM_API int64_t qtm_event_missed(const struct qtm_event *event);

/* "sched" and "sched_switch"; "" where the recording has no format for it. */
QTM_API const char *qtm_event_system(const struct qtm_event *event);
QTM_API const char *qtm_event_name(const struct qtm_event *event);
/* The task that it happened in. */
QTM_API int32_t qtm_event_pid(const struct qtm_event *event);

/* A field's number; false where the event has no number of this name. */
QTM_API bool qtm_event_number(const struct qtm_event *event, const char *field,
                              int64_t *value);
/*
 * A field's characters, of which the record has *size_bytes, without a NUL;
 * NULL where the event has no string of this name.  A guest may have put
 * anything into it.
 */
QTM_API const char *qtm_event_string(const struct qtm_event *event,
                                     const char *field, size_t *size_bytes);
/* The name of its i-th field, common ones first; NULL behind the last. */
QTM_API const char *qtm_event_field(const struct qtm_event *event, unsigned i);
/* The bytes as they were recorded. */
QTM_API const void *qtm_event_record(const struct qtm_event *event,
                                     size_t *size_bytes);

/*
 * Its line as `qemu-trace-merge report` prints it, without the machine's name;
 * control characters are escaped.
 */
QTM_API const char *qtm_event_text(const struct qtm_event *event);

#ifdef __cplusplus
}
#endif

#endif
