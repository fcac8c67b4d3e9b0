/*
 * Confinement: hostile bytes are parsed by a process that can do nothing else.
 *
 * The order of the layers matters: each takes away what the ones before it
 * needed.  Descriptors, user, capabilities, limits, Landlock, seccomp last.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* AddressSanitizer reserves terabytes, writes to stderr and looks around. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define NOBODY_ID       65534
#define MAX_ERROR_BYTES 1024
#define MAX_CONFINE_FDS 16
#define REPLY_MAGIC     UINT32_C(0x51464e43)

/* What the child sends: Prologue before func is run, Epilogue, its bytes. */
typedef struct ReplyPrologue {
    uint32_t magic;
    uint32_t missing; /* ConfineMissing */
} ReplyPrologue;

typedef enum ReplyKind {
    REPLY_ANSWER = 1,
    REPLY_ERROR = 2, /* func's: the bytes are the message */
    REPLY_SETUP = 3, /* a layer's; instead of the prologue's good news */
} ReplyKind;

typedef struct ReplyEpilogue {
    uint32_t kind; /* ReplyKind */
    uint32_t reserved;
    uint64_t size_bytes;
} ReplyEpilogue;

G_DEFINE_QUARK(confine - error - quark, confine_error)

static gboolean throw_setup(GError **error, const char *what)
{
    int code = errno;

    g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_SETUP,
                "Cannot %s in the process that reads untrusted data: %s.", what,
                strerror(code));
    return FALSE;
}

void confine_options_init(ConfineOptions *options, const char *subject)
{
    *options = (ConfineOptions){
        .subject = subject,
        .uid = NOBODY_ID,
        .gid = NOBODY_ID,
        .memory_bytes = UINT64_C(1) << 30,
        .cpu_seconds = 60,
        .reply_bytes = UINT64_C(1) << 20,
    };
}

char *confine_describe_missing(ConfineMissing missing)
{
    gboolean landlock = missing & CONFINE_MISSING_LANDLOCK;
    gboolean seccomp = missing & CONFINE_MISSING_SECCOMP;

    if (!landlock && !seccomp) {
        return NULL;
    }
    return g_strdup_printf("This kernel has no %s%s%s: untrusted data was "
                           "read behind one wall less.",
                           landlock ? "Landlock" : "",
                           landlock && seccomp ? " and no " : "",
                           seccomp ? "seccomp filters" : "");
}

/* Descriptors */

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Everything but keep, which is sorted. */
static gboolean close_others(const int *keep, guint count, GError **error)
{
    unsigned first = 0;

    for (guint i = 0; i < count; i++) {
        unsigned fd = (unsigned)keep[i];

        if (fd > first && close_range(first, fd - 1, 0) < 0) {
            return throw_setup(error, "close files");
        }
        first = fd + 1;
    }
    if (close_range(first, ~0u, 0) < 0) {
        return throw_setup(error, "close files");
    }
    return TRUE;
}

static gboolean drop_files(const ConfineOptions *options, int reply_fd,
                           GError **error)
{
    int keep[MAX_CONFINE_FDS + 4];
    guint count = 0;
    int null_fd;

    g_assert(options->fd_count <= MAX_CONFINE_FDS);
    for (guint i = 0; i < options->fd_count; i++) {
        keep[count++] = options->fds[i];
    }
    if (reply_fd >= 0) {
        keep[count++] = reply_fd;
    }
    if (SANITIZED) {
        keep[count++] = STDERR_FILENO;
    }
    qsort(keep, count, sizeof(keep[0]), compare_fds);
    if (!close_others(keep, count, error)) {
        return FALSE;
    }
    /* Lowest free numbers first, so this fills the holes in 0 to 2. */
    do {
        null_fd = open("/dev/null", O_RDWR);
        if (null_fd < 0) {
            return throw_setup(error, "open /dev/null");
        }
    } while (null_fd < STDERR_FILENO);
    if (null_fd > STDERR_FILENO) {
        close(null_fd);
    }
    return TRUE;
}

/* User and capabilities */

static gboolean drop_user(const ConfineOptions *options, GError **error)
{
    if (geteuid() != 0) {
        return TRUE;
    }
    if (setgroups(0, NULL) < 0) {
        return throw_setup(error, "drop the supplementary groups");
    }
    if (setresgid(options->gid, options->gid, options->gid) < 0) {
        return throw_setup(error, "change the group");
    }
    if (setresuid(options->uid, options->uid, options->uid) < 0) {
        return throw_setup(error, "change the user");
    }
    return TRUE;
}

