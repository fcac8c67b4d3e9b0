/*
 * FormatCheck: whether an event's format text is what kernels write.
 *
 * libtraceevent's parser takes much for granted and crashes on texts that no
 * kernel has, but a hostile guest may send.  It is given only what fits the
 * grammar in format-check.c.  Of the 2323 events of a Linux 6.18 all fields do,
 * and all print formats but 16: those with statements, sizeof(), a line's end
 * in a string, or a number in place of a text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FORMAT_CHECK_H
#define FORMAT_CHECK_H

#include <stddef.h>

#include "limits/limits.h"

typedef enum FormatCheck {
    FORMAT_SOUND,
    FORMAT_BAD_PRINT, /* the fields are sound, the print format is not */
    FORMAT_BAD,
} FormatCheck;

/*
 * What is above the limits of formats is not sound: each operator is a step of
 * recursion, as is each pair of parentheses.  *print is where the line "print
 * fmt:" begins, unless it is FORMAT_BAD.
 */
FormatCheck format_check(const char *text, size_t size, const Limits *limits,
                         size_t *print);

#endif
