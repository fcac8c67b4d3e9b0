/*
 * CommandLine: a command's arguments, as people are used to type them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/command-line.h"

#include <string.h>

/* The contexts' tables can't be asked, but their help has all of them. */
static bool takes_value(const char *help, char letter)
{
    const char start[] = {'\n', ' ', ' ', '-', letter, ',', ' ', '\0'};
    const char *line = strstr(help, start);

    if (!line) {
        return false;
    }
    line += strlen(start);
    return line[strcspn(line, "= \n")] == '=';
}

static void add(GPtrArray *words, const char *word, const char *help)
{
    if (word[0] == '-' && g_ascii_isalpha(word[1]) && word[2] &&
        takes_value(help, word[1])) {
        g_ptr_array_add(words, g_strndup(word, 2));
        word += 2;
    }
    g_ptr_array_add(words, g_strdup(word));
}

static char **split(int argc, char **argv, const char *help)
{
    GPtrArray *words = g_ptr_array_new();
    bool is_option = false; /* argv[0] is the command */

    for (int i = 0; i < argc; i++) {
        is_option = is_option && strcmp(argv[i], "--") != 0;
        if (is_option) {
            add(words, argv[i], help);
        } else {
            g_ptr_array_add(words, g_strdup(argv[i]));
        }
        is_option = is_option || i == 0;
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

bool command_line_parse(GOptionContext *context, int *argc, char **argv,
                        GError **error)
{
    g_autofree char *help = g_option_context_get_help(context, FALSE, NULL);
    g_auto(GStrv) words = split(*argc, argv, help);

    if (!g_option_context_parse_strv(context, &words, error)) {
        return false;
    }
    *argc = 0;
    for (; words[*argc]; ++*argc) {
        argv[*argc] = (char *)g_intern_string(words[*argc]);
    }
    argv[*argc] = NULL;
    return true;
}
