/*
 * Confinement: what a confined function can't do, and how its end is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confine/file-request.h"
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

static gboolean insist_on_memory(gpointer data G_GNUC_UNUSED, GByteArray *reply,
                                 GError **error G_GNUC_UNUSED)
{
    g_byte_array_set_size(reply, 2000u << 20);
    return TRUE;
}

static void test_memory(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = run(eat_memory, NULL, &error);

    g_assert_no_error(error);
    g_assert_nonnull(reply);
    /* Who gives up for it is no attacker. */
    assert_fails(insist_on_memory, CONFINE_ERROR_CRASHED, "out of memory");
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

/* What the commands that read recordings need, a thread and a copy. */
static gpointer add_one(gpointer data)
{
    (*(int *)data)++;
    return NULL;
}

static gboolean use_needs(gpointer data, GByteArray *reply,
                          GError **error G_GNUC_UNUSED)
{
    int n = 0;
    GThread *thread = g_thread_try_new("one", add_one, &n, NULL);
    int fd = dup(*(int *)data);
    guint8 byte = 0;

    if (thread) {
        g_thread_join(thread);
    }
    if (n != 1 || fd < 0 || pread(fd, &byte, 1, 0) != 1) {
        return FALSE;
    }
    g_byte_array_append(reply, &byte, 1);
    return TRUE;
}

static GByteArray *run_with_needs(ConfineFunc func, gpointer data, int fd,
                                  GError **error)
{
    ConfineOptions options;
    ConfineMissing missing;

    confine_options_init(&options, "a test");
    options.fds = &fd;
    options.fd_count = 1;
    options.needs = CONFINE_NEEDS_THREADS | CONFINE_NEEDS_MORE_FDS;
    return confine_run(&options, func, data, &missing, error);
}

static void test_needs(void)
{
    g_autoptr(GError) error = NULL;
    int fd = file_of_bytes("x", 1);
    g_autoptr(GByteArray) reply = run_with_needs(use_needs, &fd, fd, &error);

    g_assert_no_error(error);
    g_assert_cmpmem(reply->data, reply->len, "x", 1);
    close(fd);
}

/*
 * Each attack from inside, with all that a reader may do: it must come back
 * refused, or not at all.  Returns TRUE where it succeeded.
 */
typedef gboolean (*Attack)(void);

static gboolean attack_read_file(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static gboolean attack_write_file(void)
{
    return open("/tmp/attack", O_WRONLY | O_CREAT, 0666) >= 0;
}

static gboolean attack_make_directory(void)
{
    return mkdir("/tmp/attack", 0777) == 0;
}

static gboolean attack_remove_file(void)
{
    return unlink("/tmp/attack") == 0 || errno == ENOENT;
}

static gboolean attack_rename(void)
{
    return rename("/tmp/attack", "/tmp/attacked") == 0 || errno == ENOENT;
}

static gboolean attack_inet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static gboolean attack_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static gboolean attack_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static gboolean attack_exec(void)
{
    return execl("/bin/true", "true", NULL) == 0;
}

static gboolean attack_fork(void)
{
    return fork() >= 0;
}

static gboolean attack_trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static gboolean attack_kill_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static gboolean attack_kill_thread(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static gboolean attack_become_root(void)
{
    return setuid(0) == 0;
}

static gboolean attack_raise_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_AS, &limit) == 0;
}

static gboolean attack_read_memory(void)
{
    char byte;
    struct iovec own = {&byte, 1};

    return process_vm_readv(getppid(), &own, 1, &own, 1, 0) == 1;
}

static gboolean attack_run_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0) != MAP_FAILED;
}

static gboolean attack_new_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}

static gboolean attack_type_on_terminal(void)
{
    return ioctl(STDIN_FILENO, TIOCSTI, "x") == 0;
}

/* Files that it only reads or writes to are not to be cut off. */
static gboolean attack_truncate(void)
{
    gboolean is_cut = FALSE;

    for (int fd = 0; fd < 64; fd++) {
        is_cut |= ftruncate(fd, 0) == 0;
    }
    return is_cut;
}

/* KSM merges equal pages, of guests as well: the time of a write tells. */
static gboolean attack_merge_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return madvise(page, 4096, MADV_MERGEABLE) == 0;
}

static gboolean attack_new_network(void)
{
    return syscall(SYS_clone,
                   CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNET, NULL,
                   NULL, NULL, 0) >= 0;
}

/* A share of memory and files is no thread. */
static gboolean attack_half_thread(void)
{
    return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL,
                   NULL, 0) >= 0;
}

static gpointer call_of_other_size(G_GNUC_UNUSED gpointer data)
{
    /* x32's, which filters for x86-64 don't know by their numbers. */
    return GINT_TO_POINTER((int)syscall(0x40000000 | SYS_getpid));
}

