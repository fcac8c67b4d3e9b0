/*
 * Connecting to a local socket by its path.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/unix-connect.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection/connection-error.h"

static const char *connect_hint(int code)
{
    switch (code) {
    case ENOENT:
        return ": is the guest running, and is this the path given to QEMU?";
    case ECONNREFUSED:
        return ": nobody listens there, so QEMU has probably ended";
    case EAGAIN:
        return ": other programs are already waiting for this socket";
    case EACCES:
        return ": run as root, or as the user that runs QEMU";
    default:
        return "";
    }
}

int unix_connect(const char *path, const char *what, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "%s: the socket path '%s' is longer than %zu bytes; "
                    "use a shorter one, relative paths are fine",
                    what, path, sizeof(address.sun_path) - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A local connect() ends at once; EAGAIN means a full backlog. */
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int code = errno;

        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "%s: cannot connect to '%s': %s%s", what, path,
                    g_strerror(code), connect_hint(code));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}
