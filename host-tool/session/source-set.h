/*
 * SourceSet: the files or sessions that are opened together.
 *
 * Whoever reads recordings opens them here, the commands as well as the
 * library.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SOURCE_SET_H
#define SOURCE_SET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock/clock-map.h"
#include "merge/timeline.h"

/* A file, and what was said of it; all but path may be left as 0. */
typedef struct SourceFile {
    char *path;
    gboolean has_offset; /* given for one: no file's own TIME_SHIFT is used */
    int64_t ts_offset_ticks; /* added to its times */
    uint64_t hz;             /* of its clock; 0: as it says itself */
    gboolean has_clock;
    ClockMap clock; /* of the guest in it, instead of what it says itself */
    char *under;    /* the machine that clock counts from; NULL: the first */
} SourceFile;

typedef struct SourceSet {
    GArray *files;       /* of SourceFile */
    GPtrArray *sessions; /* of char *: DIR, or MACHINE=DIR (see below) */
    uint64_t all_hz;     /* of files without a hz of their own; 0: none */
    OpenedFiles *opened; /* owned; NULL: everything is opened by its path, and
                            the limits are the default ones */
} SourceSet;

SourceSet *source_set_new(void);
void source_set_free(SourceSet *set);

void source_set_add_file(SourceSet *set, const char *path);
/* NULL if there is none; valid until the next one is added. */
SourceFile *source_set_last_file(SourceSet *set);

/*
 * MACHINE=DIR is a session that was recorded on a guest, MACHINE, of the
 * sessions before it.
 */
void source_set_add_session(SourceSet *set, const char *session);

/*
 * Opens all files that source_set_open() may want, for a process that may open
 * none by then.  What is missing is told there.  The limits, which are copied,
 * hold for all that is read of them.  Fails where a file or session is named
 * twice, by whatever path: all of its events would be there twice.
 */
gboolean source_set_open_files(SourceSet *set, const Limits *limits,
                               GError **error);

/*
 * An array of TimelineInput, hosts before their guests.  Sentences about what
 * is missing are added to missing (of char *).
 */
GPtrArray *source_set_open(const SourceSet *set, GPtrArray *missing,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceSet, source_set_free)

#endif
