/*
 * Confinement: what a confined function can't do, and how its end is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine/confine.h"
#include "stream-builder.h"

static GByteArray *run(ConfineFunc func, gpointer data, GError **error)
{
    ConfineOptions options;
    ConfineMissing missing;

    confine_options_init(&options, "a test");
    options.cpu_seconds = 2;
    return confine_run(&options, func, data, &missing, error);
}

static void assert_fails(ConfineFunc func, ConfineError code,
                         const char *needle)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = run(func, NULL, &error);

    g_assert_null(reply);
    g_assert_error(error, CONFINE_ERROR, (int)code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, needle));
}

static gboolean answer(gpointer data, GByteArray *reply,
                       GError **error G_GNUC_UNUSED)
{
    g_byte_array_append(reply, data, (guint)strlen(data));
    return TRUE;
}

static void test_answer(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = run(answer, (gpointer) "hello", &error);
    g_autoptr(GByteArray) nothing = run(answer, (gpointer) "", &error);

    g_assert_no_error(error);
    g_assert_cmpmem(reply->data, reply->len, "hello", 5);
    g_assert_cmpuint(nothing->len, ==, 0);
}

static gboolean fail(gpointer data G_GNUC_UNUSED,
                     GByteArray *reply G_GNUC_UNUSED, GError **error)
{
    g_set_error_literal(error, G_FILE_ERROR, 0, "It \x1b[31m is wrong.");
    return FALSE;
}

static void test_error(void)
{
    assert_fails(fail, CONFINE_ERROR_FAILED, "It ?[31m is wrong.");
}

static gboolean crash(gpointer data G_GNUC_UNUSED,
                      GByteArray *reply G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
    raise(SIGSEGV);
    return TRUE;
}

static gboolean leave(gpointer data G_GNUC_UNUSED,
                      GByteArray *reply G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
    _exit(0);
}

static gboolean loop(gpointer data G_GNUC_UNUSED,
                     GByteArray *reply G_GNUC_UNUSED,
                     GError **error G_GNUC_UNUSED)
{
    for (volatile unsigned i = 0;; i++) {
    }
    return TRUE;
}

static gboolean flood(gpointer data G_GNUC_UNUSED, GByteArray *reply,
                      GError **error G_GNUC_UNUSED)
{
    g_byte_array_set_size(reply, 2 << 20);
    memset(reply->data, 0, reply->len);
    return TRUE;
}

static void test_bad_ends(void)
{
    assert_fails(crash, CONFINE_ERROR_CRASHED, "crashed");
    assert_fails(leave, CONFINE_ERROR_REPLY, "no proper answer");
    assert_fails(loop, CONFINE_ERROR_CRASHED, "too much time");
    assert_fails(flood, CONFINE_ERROR_REPLY, "no proper answer");
}

#ifndef __SANITIZE_ADDRESS__
static gboolean eat_memory(gpointer data G_GNUC_UNUSED,
                           GByteArray *reply G_GNUC_UNUSED,
                           GError **error G_GNUC_UNUSED)
{
    return malloc((size_t)2 << 30) == NULL;
}

static void test_memory(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = run(eat_memory, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(reply);
}
#endif

static gboolean make_socket(gpointer data G_GNUC_UNUSED,
                            GByteArray *reply G_GNUC_UNUSED,
                            GError **error G_GNUC_UNUSED)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static gboolean make_child(gpointer data G_GNUC_UNUSED,
                           GByteArray *reply G_GNUC_UNUSED,
                           GError **error G_GNUC_UNUSED)
{
    return fork() >= 0;
}

static gboolean run_program(gpointer data G_GNUC_UNUSED,
                            GByteArray *reply G_GNUC_UNUSED,
                            GError **error G_GNUC_UNUSED)
{
    execl("/bin/true", "true", NULL);
    return TRUE;
}

static gboolean signal_parent(gpointer data, GByteArray *reply G_GNUC_UNUSED,
                              GError **error G_GNUC_UNUSED)
{
    kill(*(pid_t *)data, SIGTERM);
    return TRUE;
}

static void test_forbidden_calls(void)
{
    pid_t pid = getpid();
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = run(signal_parent, &pid, &error);

    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED);
    assert_fails(make_socket, CONFINE_ERROR_CRASHED, "may not do");
    assert_fails(make_child, CONFINE_ERROR_CRASHED, "may not do");
    assert_fails(run_program, CONFINE_ERROR_CRASHED, "may not do");
}

/* What the child sees. */
typedef struct View {
    int open_errno;
    int kept;  /* bytes read from the descriptor that was kept */
    int other; /* errno of the one that was not */
} View;

typedef struct ViewFds {
    int kept;
    int other;
} ViewFds;

static gboolean look_around(gpointer data, GByteArray *reply,
                            GError **error G_GNUC_UNUSED)
{
    const ViewFds *fds = data;
    View view = {0};
    char byte;

    view.open_errno = open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
    view.kept = (int)pread(fds->kept, &byte, 1, 0);
    view.other = pread(fds->other, &byte, 1, 0) < 0 ? errno : 0;
    g_byte_array_append(reply, (guint8 *)&view, sizeof(view));
    return TRUE;
}

