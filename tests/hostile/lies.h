/*
 * Lies: what a hostile guest may send instead of a trace stream.
 *
 * Each lie is one stream, wrong in one way.  The same ones are told to the
 * host tool on files, through sockets and through the port of a real guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIES_H
#define LIES_H

#include <glib.h>

/* How a stream that is told live goes on after its last byte. */
typedef enum LieEnd {
    LIE_ENDS,    /* it has its END frame, or will never have it */
    LIE_SILENT,  /* nothing more comes */
    LIE_DRIBBLE, /* the stream itself comes a byte a second */
    LIE_FLOODS,  /* its last page comes again and again */
} LieEnd;

typedef struct Lie {
    const char *name;
    /*
     * What the host tool is expected to say, an extended regular expression;
     * "" where it has nothing to complain about.
     */
    const char *expected;
    LieEnd end;
    void (*tell)(GByteArray *stream);
} Lie;

/* Ends with one whose name is NULL.  The first one is the truth. */
extern const Lie lies[];

/* NULL if there is none of that name. */
const Lie *lie_find(const char *name);

/* All of its bytes, up to the last one that is not repeated. */
GByteArray *lie_stream(const Lie *lie);

/* Writes it to a descriptor that may block, until nobody listens. */
void lie_tell(const Lie *lie, int fd);

#endif
