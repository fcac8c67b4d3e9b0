/*
 * taken-over: to be preloaded; the process that reads recordings, once it has
 * confined itself, writes what steers the user's terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static bool is_child;
static bool is_done;

pid_t fork(void)
{
    pid_t (*real_fork)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    pid_t pid = real_fork();

    is_child = pid == 0;
    return pid;
}

/* The title, what is on the screen, and an answer as if it had been typed. */
static void write_to(int fd)
{
    static const char text[] = "\033]0;taken over\007\033[2J\033[5n\r\xc2\x9b"
                               "2J \033[31mred\033[0m caf\xc3\xa9\n";

    if (write(fd, text, strlen(text)) < 0) {
        _exit(1);
    }
}

/* Which it calls once it is confined. */
int fflush(FILE *stream)
{
    int (*real_fflush)(FILE *) = (int (*)(FILE *))dlsym(RTLD_NEXT, "fflush");
    int status = real_fflush(stream);

    if (is_child && !is_done && stream == stdout) {
        is_done = true;
        write_to(STDOUT_FILENO);
        write_to(STDERR_FILENO);
    }
    return status;
}
