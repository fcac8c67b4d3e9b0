/*
 * Output: a timeline, written in one of several formats.
 *
 * One file per format behind one table of hooks.  A hook that a format lacks
 * means that it has nothing to write then.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "merge/timeline.h"
#include "output/text.h"

/*
 * Where the files of a directory come from.  create() makes "FILE" or
 * "DIRECTORY/FILE", with the directory, and opens it for appending.  Names are
 * of letters, digits and "_-+.", with no dot in front.  The descriptor is the
 * caller's; -1 with errno.
 */
typedef struct OutputFiles {
    int (*create)(const char *name, gpointer data);
    gpointer data;
} OutputFiles;

/* What a format is given; all of it stays the caller's. */
typedef struct OutputJob {
    GPtrArray *inputs; /* of TimelineInput */
    const char *name;  /* of the target, for errors */
    FILE *stream;      /* of a format that is a file */
    OutputFiles files; /* of a format that is a directory */
    TextOptions text;
    uint64_t *n_events; /* how many were written is added here; or NULL */
    /* Real time less the timeline's, in nanoseconds, where it is known. */
    bool has_wall_offset;
    int64_t wall_offset_ns;
} OutputJob;

/* One format.  Every hook but `free` fails with an error that names the job. */
typedef struct OutputOps {
    const char *name;
    const char *summary;
    bool is_directory; /* many files */
    bool is_binary;    /* not for a terminal */
    bool needs_ns;     /* can't express ticks of an unknown length */
    /* What comes before the first event.  Returns the state of all others. */
    gpointer (*begin)(const OutputJob *job, GError **error);
    /* Events are missing before this one; comes before `event`. */
    bool (*loss)(gpointer state, const TimelineEvent *event, GError **error);
    bool (*event)(gpointer state, const TimelineEvent *event, GError **error);
    bool (*end)(gpointer state, GError **error);
    void (*free)(gpointer state);
} OutputOps;

extern const OutputOps ctf_output_ops;
extern const OutputOps json_output_ops;
extern const OutputOps perfetto_output_ops;
extern const OutputOps text_output_ops;

/* The format of this name; an error that lists them all if there is none. */
const OutputOps *output_find(const char *name, GError **error);

/* Writes what is left of the timeline. */
bool output_write(const OutputOps *ops, const OutputJob *job,
                  Timeline *timeline, GError **error);

/* For hooks: fails by errno with "cannot write NAME: ...".  Returns false. */
bool output_fail_errno(const OutputJob *job, GError **error);

#endif
