/*
 * FormatCheck: whether an event's format text is what kernels write.
 *
 * libtraceevent's parser takes much for granted and crashes on texts that no
 * kernel has, but a hostile guest may send.  It is given only what fits the
 * grammar in format-check.c; a test holds that all that kernels have does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FORMAT_CHECK_H
#define FORMAT_CHECK_H

#include <stddef.h>

/* Parentheses, braces and brackets in each other in a print format. */
#define FORMAT_MAX_DEPTH 32
/* Operators in one argument; each is a step of recursion, too. */
#define FORMAT_MAX_OPERATORS 500
/* Of one text. */
#define FORMAT_MAX_BYTES  (256u << 10)
#define FORMAT_MAX_FIELDS 1000

typedef enum FormatCheck {
    FORMAT_SOUND,
    FORMAT_BAD_PRINT, /* the fields are sound, the print format is not */
    FORMAT_BAD,
} FormatCheck;

/* *print is where the line "print fmt:" begins, unless it is FORMAT_BAD. */
FormatCheck format_check(const char *text, size_t size, size_t *print);

#endif
