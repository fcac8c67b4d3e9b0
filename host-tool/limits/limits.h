/*
 * Limits: how much is accepted of a guest, of its stream and of a recording.
 *
 * One table has each limit's name, unit, default and range; the commands'
 * --limit, its list, the completion and the manual are made of it.  What
 * checks a limit is given the values by whoever calls it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIMITS_H
#define LIMITS_H

#include <glib.h>
#include <stdint.h>

/* Which commands have a limit. */
typedef enum LimitUse {
    LIMIT_RECORDS = 1 << 0, /* record and serve: what comes from guests */
    LIMIT_MAKES = 1 << 1,   /* the same and recover: files from streams */
    LIMIT_READS = 1 << 2,   /* those that read recordings */
} LimitUse;

/* Not given: the default depends on what is read, or on the disk. */
#define LIMIT_AUTO UINT64_MAX

typedef struct Limits {
    /* Of a stream; see qga/trace-stream.h. */
    uint64_t frame_bytes; /* the payload of a frame */
    uint64_t page_bytes;
    uint64_t pages;
    uint64_t cpus;
    uint64_t growth; /* a file's bytes for each of its stream */
    /* Of texts. */
    uint64_t systems;
    uint64_t events;
    uint64_t name_bytes; /* of a system, of an event */
    uint64_t format_bytes;
    uint64_t format_fields;
    uint64_t format_depth;     /* parentheses and the like in each other */
    uint64_t format_operators; /* in one argument of a print format */
    uint64_t kallsyms_bytes;
    uint64_t printk_bytes;
    uint64_t cmdlines_bytes;
    uint64_t text_bytes; /* all texts of a stream together */
    /* Of a guest while it is recorded. */
    uint64_t frames_per_s;
    uint64_t idle_s;
    uint64_t stop_s;
    /* Of the disk; 0: nothing.  LIMIT_AUTO: 1 GiB, or 5 % of a small one. */
    uint64_t keep_free_bytes;
    /* Of a process that parses. */
    uint64_t make_memory_bytes; /* to make a file */
    uint64_t memory_bytes;      /* to read recordings */
    uint64_t cpu_s;             /* LIMIT_AUTO: by the size of what is read */
    uint64_t output_bytes;      /* of each file; LIMIT_AUTO: likewise */
} Limits;

/* What a sentence says of what is above a limit, and what can be done. */
#define LIMIT_ABOVE(name) \
    "above the limit " name " (--limit " name "=VALUE raises it)"

/* The same of a process that makes a file, or reads for its sake. */
#define LIMITS_MAKE_ADVICE                                      \
    "If it is sound, and only large, raise --limit make-memory" \
    " or cpu-time."

/* What holds where nothing is said. */
extern const Limits limits_default;

/* A limit's value, or what stands for LIMIT_AUTO. */
static inline uint64_t limit_or(uint64_t value, uint64_t automatic)
{
    return value == LIMIT_AUTO ? automatic : value;
}

/*
 * Sets one by "NAME=VALUE", as a command's --limit has it.  The error is one
 * sentence that names the limit's range, or where the names are listed.
 */
gboolean limits_set(Limits *limits, LimitUse use, const char *assignment,
                    GError **error);

/* The table of what such commands have, for people; the caller's. */
char *limits_list(LimitUse use);

/* "500M": bytes with K, M, G or T for powers of 1024; FALSE if it is none. */
gboolean limits_parse_bytes(const char *text, uint64_t *bytes);

#endif