static void test_files(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = NULL;
    ConfineOptions options;
    ConfineMissing missing;
    ViewFds fds = {file_of_bytes("x", 1), file_of_bytes("y", 1)};
    View view;

    confine_options_init(&options, "a test");
    options.fds = &fds.kept;
    options.fd_count = 1;
    reply = confine_run(&options, look_around, &fds, &missing, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(reply->len, ==, sizeof(view));
    memcpy(&view, reply->data, sizeof(view));
    g_assert_cmpint(view.open_errno, ==, EACCES);
    g_assert_cmpint(view.kept, ==, 1);
    g_assert_cmpint(view.other, ==, EBADF);
    close(fds.kept);
    close(fds.other);
}

static gboolean write_much(gpointer data, GByteArray *reply G_GNUC_UNUSED,
                           GError **error G_GNUC_UNUSED)
{
    int fd = *(int *)data;

    return pwrite(fd, "12345678", 8, 0) == 8 && pwrite(fd, "9", 1, 8) == 1;
}

static void test_file_size(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = NULL;
    ConfineOptions options;
    ConfineMissing missing;
    int fd = file_of_bytes("", 0);

    confine_options_init(&options, "a test");
    options.fds = &fd;
    options.fd_count = 1;
    options.file_bytes = 8;
    reply = confine_run(&options, write_much, &fd, &missing, &error);
    g_assert_null(reply);
    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED);
    g_assert_nonnull(strstr(error->message, "wrote too much"));
    close(fd);
}

/* The child tells its pid and waits until it was looked at. */
typedef struct Meeting {
    int to_parent[2];
    int to_child[2];
    char *status; /* of /proc/PID/status */
} Meeting;

static gboolean wait_there(gpointer data, GByteArray *reply G_GNUC_UNUSED,
                           GError **error G_GNUC_UNUSED)
{
    Meeting *meeting = data;
    pid_t pid = getpid();
    char byte;

    return write(meeting->to_parent[1], &pid, sizeof(pid)) == sizeof(pid) &&
           read(meeting->to_child[0], &byte, 1) == 1;
}

static gpointer look_from_outside(gpointer data)
{
    Meeting *meeting = data;
    g_autofree char *path = NULL;
    pid_t pid = 0;

    g_assert_cmpint(read(meeting->to_parent[0], &pid, sizeof(pid)), ==,
                    sizeof(pid));
    path = g_strdup_printf("/proc/%d/status", pid);
    g_assert_true(g_file_get_contents(path, &meeting->status, NULL, NULL));
    g_assert_cmpint(write(meeting->to_child[1], "x", 1), ==, 1);
    return NULL;
}

static void assert_line(const Meeting *meeting, const char *line)
{
    if (!strstr(meeting->status, line)) {
        g_test_message("%s", meeting->status);
        g_error("no line \"%s\"", line);
    }
}

static void test_privileges(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = NULL;
    ConfineOptions options;
    ConfineMissing missing;
    Meeting meeting = {0};
    GThread *thread;
    int fds[2];

    g_assert_cmpint(pipe(meeting.to_parent), ==, 0);
    g_assert_cmpint(pipe(meeting.to_child), ==, 0);
    fds[0] = meeting.to_parent[1];
    fds[1] = meeting.to_child[0];
    confine_options_init(&options, "a test");
    options.fds = fds;
    options.fd_count = 2;
    thread = g_thread_new("look", look_from_outside, &meeting);
    reply = confine_run(&options, wait_there, &meeting, &missing, &error);
    g_assert_no_error(error);
    g_thread_join(thread);
    if (geteuid() == 0) {
        assert_line(&meeting, "Uid:\t65534\t65534\t65534\t65534\n");
        assert_line(&meeting, "Gid:\t65534\t65534\t65534\t65534\n");
        assert_line(&meeting, "Groups:\t \n");
        assert_line(&meeting, "CapBnd:\t0000000000000000\n");
    }
    assert_line(&meeting, "CapPrm:\t0000000000000000\n");
    assert_line(&meeting, "CapEff:\t0000000000000000\n");
    assert_line(&meeting, "CapAmb:\t0000000000000000\n");
    assert_line(&meeting, "NoNewPrivs:\t1\n");
    if (!(missing & CONFINE_MISSING_SECCOMP)) {
        assert_line(&meeting, "Seccomp:\t2\n");
    }
    g_free(meeting.status);
    for (int i = 0; i < 2; i++) {
        close(meeting.to_parent[i]);
        close(meeting.to_child[i]);
    }
}

static void test_missing(void)
{
    g_autofree char *one = confine_describe_missing(CONFINE_MISSING_LANDLOCK);
    g_autofree char *two = confine_describe_missing(CONFINE_MISSING_ALL);

    g_assert_null(confine_describe_missing(0));
    g_assert_nonnull(strstr(one, "no Landlock:"));
    g_assert_nonnull(strstr(two, "no Landlock and no seccomp filters:"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/confine/answer", test_answer);
    g_test_add_func("/confine/error", test_error);
    g_test_add_func("/confine/bad-ends", test_bad_ends);
#ifndef __SANITIZE_ADDRESS__
    g_test_add_func("/confine/memory", test_memory);
#endif
    g_test_add_func("/confine/forbidden-calls", test_forbidden_calls);
    g_test_add_func("/confine/files", test_files);
    g_test_add_func("/confine/file-size", test_file_size);
    g_test_add_func("/confine/privileges", test_privileges);
    g_test_add_func("/confine/missing", test_missing);
    return g_test_run();
}
