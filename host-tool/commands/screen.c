/*
 * Screen: two pipes and a thread that shows what comes through them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "output/screen-text.h"

#define MAX_STREAMS 2
#define READ_BYTES  (64u << 10)

typedef struct Stream {
    int number;  /* STDOUT_FILENO or STDERR_FILENO */
    int pipe_fd; /* what is written to it; -1: no more */
    int real_fd; /* where it leads */
    ScreenText text;
} Stream;

struct Screen {
    Stream streams[MAX_STREAMS];
    guint n_streams;
    GThread *thread;
};

/* In the thread */

static bool write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            bytes += n;
            length -= (gsize)n;
        }
    }
    return true;
}

/* Whoever writes where nobody reads any more is to find that out. */
static void show_some(Stream *stream, char *bytes, GString *clean)
{
    ssize_t n = read(stream->pipe_fd, bytes, READ_BYTES);

    if (n < 0 && errno == EINTR) {
        return;
    }
    g_string_truncate(clean, 0);
    if (n > 0) {
        screen_text_filter(&stream->text, bytes, (gsize)n, clean);
    } else {
        screen_text_end(&stream->text, clean);
    }
    if (!write_all(stream->real_fd, clean->str, clean->len) || n <= 0) {
        close(stream->pipe_fd);
        stream->pipe_fd = -1;
    }
}

/* Standard output comes first: what went wrong is said after it. */
static gpointer show(gpointer data)
{
    Screen *screen = data;
    g_autofree char *bytes = g_malloc(READ_BYTES);
    g_autoptr(GString) clean = g_string_new(NULL);
    sigset_t pipe_signal;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    for (;;) {
        struct pollfd fds[MAX_STREAMS];
        bool is_open = false;

        for (guint i = 0; i < screen->n_streams; i++) {
            fds[i] = (struct pollfd){screen->streams[i].pipe_fd, POLLIN, 0};
            is_open = is_open || fds[i].fd >= 0;
        }
        if (!is_open) {
            return NULL;
        }
        poll(fds, screen->n_streams, -1);
        for (guint i = 0; i < screen->n_streams; i++) {
            if (fds[i].fd >= 0 && fds[i].revents) {
                show_some(&screen->streams[i], bytes, clean);
                break;
            }
        }
    }
}

/* In the others */

static bool lead_through(Screen *screen, int number)
{
    Stream *stream = &screen->streams[screen->n_streams];
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return false;
    }
    *stream = (Stream){
        .number = number,
        .pipe_fd = fds[0],
        .real_fd = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1),
    };
    if (stream->real_fd < 0 || dup2(fds[1], number) < 0) {
        if (stream->real_fd >= 0) {
            close(stream->real_fd);
        }
        close(fds[0]);
        close(fds[1]);
        return false;
    }
    close(fds[1]);
    screen->n_streams++;
    return true;
}

/* The thread ends once nobody can write to it any more. */
static void put_back(Screen *screen)
{
    fflush(stdout);
    for (guint i = 0; i < screen->n_streams; i++) {
        dup2(screen->streams[i].real_fd, screen->streams[i].number);
    }
    if (screen->thread) {
        g_thread_join(screen->thread);
    }
    for (guint i = 0; i < screen->n_streams; i++) {
        if (screen->streams[i].pipe_fd >= 0) {
            close(screen->streams[i].pipe_fd);
        }
        close(screen->streams[i].real_fd);
    }
}

bool screen_start(bool is_paged, Screen **screen, GError **error)
{
    const bool is_shown[] = {is_paged || isatty(STDOUT_FILENO),
                             isatty(STDERR_FILENO)};
    const int numbers[] = {STDOUT_FILENO, STDERR_FILENO};
    g_autoptr(Screen) new = g_new0(Screen, 1);

    *screen = NULL;
    fflush(stdout);
    for (guint i = 0; i < MAX_STREAMS; i++) {
        if (is_shown[i] && !lead_through(new, numbers[i])) {
            g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                        "cannot make a pipe to the terminal: %s",
                        g_strerror(errno));
            return false;
        }
    }
    if (new->n_streams > 0) {
        new->thread = g_thread_try_new("screen", show, new, error);
        if (!new->thread) {
            return false;
        }
        *screen = g_steal_pointer(&new);
    }
    return true;
}

void screen_end(Screen *screen)
{
    if (screen) {
        put_back(screen);
        g_free(screen);
    }
}
