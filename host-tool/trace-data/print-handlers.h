/*
 * PrintHandler: events whose text isn't their print format's.
 *
 * libtraceevent's plugins and libtracecmd print some events by code of their
 * own; these are that code again, for the events that traces of virtual
 * machines are full of.  Tables, such as the names of exit reasons, are asked
 * of the plugin that is installed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PRINT_HANDLERS_H
#define PRINT_HANDLERS_H

#include <glib.h>

#include "trace-data/print-program.h"

struct tep_event;

typedef struct PrintHandler PrintHandler;

/* How the library prints a record of the event; the caller's string. */
typedef char *(*PrintByLibrary)(gpointer data, const struct tep_event *event,
                                const uint8_t *record, size_t size_bytes);

/*
 * NULL: there is none for this event.  program is the event's print format,
 * for handlers that only print something in front of it; it may be NULL.
 */
PrintHandler *print_handler_new(const struct tep_event *event,
                                const PrintProgram *program,
                                PrintByLibrary by_library, gpointer data);
void print_handler_free(PrintHandler *handler);

void print_handler_run(const PrintHandler *handler, PrintContext *context);

/* Records that libtraceevent prints otherwise, or can't print safely: what
 * was found for them is not compared to the library. */
bool print_handler_is_own(const PrintHandler *handler);

#endif
