/*
 * Port: the virtio-serial port to the host, found by its name.
 *
 * A port can be opened once, and says POLLHUP while the host's end is closed
 * (drivers/char/virtio_console.c, port_fops_open and port_fops_poll).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "trace-error.h"

/* The host's "open" message may come a little after the port itself. */
#define LISTEN_TRIES    20
#define LISTEN_RETRY_MS 100
#define FIND_TRIES      20
#define FIND_RETRY_MS   100

static char *find_in_sysfs(const char *root, const char *name)
{
    g_autofree char *class = g_strconcat(root, "/sys/class/virtio-ports", NULL);
    g_autoptr(GDir) dir = g_dir_open(class, 0, NULL);
    const char *device;

    while (dir && (device = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(class, device, "name", NULL);
        g_autofree char *text = NULL;

        if (g_file_get_contents(file, &text, NULL, NULL) &&
            strcmp(g_strchomp(text), name) == 0) {
            return g_strconcat(root, "/dev/", device, NULL);
        }
    }
    return NULL;
}

char *port_find(const char *root, const char *name, GError **error)
{
    g_autofree char *link = NULL;
    char *path;

    if (strchr(name, '/')) {
        return g_strdup(name);
    }
    link = g_strconcat(root, "/dev/virtio-ports/", name, NULL);
    if (g_file_test(link, G_FILE_TEST_EXISTS)) {
        return g_steal_pointer(&link);
    }
    path = find_in_sysfs(root, name);
    if (!path) {
        trace_throw(error,
                    "this guest has no virtio-serial port named \"%s\": give "
                    "it one on the host (-device virtserialport,name=%s)",
                    name, name);
    }
    return path;
}

static bool wait_for_host(int fd, const char *name, GError **error)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

    for (int i = 0; i < LISTEN_TRIES; i++) {
        if (poll(&poll_fd, 1, LISTEN_RETRY_MS) < 0 && errno != EINTR) {
            return trace_throw(error, "cannot poll port %s: %s", name,
                               g_strerror(errno));
        }
        if (!(poll_fd.revents & (POLLHUP | POLLERR))) {
            /* Not writable yet is no reason to refuse: the host is slow. */
            return true;
        }
        g_usleep(LISTEN_RETRY_MS * 1000);
    }
    return trace_throw(error,
                       "nobody listens on the host's end of port %s: start "
                       "the recording on the host first",
                       name);
}

/* A port that the host has just plugged in takes a moment to appear. */
static char *find_new(const char *name, GError **error)
{
    for (int i = 0; i < FIND_TRIES; i++) {
        char *path = port_find("", name, NULL);

        if (path) {
            return path;
        }
        g_usleep(FIND_RETRY_MS * 1000);
    }
    return port_find("", name, error);
}

int port_open(const char *name, GError **error)
{
    g_autofree char *path = find_new(name, error);
    int fd;

    if (!path) {
        return -1;
    }
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        if (errno == EBUSY) {
            trace_throw(error,
                        "port %s (%s) is taken: another program in this guest "
                        "has it open",
                        name, path);
        } else {
            trace_throw(error, "cannot open port %s (%s): %s", name, path,
                        g_strerror(errno));
        }
        return -1;
    }
    if (!wait_for_host(fd, name, error)) {
        close(fd);
        return -1;
    }
    return fd;
}
