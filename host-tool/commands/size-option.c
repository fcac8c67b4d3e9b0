/*
 * SizeOption: a number of bytes on the command line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/size-option.h"

#include <string.h>

gboolean size_option_parse(const char *option, const char *text,
                           uint64_t *bytes, GError **error)
{
    static const char units[] = "KMGT";
    char *end;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

    if (end == text || *text == '-' || (*end && (!unit || end[1])) ||
        number == 0 || number > ((guint64)G_MAXINT64 >> shift)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s needs a number of bytes such as 500M, not '%s'", option,
                    text);
        return FALSE;
    }
    *bytes = number << shift;
    return TRUE;
}
