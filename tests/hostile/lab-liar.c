/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-liar: a hostile guest's trace stream, wrong in one way.
 *
 *     lab-liar              lists the lies: name, a tab, what is to be said
 *     lab-liar NAME [PORT]  tells one of them, to the port or to its output
 *
 * After a lie that ends it keeps the port open, as a recorder would that has
 * more to say, until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lies.h"

static int list(void)
{
    for (const Lie *lie = lies; lie->name; lie++) {
        printf("%s\t%s\n", lie->name, lie->expected);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const Lie *lie = argc > 1 ? lie_find(argv[1]) : NULL;
    int fd = STDOUT_FILENO;

    if (argc == 1) {
        return list();
    }
    if (argc > 3 || !lie) {
        fprintf(stderr, "usage: lab-liar [LIE [PORT]]\n");
        return 2;
    }
    if (argc == 2) {
        g_autoptr(GByteArray) stream = lie_stream(lie);

        return write(fd, stream->data, stream->len) == stream->len ? 0 : 1;
    }
    signal(SIGPIPE, SIG_IGN);
    fd = open(argv[2], O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "lab-liar: cannot open %s: %s\n", argv[2],
                g_strerror(errno));
        return 1;
    }
    lie_tell(lie, fd);
    for (;;) {
        pause();
    }
}
