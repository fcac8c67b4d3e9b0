/*
 * Pager: long text on a terminal goes through less.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct Pager {
    GPid pid;
};

static const char *pager_command(void)
{
    const char *command = g_getenv("QEMU_TRACE_MERGE_PAGER");

    if (!command) {
        command = g_getenv("PAGER");
    }
    return command ? command : "less";
}

/*
 * What is shown was recorded by root, often in a root shell, and comes from a
 * guest: less must not run commands for it.
 */
static char **pager_environment(void)
{
    char **environment = g_get_environ();

    environment = g_environ_setenv(environment, "LESS", "FRX", FALSE);
    environment = g_environ_setenv(environment, "LV", "-c", FALSE);
    return g_environ_setenv(environment, "LESSSECURE", "1", FALSE);
}

/* Ctrl-C is for the pager, which stays; so must we, or the shell is back. */
static void leave_signals_to_pager(void)
{
    signal(SIGINT, SIG_IGN);
}

Pager *pager_start(void)
{
    const char *command = pager_command();
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    g_auto(GStrv) environment = NULL;
    Pager *pager;
    GPid pid;
    int input_fd;

    if (!isatty(STDOUT_FILENO) || !*command || strcmp(command, "cat") == 0) {
        return NULL;
    }
    environment = pager_environment();
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, environment,
                                  G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                  &input_fd, NULL, NULL, NULL)) {
        return NULL;
    }
    dup2(input_fd, STDOUT_FILENO);
    close(input_fd);
    leave_signals_to_pager();
    pager = g_new0(Pager, 1);
    pager->pid = pid;
    return pager;
}

void pager_end(Pager *pager)
{
    if (!pager) {
        return;
    }
    fflush(stdout);
    close(STDOUT_FILENO);
    while (waitpid(pager->pid, NULL, 0) < 0 && errno == EINTR) {
        /* it is still shown */
    }
    g_free(pager);
}
