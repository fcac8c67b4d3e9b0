/*
 * SizeOption: a number of bytes on the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SIZE_OPTION_H
#define SIZE_OPTION_H

#include <glib.h>
#include <stdint.h>

/* "500M": a number above 0, with K, M, G or T for powers of 1024. */
gboolean size_option_parse(const char *option, const char *text,
                           uint64_t *bytes, GError **error);

#endif
