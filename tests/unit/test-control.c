/*
 * Control: the talk with a host, which may be late, silent, gone, or have left
 * answers to somebody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

typedef struct Line {
    int host_fd;
    int guest_fd;
    int stop_fd;
    Control *control;
} Line;

static void line_open(Line *line)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==,
                    0);
    line->host_fd = fds[0];
    line->guest_fd = fds[1];
    fcntl(line->guest_fd, F_SETFL, O_NONBLOCK);
    line->stop_fd = eventfd(0, EFD_CLOEXEC);
    line->control = control_new(line->guest_fd, CONTROL_RECORDER);
}

static void line_close(Line *line)
{
    control_free(line->control);
    if (line->host_fd >= 0) {
        close(line->host_fd);
    }
    close(line->guest_fd);
    close(line->stop_fd);
}

static TraceControl new_message(TraceControlKind kind, guint64 id,
                                const char *text)
{
    TraceControl message = {
        .magic = TRACE_CONTROL_MAGIC,
        .version = TRACE_CONTROL_VERSION,
        .kind = kind,
        .id = id,
    };

    g_strlcpy(message.text, text, sizeof(message.text));
    return message;
}

static void say(const Line *line, TraceControlKind kind, guint64 id,
                const char *text)
{
    TraceControl message = new_message(kind, id, text);

    g_assert_cmpint(write(line->host_fd, &message, sizeof(message)), ==,
                    sizeof(message));
}

static void test_read(void)
{
    Line line;
    TraceControl message;

    line_open(&line);
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_NOTHING);
    say(&line, TRACE_CONTROL_HOLD, 0, "");
    say(&line, TRACE_CONTROL_STOP, 0, "because");
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpint(message.kind, ==, TRACE_CONTROL_HOLD);
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpint(message.kind, ==, TRACE_CONTROL_STOP);
    g_assert_cmpstr(message.text, ==, "because");
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_NOTHING);
    close(line.host_fd);
    line.host_fd = -1;
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_CLOSED);
    line_close(&line);
}

/* A message that comes in pieces, behind noise, behind a broken message. */
static void test_noise(void)
{
    TraceControl good = new_message(TRACE_CONTROL_STOP, 0, "good");
    TraceControl broken = new_message(TRACE_CONTROL_STOP, 0, "");
    TraceControl message;
    Line line;

    line_open(&line);
    memset(broken.text, 'x', sizeof(broken.text));
    g_assert_cmpint(write(line.host_fd, "QTC QTQTC", 9), ==, 9);
    g_assert_cmpint(write(line.host_fd, &broken, sizeof(broken)), ==,
                    sizeof(broken));
    for (gsize at = 0; at < sizeof(good); at += 8) {
        g_assert_cmpint(control_read(line.control, &message), ==,
                        CONTROL_NOTHING);
        g_assert_cmpint(write(line.host_fd, (char *)&good + at, 8), ==, 8);
    }
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpstr(message.text, ==, "good");
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_NOTHING);
    line_close(&line);
}

/* Answers to another request are not ours. */
static void test_others(void)
{
    TraceControl message;
    Line line;

    line_open(&line);
    say(&line, TRACE_CONTROL_STOP, 77, "another's");
    say(&line, TRACE_CONTROL_STOP, 0, "everybody's");
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpstr(message.text, ==, "everybody's");
    line_close(&line);
}

typedef struct Host {
    const Line *line;
    TraceControl request;
    TraceControlKind answer;
} Host;

static gpointer run_host(gpointer data)
{
    Host *host = data;
    gsize got = 0;

    while (got < sizeof(host->request)) {
        ssize_t n = read(host->line->host_fd, (char *)&host->request + got,
                         sizeof(host->request) - got);

        g_assert_cmpint(n, >, 0);
        got += n;
    }
    say(host->line, TRACE_CONTROL_REFUSED, host->request.id + 1, "not yours");
    say(host->line, TRACE_CONTROL_PENDING, host->request.id, "");
    say(host->line, host->answer, host->request.id, "not today");
    say(host->line, TRACE_CONTROL_DONE, host->request.id, "vm1-1");
    return NULL;
}

static bool ask(Host *host, const Line *line, GError **error)
{
    const char *const events[] = {"kvm", "sched:*", NULL};
    const ControlRequest request = {
        .command = "cyclictest -q",
        .events = events,
        .is_snapshot = true,
        .duration_ms = 5000,
    };
    GThread *thread = g_thread_new("host", run_host, host);
    bool ok = control_ask(line->control, &request, line->stop_fd, error);

    g_thread_join(thread);
    return ok;
}

