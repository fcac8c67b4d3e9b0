/*
 * FileRequest: how a confined process gets files to write to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "confine/file-request.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor. */
typedef union Control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
} Control;

gboolean file_request_pair(int fds[2], GError **error)
{
    int code;

    /* One packet is one request, or one answer. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0) {
        return TRUE;
    }
    code = errno;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "cannot make a socket: %s", g_strerror(code));
    return FALSE;
}

/* The answer is an errno, and a descriptor if that is 0. */
static int receive_answer(int fd)
{
    Control control;
    int code = 0;
    int received = -1;
    struct iovec iov = {.iov_base = &code, .iov_len = sizeof(code)};
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space),
    };
    ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (size != sizeof(code)) {
        errno = size < 0 ? errno : EIO;
        return -1;
    }
    if (code == 0 && header && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS) {
        memcpy(&received, CMSG_DATA(header), sizeof(received));
    }
    errno = code ? code : EIO;
    return received;
}

int file_request_send(int fd, const char *name)
{
    size_t size = strlen(name);

    if (size > FILE_REQUEST_MAX_NAME) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return write(fd, name, size) == (ssize_t)size ? receive_answer(fd) : -1;
}

static gboolean send_answer(int fd, int code, int file_fd)
{
    Control control = {0};
    struct iovec iov = {.iov_base = &code, .iov_len = sizeof(code)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (code == 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &file_fd, sizeof(file_fd));
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
    }
    /* Who doesn't take its answers gets no more. */
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
           (ssize_t)sizeof(code);
}

gboolean file_request_serve(int fd, FileRequestFunc func, gpointer data)
{
    char name[FILE_REQUEST_MAX_NAME + 1];
    ssize_t size = recv(fd, name, FILE_REQUEST_MAX_NAME, MSG_DONTWAIT);
    gboolean sent;
    int file_fd;

    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return TRUE;
    }
    if (size <= 0 || memchr(name, '\0', (size_t)size)) {
        return FALSE;
    }
    name[size] = '\0';
    file_fd = func(name, data);
    sent = send_answer(fd, file_fd < 0 ? errno : 0, file_fd);
    if (file_fd >= 0) {
        close(file_fd);
    }
    return sent;
}
