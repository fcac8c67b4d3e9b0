/*
 * DatFile: a trace.dat file, opened for reading: what its header says, and
 * where its data lie.
 *
 * Versions 6 and 7, little-endian, as trace-cmd(1) and dat-writer.h write
 * them; see trace-cmd.dat.v6(5) and trace-cmd.dat.v7(5).  The file may be
 * damaged or hostile: every size is checked against the file before anything
 * is allocated or read, and damage costs no more than what it hit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_FILE_H
#define DAT_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "limits/limits.h"
#include "trace-data/compression.h"
#include "trace-data/dat-writer.h"

/* One event's format text and the system it belongs to. */
typedef struct DatFormat {
    char *system;
    GBytes *text;
} DatFormat;

/* What the header says of the events; any GBytes may be empty or NULL. */
typedef struct DatMetadata {
    GBytes *header_page;
    GBytes *header_event;
    GPtrArray *formats; /* of DatFormat, owned */
    GBytes *kallsyms;
    GBytes *printk_formats;
    GBytes *cmdlines;
} DatMetadata;

/* Where one CPU's sub-buffers lie in the file. */
typedef struct DatCpuData {
    uint64_t offset_bytes;
    uint64_t size_bytes; /* what the file really holds */
} DatCpuData;

/* One buffer of a file: its first, top-level one, or an instance. */
typedef struct DatFile {
    char *path;
    int fd;
    const Limits *limits; /* owned; NULL: the default ones */
    unsigned version;
    char *instance;       /* name of the instance; NULL: the top-level buffer */
    uint32_t page_bytes;  /* of a sub-buffer */
    uint32_t long_bytes;  /* of the traced kernel's ring buffer */
    DatMetadata metadata; /* of the file; an instance has none of its own */
    DatOptions options;   /* empty where the file has none */
    char *clock;          /* "x86-tsc"; "local" where the file doesn't say */
    char *uname;          /* "Linux HOST RELEASE ..."; NULL: not told */
    int64_t ts_offset_ns; /* options DATE and OFFSET, added to nanoseconds */
    GArray *cpus;         /* of DatCpuData, by CPU number */
    Compression *compression; /* of the CPUs' data; NULL: stored as it is */
    /*
     * A latency tracer's file has text in place of CPUs' data, which
     * dat_file_read_text() gives.
     */
    bool is_text;
    DatCpuData text;
    GPtrArray *instances; /* of DatFile, owned: the file's other buffers */
    GPtrArray *problems;  /* of char *, one sentence for each damage */
    guint n_problems;     /* all that were ever found */
} DatFile;

/*
 * Of a file that is open as fd, or -1 where it couldn't be; fd is taken over,
 * limits are copied.  Nothing of it is read yet: see dat-open.h.
 */
DatFile *dat_file_new(const char *path, int fd, const Limits *limits);
void dat_file_close(DatFile *dat);

const Limits *dat_file_limits(const DatFile *dat);

/*
 * Calls func with the text of a latency tracer's file, piece by piece, until
 * it returns false.  False when it did, or where the text can't be read on.
 */
typedef bool (*DatTextFunc)(const char *text, size_t size, gpointer data);
bool dat_file_read_text(DatFile *dat, DatTextFunc func, gpointer data);

/*
 * Adds one sentence to the problems, with the path in front.  What comes after
 * the first DAT_MAX_PROBLEMS is only said to exist.
 */
#define DAT_MAX_PROBLEMS 200
G_GNUC_PRINTF(2, 3)
void dat_file_problem(DatFile *dat, const char *format, ...);

/*
 * A new buffer of the same file, which the dat owns; name is taken over.
 * What the options say of the whole file is given to it at the end.
 */
DatFile *dat_file_add_instance(DatFile *dat, char *name);

/* Takes over where a CPU's data lies, as far as the file holds it. */
void dat_file_set_cpu(DatFile *dat, uint32_t cpu, DatCpuData data,
                      uint64_t file_bytes);

/* Frees the formats and symbols once an EventTable was made of them. */
void dat_file_drop_metadata(DatFile *dat);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DatFile, dat_file_close)

#endif