static void test_granted(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    Line line;
    Host host = {.line = &line, .answer = TRACE_CONTROL_GRANTED};

    line_open(&line);
    g_assert_true(ask(&host, &line, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(host.request.magic, ==, TRACE_CONTROL_MAGIC);
    g_assert_cmpuint(host.request.kind, ==, TRACE_CONTROL_REQUEST);
    g_assert_cmpuint(host.request.id, !=, 0);
    g_assert_cmpuint(host.request.flags, ==, TRACE_CONTROL_SNAPSHOT);
    g_assert_cmpuint(host.request.duration_ms, ==, 5000);
    g_assert_cmpstr(host.request.text, ==, "cyclictest -q");
    g_assert_cmpstr(host.request.events, ==, "kvm\nsched:*");
    name = control_wait_done(line.control, line.stop_fd);
    g_assert_cmpstr(name, ==, "vm1-1");
    line_close(&line);
}

static void test_refused(void)
{
    g_autoptr(GError) error = NULL;
    Line line;
    Host host = {.line = &line, .answer = TRACE_CONTROL_REFUSED};

    line_open(&line);
    g_assert_false(ask(&host, &line, &error));
    g_assert_nonnull(strstr(error->message, "not today"));
    line_close(&line);
}

static void test_interrupted(void)
{
    const ControlRequest request = {0};
    g_autoptr(GError) error = NULL;
    Line line;

    line_open(&line);
    eventfd_write(line.stop_fd, 1);
    g_assert_false(control_ask(line.control, &request, line.stop_fd, &error));
    g_assert_nonnull(strstr(error->message, "stopped"));
    line_close(&line);
}

static void test_gone(void)
{
    const ControlRequest request = {0};
    g_autoptr(GError) error = NULL;
    Line line;

    line_open(&line);
    shutdown(line.host_fd, SHUT_WR);
    g_assert_false(control_ask(line.control, &request, line.stop_fd, &error));
    g_assert_nonnull(strstr(error->message, "closed"));
    line_close(&line);
}

/* The host's end: hears one request, and leaves what follows it. */
static void test_host(void)
{
    TraceControl message = new_message(TRACE_CONTROL_STOP, 0, "no request");
    Control *control;
    char rest[8];
    Line line;

    line_open(&line);
    fcntl(line.host_fd, F_SETFL, O_NONBLOCK);
    control = control_new(line.host_fd, CONTROL_HOST);
    g_assert_cmpint(write(line.guest_fd, &message, sizeof(message)), ==,
                    sizeof(message));
    message = new_message(TRACE_CONTROL_REQUEST, 5, "cyclictest");
    g_assert_cmpint(write(line.guest_fd, &message, sizeof(message)), ==,
                    sizeof(message));
    g_assert_cmpint(write(line.guest_fd, "HELLO", 5), ==, 5);
    g_assert_cmpint(control_read(control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpuint(message.id, ==, 5);
    g_assert_cmpint(read(line.host_fd, rest, sizeof(rest)), ==, 5);
    g_assert_true(control_say(control, TRACE_CONTROL_STOP, 0, 0, "enough"));
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_MESSAGE);
    g_assert_cmpstr(message.text, ==, "enough");
    control_free(control);
    line_close(&line);
}

/* Noise without end does not keep the reader for ever. */
static void test_endless_noise(void)
{
    g_autofree char *noise = g_strnfill(100000, 'Q');
    TraceControl message;
    ssize_t sent;
    Line line;

    line_open(&line);
    fcntl(line.host_fd, F_SETFL, O_NONBLOCK);
    sent = write(line.host_fd, noise, 100000);
    g_assert_cmpint(sent, >, 70000);
    g_assert_cmpint(control_read(line.control, &message), ==, CONTROL_NOISE);
    line_close(&line);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/read", test_read);
    g_test_add_func("/control/noise", test_noise);
    g_test_add_func("/control/others", test_others);
    g_test_add_func("/control/granted", test_granted);
    g_test_add_func("/control/refused", test_refused);
    g_test_add_func("/control/interrupted", test_interrupted);
    g_test_add_func("/control/gone", test_gone);
    g_test_add_func("/control/host", test_host);
    g_test_add_func("/control/endless-noise", test_endless_noise);
    return g_test_run();
}
