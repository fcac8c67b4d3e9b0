/*
 * WindowList: when a vCPU can have run, by what its host recorded.
 *
 * Under KVM that is between kvm_entry and kvm_exit (certificate.h says why);
 * under TCG between the switches to and from the thread that emulates it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WINDOW_LIST_H
#define WINDOW_LIST_H

#include <glib.h>
#include <stdint.h>

#include "trace-data/dat-file.h"
#include "trace-data/event-table.h"

typedef enum WindowKind {
    WINDOW_KVM,
    WINDOW_SCHED,
} WindowKind;

/* On the line, both included. */
typedef struct HostWindow {
    uint64_t from_ticks;
    uint64_t to_ticks;
} HostWindow;

/* A host's file, and where on the line its events lie. */
typedef struct WindowSource {
    DatFile *dat;
    const EventTable *events; /* the file's */
    const GPtrArray *tracks;  /* of ClockTrack by CPU, NULL entries or NULL */
    int64_t shift_ticks;      /* added to each event's place */
} WindowSource;

/*
 * An array of GArray of HostWindow, one for each of threads (of int32_t),
 * in order and apart.  Where the host lost events, and before the first and
 * after the last one, the vCPU may have run: windows cover that, too.
 */
GPtrArray *window_list_read(const WindowSource *host, WindowKind kind,
                            const GArray *threads);

/* The first window that ends at or after ticks; their number if none does. */
guint window_list_find(const GArray *windows, uint64_t ticks);

/* All windows begin earlier and end later by so much; they stay apart. */
void window_list_widen(GArray *windows, uint64_t ticks);

/* Whether ticks lie in one of the windows. */
gboolean window_list_has(const GArray *windows, uint64_t ticks);

#endif