/* Needs CAP_SETPCAP, so it comes before the user is changed. */
static gboolean drop_bounding_set(GError **error)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
        /* Who may not do this has no capability to lose either. */
        if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EPERM) {
            return throw_setup(error, "drop the capability bounding set");
        }
    }
    return TRUE;
}

static gboolean drop_capabilities(GError **error)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
        return throw_setup(error, "clear the ambient capabilities");
    }
    if (syscall(SYS_capset, &header, none) < 0) {
        return throw_setup(error, "drop the capabilities");
    }
    return TRUE;
}

static gboolean forbid_gains(GError **error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return throw_setup(error, "forbid new privileges");
    }
    /* No core dump, no ptrace by others of the same user. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return throw_setup(error, "forbid tracing");
    }
    return TRUE;
}

/* After the change of user, which would clear it: kernel/cred.c. */
static gboolean die_with_parent(GError **error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return throw_setup(error, "ask for the parent's death");
    }
    return TRUE;
}

/* Limits */

static gboolean set_limit(__rlimit_resource_t resource, uint64_t value,
                          const char *what, GError **error)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) < 0) {
        return throw_setup(error, what);
    }
    /* A lower one that is in force already can't be raised, and stays. */
    limit.rlim_max = MIN(limit.rlim_max, value);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) < 0) {
        return throw_setup(error, what);
    }
    return TRUE;
}

static gboolean set_limits(const ConfineOptions *options, GError **error)
{
    return set_limit(RLIMIT_CORE, 0, "forbid core dumps", error) &&
           set_limit(RLIMIT_FSIZE, options->file_bytes,
                     "limit the size of files", error) &&
           set_limit(RLIMIT_CPU, options->cpu_seconds, "limit the time",
                     error) &&
           set_limit(RLIMIT_NPROC, 0, "forbid processes", error) &&
           (SANITIZED || (set_limit(RLIMIT_AS, options->memory_bytes,
                                    "limit the memory", error) &&
                          set_limit(RLIMIT_NOFILE, 0, "forbid files", error)));
}

/*
 * Landlock.  The numbers are those of linux/landlock.h, whose older copies
 * lack the newer members: a ruleset that handles everything that the kernel
 * knows, and allows nothing.
 */

typedef struct LandlockAttr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* from ABI 4 on */
    uint64_t scoped;             /* from ABI 6 on */
} LandlockAttr;

#define LANDLOCK_QUERY_VERSION 1u

static LandlockAttr landlock_attr_for(long abi)
{
    LandlockAttr attr = {0};
    int fs_bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;

    attr.handled_access_fs = (UINT64_C(1) << fs_bits) - 1;
    if (abi >= 4) {
        attr.handled_access_net = 3; /* bind and connect */
    }
    if (abi >= 6) {
        attr.scoped = 3; /* abstract sockets and signals */
    }
    return attr;
}

static gboolean enter_landlock(ConfineMissing *missing, GError **error)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_QUERY_VERSION);

    if (abi < 0) {
        *missing |= CONFINE_MISSING_LANDLOCK;
        return TRUE;
    }

    LandlockAttr attr = landlock_attr_for(abi);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

    if (fd < 0) {
        return throw_setup(error, "make a Landlock ruleset");
    }
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0) {
        return throw_setup(error, "enter Landlock");
    }
    close(fd);
    return TRUE;
}

/* seccomp */

/* Work on what is open already, memory, and the end. */
static const int allowed_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(preadv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fadvise64),
    SCMP_SYS(restart_syscall),
};

/*
 * What a C library may try and do without: translations of messages, the
 * kind of a terminal, the number of CPUs.
 */
static const int refused_calls[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),    SCMP_SYS(stat),
    SCMP_SYS(lstat),    SCMP_SYS(access),    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(ioctl),     SCMP_SYS(newfstatat),
    SCMP_SYS(statx),    SCMP_SYS(uname),     SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),  SCMP_SYS(prlimit64),
};

/* AddressSanitizer's own: error reports, leak checks, stacks. */
static const int sanitizer_calls[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(getrlimit),
    SCMP_SYS(prctl),       SCMP_SYS(dup),         SCMP_SYS(getppid),
};

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls,
                     size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++) {
        status = seccomp_rule_add(filter, action, calls[i], 0);
    }
    return status;
}

