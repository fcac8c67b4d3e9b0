/*
 * qemu-trace-merge: one timeline of a host's and its guests' kernel traces.
 *
 * This file only finds the command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"

#define PROGRAM "qemu-trace-merge"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"record", cmd_record, "record a guest and its host together"},
    {"serve", cmd_serve, "record whenever a guest asks for it"},
    {"report", cmd_report, "print what was recorded as one timeline"},
    {"explain", cmd_explain, "say why the guest was late"},
    {"check", cmd_check, "prove that the clocks match, and judge by rules"},
    {"diff", cmd_diff, "compare two recordings by what caused latency"},
    {"recover", cmd_recover, "make a killed recording readable"},
};

static void print_help(void)
{
    printf("Usage: " PROGRAM " [--no-pager] [COMMAND] [OPTION...]\n\n"
           "Records the kernel traces of a host and of a QEMU guest at the "
           "same time and\nshows them on one exact timeline.\n\n"
           "Commands (record if none is given):\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        printf("  %-10s%s\n", commands[i].name, commands[i].summary);
    }
    printf("  %-10s%s\n", "help", "tell the options of a command");
    printf("\n'" PROGRAM " help COMMAND' and '" PROGRAM " COMMAND --help' are "
           "the same.\n");
}

/* GLib's --help leaves out the groups in which most options are. */
static void show_all_help(int argc, char **argv)
{
    static char all[] = "--help-all";

    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            argv[i] = all;
        }
    }
}

int main(int argc, char **argv)
{
    static char help[] = "--help"; /* 'help COMMAND' is 'COMMAND --help' */

    setlocale(LC_ALL, "");
    /* Who closes a pipe or a socket is told so by write(). */
    signal(SIGPIPE, SIG_IGN);
    /* Inherited as ignored, it would take our children's exit statuses. */
    signal(SIGCHLD, SIG_DFL);
    if (argc > 1 && strcmp(argv[1], "--no-pager") == 0) {
        g_setenv("QEMU_TRACE_MERGE_PAGER", "", TRUE);
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    if (argc > 2 && strcmp(argv[1], "help") == 0) {
        argv[1] = argv[2];
        argv[2] = help;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return argc < 2;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf(PROGRAM " " PROJECT_VERSION "\n");
        return 0;
    }
    if (argv[1][0] == '-') {
        return cmd_record(argc, argv);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            g_autofree char *name =
                g_strconcat(PROGRAM " ", commands[i].name, NULL);

            g_set_prgname(name); /* what --help calls the program */
            show_all_help(argc, argv);
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, PROGRAM ": there is no command '%s'; ", argv[1]);
    if (g_file_test(argv[1], G_FILE_TEST_IS_DIR)) {
        fprintf(stderr, "'" PROGRAM " report %s' shows a recording\n", argv[1]);
    } else {
        fprintf(stderr, "'" PROGRAM " --help' lists them\n");
    }
    return 1;
}
