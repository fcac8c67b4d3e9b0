/*
 * Marks: intervals that users write into the trace.
 *
 * What is understood of trace_marker's text:
 *   B|PID|NAME ... E|PID      nested, of the task that writes
 *   S|PID|NAME|COOKIE ... F|PID|NAME|COOKIE   from any task to any other
 *   hit latency threshold (N > LIMIT)         cyclictest --tracemark: the N
 *                                             microseconds that end here
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MARKS_H
#define MARKS_H

#include "explain/walk.h"

/* text has size bytes, and may hold anything. */
void marks_text(Walk *walk, Machine *machine, Task *task, unsigned cpu,
                const char *text, size_t size);

/* The task runs on this CPU from now on. */
void marks_moved(Walk *walk, Task *task, unsigned cpu);

#endif
