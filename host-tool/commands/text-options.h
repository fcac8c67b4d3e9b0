/*
 * The options that say how a report's lines look.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TEXT_OPTIONS_H
#define TEXT_OPTIONS_H

#include <glib.h>

#include "output/text.h"

/* Fills options while the command line is parsed; they must outlive it. */
GOptionGroup *text_options_group(TextOptions *options);

#endif