static int add_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp no_exec =
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    /* abort() signals itself; nobody else may be signalled. */
    const struct scmp_arg_cmp to_self =
        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int status = add_calls(filter, SCMP_ACT_ALLOW, allowed_calls,
                           G_N_ELEMENTS(allowed_calls));

    if (status == 0) {
        status = add_calls(filter, SCMP_ACT_ERRNO(EACCES), refused_calls,
                           G_N_ELEMENTS(refused_calls));
    }
    if (status == 0 && SANITIZED) {
        status = add_calls(filter, SCMP_ACT_ALLOW, sanitizer_calls,
                           G_N_ELEMENTS(sanitizer_calls));
    }
    if (status == 0) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap),
                                        1, &no_exec);
    }
    if (status == 0) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
                                        SCMP_SYS(mprotect), 1, &no_exec);
    }
    if (status == 0) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
                                        SCMP_SYS(tgkill), 1, &to_self);
    }
    return status;
}

static gboolean enter_seccomp(ConfineMissing *missing, GError **error)
{
    scmp_filter_ctx filter;
    int status;

    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
        *missing |= CONFINE_MISSING_SECCOMP;
        return TRUE;
    }
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        errno = ENOMEM;
        return throw_setup(error, "make a seccomp filter");
    }
    status = add_rules(filter);
    if (status == 0) {
        status = seccomp_load(filter);
    }
    seccomp_release(filter);
    if (status < 0) {
        errno = -status;
        return throw_setup(error, "load a seccomp filter");
    }
    return TRUE;
}

static gboolean enter_confinement(const ConfineOptions *options, int reply_fd,
                                  ConfineMissing *missing, GError **error)
{
    *missing = 0;
    return drop_files(options, reply_fd, error) && drop_bounding_set(error) &&
           drop_user(options, error) && drop_capabilities(error) &&
           forbid_gains(error) && (reply_fd < 0 || die_with_parent(error)) &&
           enter_landlock(missing, error) && set_limits(options, error) &&
           enter_seccomp(missing, error);
}

gboolean confine_self(const ConfineOptions *options, ConfineMissing *missing,
                      GError **error)
{
    return enter_confinement(options, -1, missing, error);
}

/* The child */

static gboolean send_all(int fd, const void *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = write(fd, bytes, size);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return FALSE;
        }
        bytes = (const uint8_t *)bytes + sent;
        size -= (size_t)sent;
    }
    return TRUE;
}

static void send_reply(int fd, ReplyKind kind, const void *bytes, size_t size)
{
    ReplyEpilogue epilogue = {.kind = kind, .size_bytes = size};

    if (!send_all(fd, &epilogue, sizeof(epilogue)) ||
        !send_all(fd, bytes, size)) {
        _exit(EXIT_FAILURE);
    }
}

static void send_error(int fd, ReplyKind kind, const GError *error)
{
    const char *message =
        error ? error->message : "The confined function gave no reason.";

    send_reply(fd, kind, message, MIN(strlen(message), MAX_ERROR_BYTES));
}

/* So that what the parent catches, blocks or ignores is not the child's. */
static void reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++) {
        signal(i, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A Ctrl-C is the parent's to answer: the child dies with it anyway. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static G_NORETURN void run_child(const ConfineOptions *options, int reply_fd,
                                 ConfineFunc func, gpointer data)
{
    g_autoptr(GByteArray) reply = NULL;
    g_autoptr(GError) error = NULL;
    ReplyPrologue prologue = {.magic = REPLY_MAGIC};
    ConfineMissing missing = 0;

    reset_signals();
    if (!enter_confinement(options, reply_fd, &missing, &error)) {
        send_all(reply_fd, &prologue, sizeof(prologue));
        send_error(reply_fd, REPLY_SETUP, error);
        _exit(EXIT_FAILURE);
    }
    prologue.missing = missing;
    send_all(reply_fd, &prologue, sizeof(prologue));
    reply = g_byte_array_new();
    if (func(data, reply, &error)) {
        send_reply(reply_fd, REPLY_ANSWER, reply->data, reply->len);
    } else {
        send_error(reply_fd, REPLY_ERROR, error);
    }
    _exit(EXIT_SUCCESS);
}

/* The parent */

static gboolean throw_reply(const ConfineOptions *options, GError **error)
{
    g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_REPLY,
                "The process that read %s gave no proper answer; what it "
                "read may be an attack, keep it for a bug report.",
                options->subject);
    return FALSE;
}