/* It must not be only the thread that is ended for it. */
static gboolean attack_word_size(void)
{
    GThread *thread = g_thread_new("x32", call_of_other_size, NULL);

    g_thread_join(thread);
    return TRUE;
}

#ifndef __SANITIZE_ADDRESS__
static gpointer sleep_on(gpointer futex)
{
    for (;;) {
        syscall(SYS_futex, futex, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    return NULL;
}

/* Of all users' tasks a host has some 32768, where it is small. */
static gboolean attack_many_threads(void)
{
    static int futex;
    pthread_attr_t attributes;
    pthread_t thread;
    int n = 0;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    while (n < 8192 &&
           pthread_create(&thread, &attributes, sleep_on, &futex) == 0) {
        n++;
    }
    /* Another user's limit is its own. */
    return n == 8192 && getuid() == 65534;
}
#endif

static gboolean attack_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static gboolean attack_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

#define ATTACK(name)         \
    {                        \
#name, attack_##name \
    }
static const struct {
    const char *name;
    Attack attack;
} attacks[] = {
    ATTACK(read_file),
    ATTACK(write_file),
    ATTACK(make_directory),
    ATTACK(remove_file),
    ATTACK(rename),
    ATTACK(inet_socket),
    ATTACK(unix_socket),
    ATTACK(netlink),
    ATTACK(exec),
    ATTACK(fork),
    ATTACK(trace_parent),
    ATTACK(kill_parent),
    ATTACK(kill_thread),
    ATTACK(become_root),
    ATTACK(raise_limit),
    ATTACK(read_memory),
    ATTACK(run_memory),
    ATTACK(new_namespace),
    ATTACK(type_on_terminal),
    ATTACK(truncate),
    ATTACK(merge_memory),
    ATTACK(new_network),
    ATTACK(half_thread),
    ATTACK(word_size),
#ifndef __SANITIZE_ADDRESS__
    ATTACK(many_threads),
#endif
    ATTACK(bpf),
    ATTACK(ring),
};

static gboolean run_attack(gpointer data, GByteArray *reply,
                           GError **error G_GNUC_UNUSED)
{
    guint8 succeeded = (*(const Attack *)data)() ? 1 : 0;

    g_byte_array_append(reply, &succeeded, 1);
    return TRUE;
}

static void test_attacks(void)
{
    int fd = file_of_bytes("x", 1);

    for (size_t i = 0; i < G_N_ELEMENTS(attacks); i++) {
        Attack attack = attacks[i].attack;
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) reply =
            run_with_needs(run_attack, &attack, fd, &error);

        g_test_message("%s: %s", attacks[i].name,
                       error ? error->message : "refused");
        if (reply) {
            g_assert_cmpuint(reply->len, ==, 1);
            g_assert_cmpuint(reply->data[0], ==, 0);
        } else {
            g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED);
            g_assert_nonnull(strstr(error->message, "may not do"));
        }
    }
    close(fd);
}

