/*
 * SizeOption: a number of bytes on the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/size-option.h"

#include "limits/limits.h"

gboolean size_option_parse(const char *option, const char *text,
                           uint64_t *bytes, GError **error)
{
    if (!limits_parse_bytes(text, bytes) || *bytes == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s needs a number of bytes such as 500M, not '%s'", option,
                    text);
        return FALSE;
    }
    return TRUE;
}