/* Everything up to the end of the pipe, or FALSE past the limit. */
static gboolean receive_all(int fd, GByteArray *bytes, uint64_t max_bytes)
{
    uint8_t buffer[16384];

    for (;;) {
        ssize_t got = read(fd, buffer, sizeof(buffer));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        if (bytes->len + (uint64_t)got > max_bytes) {
            return FALSE;
        }
        g_byte_array_append(bytes, buffer, (guint)got);
    }
}

static const char *signal_meaning(int number)
{
    switch (number) {
    case SIGSYS:
        return "it tried what it may not do";
    case SIGXCPU:
    case SIGKILL:
        return "it took too much time or memory";
    case SIGXFSZ:
        return "it wrote too much";
    case SIGABRT:
    case SIGTRAP:
        return "it gave up, out of memory or in a state that cannot be";
    default:
        return "it crashed";
    }
}

static gboolean throw_crash(const ConfineOptions *options, int number,
                            GError **error)
{
    g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED,
                "The confined process that read %s was stopped by signal %d "
                "(%s); what it read may be an attack, keep it for a bug "
                "report.",
                options->subject, number, signal_meaning(number));
    return FALSE;
}

static gboolean throw_message(const GByteArray *bytes, ReplyKind kind,
                              GError **error)
{
    g_autofree char *message =
        g_strndup((const char *)bytes->data, MIN(bytes->len, MAX_ERROR_BYTES));

    for (char *p = message; *p; p++) {
        if (!g_ascii_isprint(*p)) {
            *p = '?';
        }
    }
    g_set_error_literal(error, CONFINE_ERROR,
                        kind == REPLY_SETUP ? CONFINE_ERROR_SETUP
                                            : CONFINE_ERROR_FAILED,
                        message);
    return FALSE;
}

/* Leaves the answer in bytes. */
static gboolean open_reply(const ConfineOptions *options, GByteArray *bytes,
                           ConfineMissing *missing, GError **error)
{
    ReplyPrologue prologue;
    ReplyEpilogue epilogue;
    guint head_bytes = sizeof(prologue) + sizeof(epilogue);

    if (bytes->len < head_bytes) {
        return throw_reply(options, error);
    }
    memcpy(&prologue, bytes->data, sizeof(prologue));
    memcpy(&epilogue, bytes->data + sizeof(prologue), sizeof(epilogue));
    g_byte_array_remove_range(bytes, 0, head_bytes);
    if (prologue.magic != REPLY_MAGIC || epilogue.size_bytes != bytes->len) {
        return throw_reply(options, error);
    }
    *missing = prologue.missing & CONFINE_MISSING_ALL;
    switch (epilogue.kind) {
    case REPLY_ANSWER:
        return TRUE;
    case REPLY_ERROR:
    case REPLY_SETUP:
        return throw_message(bytes, epilogue.kind, error);
    }
    return throw_reply(options, error);
}

static int wait_for(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static GByteArray *finish_run(const ConfineOptions *options, pid_t child,
                              int fd, ConfineMissing *missing, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gboolean whole = receive_all(fd, bytes, options->reply_bytes);

    if (!whole) {
        kill(child, SIGKILL);
    }

    int status = wait_for(child);

    if (!whole) {
        throw_reply(options, error);
        return NULL;
    }
    if (WIFSIGNALED(status)) {
        throw_crash(options, WTERMSIG(status), error);
        return NULL;
    }
    if (!open_reply(options, bytes, missing, error)) {
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

GByteArray *confine_run(const ConfineOptions *options, ConfineFunc func,
                        gpointer data, ConfineMissing *missing, GError **error)
{
    GByteArray *reply;
    int fds[2];
    pid_t child;

    *missing = 0;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        throw_setup(error, "make a pipe");
        return NULL;
    }
    child = fork();
    if (child < 0) {
        throw_setup(error, "start");
        close(fds[0]);
        close(fds[1]);
        return NULL;
    }
    if (child == 0) {
        run_child(options, fds[1], func, data);
    }
    close(fds[1]);
    reply = finish_run(options, child, fds[0], missing, error);
    close(fds[0]);
    return reply;
}