/* Nobody is to wait for a process that was taken over. */
static gboolean hide_and_sleep(gpointer data G_GNUC_UNUSED,
                               GByteArray *reply G_GNUC_UNUSED,
                               GError **error G_GNUC_UNUSED)
{
    int futex = 0;

    for (int fd = 0; fd < 1024; fd++) {
        close(fd);
    }
    for (;;) {
        syscall(SYS_futex, &futex, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    return TRUE;
}

static gboolean sleep_for_ever(gpointer data G_GNUC_UNUSED,
                               GByteArray *reply G_GNUC_UNUSED,
                               GError **error G_GNUC_UNUSED)
{
    int futex = 0;

    for (;;) {
        syscall(SYS_futex, &futex, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    return TRUE;
}

static void test_sleepers(void)
{
    g_autoptr(GError) error = NULL;
    ConfineOptions options;
    ConfineMissing missing;

    assert_fails(hide_and_sleep, CONFINE_ERROR_CRASHED, "signal 9");
    confine_options_init(&options, "a test");
    confine_options_set_time(&options, 7);
    g_assert_cmpuint(options.cpu_seconds, ==, 7);
    g_assert_cmpuint(options.wall_seconds, ==, 70);
    confine_options_set_time(&options, UINT64_MAX);
    g_assert_cmpuint(options.wall_seconds, ==, UINT32_MAX);
    options.wall_seconds = 1;
    g_assert_null(
        confine_run(&options, sleep_for_ever, NULL, &missing, &error));
    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED);
    g_assert_nonnull(strstr(error->message, "had not ended after 1 s"));
}

/* A signal that the caller holds back ends the child. */
static void test_stop(void)
{
    g_autoptr(GError) error = NULL;
    ConfineOptions options;
    ConfineMissing missing;
    sigset_t stops, pending;
    int number;

    sigemptyset(&stops);
    sigaddset(&stops, SIGUSR1);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    raise(SIGUSR1);
    confine_options_init(&options, "a test");
    options.stops = &stops;
    g_assert_null(confine_run(&options, loop, NULL, &missing, &error));
    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_STOPPED);
    sigpending(&pending);
    g_assert_true(sigismember(&pending, SIGUSR1));
    g_assert_cmpint(sigwait(&stops, &number), ==, 0);
    sigprocmask(SIG_UNBLOCK, &stops, NULL);
}

static gboolean write_to_nobody(gpointer data, GByteArray *reply G_GNUC_UNUSED,
                                GError **error G_GNUC_UNUSED)
{
    signal(SIGPIPE, SIG_DFL);
    return write(*(int *)data, "x", 1) == 1;
}

static void test_pipe(void)
{
    g_autoptr(GError) error = NULL;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    close(fds[0]);
    g_assert_null(run_with_needs(write_to_nobody, &fds[1], fds[1], &error));
    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_PIPE);
    close(fds[1]);
}

/* The parent makes the file that the child asks for, and no other. */
static int make_named(const char *name, gpointer data)
{
    if (strcmp(name, "allowed") != 0) {
        errno = EACCES;
        return -1;
    }
    return dup(*(int *)data);
}

static gboolean serve_request(int fd, gpointer data)
{
    return file_request_serve(fd, make_named, data);
}

static gboolean ask_for_files(gpointer data, GByteArray *reply,
                              GError **error G_GNUC_UNUSED)
{
    int socket_fd = *(int *)data;
    int results[3];

    results[0] = file_request_send(socket_fd, "../other") < 0 ? errno : 0;
    results[1] = file_request_send(socket_fd, "allowed");
    results[2] = (int)write(results[1], "written", 7);
    g_byte_array_append(reply, (guint8 *)results, sizeof(results));
    return TRUE;
}

static void test_service(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) reply = NULL;
    g_autoptr(GByteArray) bytes = NULL;
    int file_fd = file_of_bytes("", 0);
    int fds[2], results[3];
    ConfineService service = {.serve = serve_request, .data = &file_fd};
    ConfineOptions options;
    ConfineMissing missing;

    g_assert_true(file_request_pair(fds, &error));
    service.fd = fds[0];
    confine_options_init(&options, "a test");
    options.fds = &fds[1];
    options.fd_count = 1;
    options.file_bytes = 100;
    options.needs = CONFINE_NEEDS_MORE_FDS;
    options.service = &service;
    reply = confine_run(&options, ask_for_files, &fds[1], &missing, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(reply->len, ==, sizeof(results));
    memcpy(results, reply->data, sizeof(results));
    g_assert_cmpint(results[0], ==, EACCES);
    g_assert_cmpint(results[1], >=, 0);
    g_assert_cmpint(results[2], ==, 7);
    bytes = bytes_of_file(file_fd);
    g_assert_cmpmem(bytes->data, bytes->len, "written", 7);
    close(fds[0]);
    close(fds[1]);
    close(file_fd);
}

/* All files together may be too much. */
static gboolean is_too_full(gpointer data)
{
    return ++*(int *)data < 3;
}

static gboolean end_service(G_GNUC_UNUSED int fd, G_GNUC_UNUSED gpointer data)
{
    return FALSE;
}

static void run_watched(ConfineFunc func, int n_before)
{
    g_autoptr(GError) error = NULL;
    int fds[2];
    ConfineService service = {
        .serve = end_service,
        .watch = is_too_full,
        .data = &n_before,
    };
    ConfineOptions options;
    ConfineMissing missing;

    g_assert_true(file_request_pair(fds, &error));
    service.fd = fds[0];
    confine_options_init(&options, "a test");
    options.service = &service;
    g_assert_null(confine_run(&options, func, (gpointer) "", &missing, &error));
    g_assert_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED);
    g_assert_nonnull(strstr(error->message, "wrote too much"));
    close(fds[0]);
    close(fds[1]);
}

static void test_watch(void)
{
    run_watched(sleep_for_ever, 0);
    run_watched(answer, 1); /* once at the beginning, and at the end */
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
    g_test_add_func("/confine/needs", test_needs);
    g_test_add_func("/confine/attacks", test_attacks);
    g_test_add_func("/confine/sleepers", test_sleepers);
    g_test_add_func("/confine/stop", test_stop);
    g_test_add_func("/confine/pipe", test_pipe);
    g_test_add_func("/confine/service", test_service);
    g_test_add_func("/confine/watch", test_watch);
    g_test_add_func("/confine/missing", test_missing);
    return g_test_run();
}
