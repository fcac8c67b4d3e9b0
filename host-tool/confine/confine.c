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
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
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
#define REPLY_MAGIC     UINT32_C(0x51464e43)
/* Of nobody: enough for several readers, and far from all that a host has. */
#define MAX_TASKS 4096
/* How often ConfineService.watch() is called. */
#define WATCH_MS 1000
/* How much longer than its processor's time a process may take. */
#define WALL_TIMES 10

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

void confine_options_set_time(ConfineOptions *options, uint64_t cpu_seconds)
{
    options->cpu_seconds = (uint32_t)MIN(cpu_seconds, UINT32_MAX);
    options->wall_seconds =
        (uint32_t)MIN((uint64_t)options->cpu_seconds * WALL_TIMES, UINT32_MAX);
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

/* close_range(2), which kernels have from 5.9 on. */
static gboolean close_from_to(unsigned first, unsigned last, GError **error)
{
    struct rlimit limit;

    if (close_range(first, last, 0) == 0) {
        return TRUE;
    }
    if (errno != ENOSYS || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return throw_setup(error, "close files");
    }
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++) {
        close((int)fd);
    }
    return TRUE;
}

/* Everything but keep, which is sorted. */
static gboolean close_others(const GArray *keep, GError **error)
{
    unsigned first = 0;

    for (guint i = 0; i < keep->len; i++) {
        unsigned fd = (unsigned)g_array_index(keep, int, i);

        if (fd > first && !close_from_to(first, fd - 1, error)) {
            return FALSE;
        }
        first = MAX(first, fd + 1);
    }
    return close_from_to(first, ~0u, error);
}

static gboolean drop_files(const ConfineOptions *options, int reply_fd,
                           GError **error)
{
    g_autoptr(GArray) keep = g_array_new(FALSE, FALSE, sizeof(int));
    const int stderr_fd = STDERR_FILENO;
    int null_fd;

    g_array_append_vals(keep, options->fds, options->fd_count);
    if (reply_fd >= 0) {
        g_array_append_val(keep, reply_fd);
    }
    if (SANITIZED) {
        g_array_append_val(keep, stderr_fd);
    }
    g_array_sort(keep, compare_fds);
    if (!close_others(keep, error)) {
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

/*
 * After the change of user, which would clear it: kernel/cred.c.  A parent
 * that is gone by then tells nobody, and nobody waits for this process.
 */
static gboolean die_with_parent(pid_t parent, GError **error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return throw_setup(error, "ask for the parent's death");
    }
    if (getppid() != parent) {
        _exit(EXIT_FAILURE);
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

/*
 * SIGXCPU comes first, so that it is known why; SIGKILL a second later ends
 * one that was taken over and doesn't heed it.
 */
static gboolean limit_time(const ConfineOptions *options, GError **error)
{
    struct rlimit limit;

    if (!set_limit(RLIMIT_CPU, options->cpu_seconds + UINT64_C(1),
                   "limit the time", error)) {
        return FALSE;
    }
    signal(SIGXCPU, SIG_DFL);
    if (getrlimit(RLIMIT_CPU, &limit) < 0) {
        return throw_setup(error, "limit the time");
    }
    limit.rlim_cur = MIN(limit.rlim_max, options->cpu_seconds);
    return setrlimit(RLIMIT_CPU, &limit) == 0
               ? TRUE
               : throw_setup(error, "limit the time");
}

/*
 * Threads count, too, and processes are seccomp's to forbid then.  All tasks
 * of the user do, so only nobody's can be told: another user has many, and a
 * limit of its own.
 */
static gboolean limit_tasks(const ConfineOptions *options,
                            ConfineMissing missing, GError **error)
{
    gboolean has_threads = options->needs & CONFINE_NEEDS_THREADS &&
                           !(missing & CONFINE_MISSING_SECCOMP);

    return (has_threads && geteuid() != options->uid) ||
           set_limit(RLIMIT_NPROC, has_threads ? MAX_TASKS : 0,
                     "limit the number of processes", error);
}

static gboolean set_limits(const ConfineOptions *options,
                           ConfineMissing missing, GError **error)
{
    return set_limit(RLIMIT_CORE, 0, "forbid core dumps", error) &&
           set_limit(RLIMIT_FSIZE, options->file_bytes,
                     "limit the size of files", error) &&
           limit_time(options, error) && limit_tasks(options, missing, error) &&
           (SANITIZED || options->needs & CONFINE_NEEDS_MORE_FDS ||
            set_limit(RLIMIT_NOFILE, 0, "forbid files", error)) &&
           (SANITIZED || set_limit(RLIMIT_AS, options->memory_bytes,
                                   "limit the memory", error));
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
    SCMP_SYS(read),         SCMP_SYS(pread64),        SCMP_SYS(readv),
    SCMP_SYS(preadv),       SCMP_SYS(write),          SCMP_SYS(pwrite64),
    SCMP_SYS(writev),       SCMP_SYS(pwritev),        SCMP_SYS(lseek),
    SCMP_SYS(fstat),        SCMP_SYS(close),          SCMP_SYS(brk),
    SCMP_SYS(munmap),       SCMP_SYS(mremap),         SCMP_SYS(futex),
    SCMP_SYS(getrandom),    SCMP_SYS(clock_gettime),  SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),         SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit),
    SCMP_SYS(exit_group),   SCMP_SYS(fadvise64),      SCMP_SYS(restart_syscall),
    SCMP_SYS(sysinfo), /* qsort() asks how much memory there is */
};

/*
 * What a C library may try and do without: translations of messages, the
 * kind of a terminal, the number of CPUs, whether the journal reads what GLib
 * says when it gives up.
 */
static const int refused_calls[] = {
    SCMP_SYS(open),        SCMP_SYS(openat), SCMP_SYS(stat),
    SCMP_SYS(lstat),       SCMP_SYS(access), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),    SCMP_SYS(ioctl),  SCMP_SYS(newfstatat),
    SCMP_SYS(statx),       SCMP_SYS(uname),  SCMP_SYS(prlimit64),
    SCMP_SYS(getpeername),
};

/* The same as a thread more. */
static const int thread_calls[] = {
    SCMP_SYS(set_robust_list),   SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getattr),
};

static const int fd_calls[] = {
    SCMP_SYS(dup),
    SCMP_SYS(recvmsg),
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

/* What makes a thread, and what makes more, or less, than that. */
#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define OTHER_FLAGS                                                           \
    (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |              \
     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_IO | CLONE_VFORK | \
     CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED)

/* clone3() hides its flags from filters: libc falls back to clone(). */
static int add_thread_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp is_thread =
        SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_FLAGS | OTHER_FLAGS, THREAD_FLAGS);
    const struct scmp_arg_cmp is_name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME);
    int status = add_calls(filter, SCMP_ACT_ALLOW, thread_calls,
                           G_N_ELEMENTS(thread_calls));

    if (status == 0) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone),
                                        1, &is_thread);
    }
    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                  SCMP_SYS(clone3), 0);
    }
    if (status == 0 && !SANITIZED) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl),
                                        1, &is_name);
    }
    return status;
}

static int add_fd_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp is_copy = SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC);
    int status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
                                        1, &is_copy);

    return status == 0 ? add_calls(filter, SCMP_ACT_ALLOW, fd_calls,
                                   G_N_ELEMENTS(fd_calls))
                       : status;
}

static int add_needs(scmp_filter_ctx filter, ConfineNeeds needs)
{
    int status = 0;

    if (needs & CONFINE_NEEDS_THREADS) {
        status = add_thread_rules(filter);
    } else {
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES),
                                  SCMP_SYS(sched_getaffinity), 0);
    }
    if (status == 0 && needs & CONFINE_NEEDS_MORE_FDS) {
        status = add_fd_rules(filter);
    }
    return status;
}

/*
 * Giving memory back is all that libc wants.  Merging it with other
 * processes', and with guests', would tell by its time what they hold.
 */
static int add_memory_advice(scmp_filter_ctx filter)
{
    const struct {
        uint32_t action;
        struct scmp_arg_cmp advice;
    } rules[] = {
        {SCMP_ACT_ALLOW, SCMP_A2(SCMP_CMP_EQ, MADV_DONTNEED)},
        {SCMP_ACT_ALLOW, SCMP_A2(SCMP_CMP_EQ, MADV_FREE)},
        /* There is none between these two. */
        {SCMP_ACT_ERRNO(EINVAL), SCMP_A2(SCMP_CMP_LT, MADV_DONTNEED)},
        {SCMP_ACT_ERRNO(EINVAL), SCMP_A2(SCMP_CMP_GT, MADV_FREE)},
    };
    int status = 0;

    if (SANITIZED) {
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rules) && status == 0; i++) {
        status = seccomp_rule_add_array(filter, rules[i].action,
                                        SCMP_SYS(madvise), 1, &rules[i].advice);
    }
    return status;
}

/* No code that isn't there yet, and no signal to others. */
static int add_argument_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp no_exec =
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    /* abort() signals itself; nobody else may be signalled. */
    const struct scmp_arg_cmp to_self =
        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap),
                                        1, &no_exec);

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

static int add_rules(scmp_filter_ctx filter, ConfineNeeds needs)
{
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
        status = add_argument_rules(filter);
    }
    if (status == 0) {
        status = add_memory_advice(filter);
    }
    return status == 0 ? add_needs(filter, needs) : status;
}

/* Always TRUE: who has none goes on without. */
static gboolean look_for_seccomp(ConfineMissing *missing)
{
    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
        *missing |= CONFINE_MISSING_SECCOMP;
    }
    return TRUE;
}

static gboolean enter_seccomp(ConfineNeeds needs, GError **error)
{
    scmp_filter_ctx filter;
    int status;

    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) {
        errno = ENOMEM;
        return throw_setup(error, "make a seccomp filter");
    }
    /* Calls of other word sizes: the whole process, not only its thread. */
    status = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                              SCMP_ACT_KILL_PROCESS);
    if (status == 0) {
        status = add_rules(filter, needs);
    }
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

/* Without a parent to answer, parent is 0 and reply_fd -1. */
static gboolean enter_confinement(const ConfineOptions *options, pid_t parent,
                                  int reply_fd, ConfineMissing *missing,
                                  GError **error)
{
    *missing = 0;
    return drop_files(options, reply_fd, error) && drop_bounding_set(error) &&
           drop_user(options, error) && drop_capabilities(error) &&
           forbid_gains(error) &&
           (parent == 0 || die_with_parent(parent, error)) &&
           enter_landlock(missing, error) && look_for_seccomp(missing) &&
           set_limits(options, *missing, error) &&
           (*missing & CONFINE_MISSING_SECCOMP ||
            enter_seccomp(options->needs, error));
}

gboolean confine_self(const ConfineOptions *options, ConfineMissing *missing,
                      GError **error)
{
    return enter_confinement(options, 0, -1, missing, error);
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
    /* These are the parent's to answer: the child dies with it anyway. */
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static G_NORETURN void run_child(const ConfineOptions *options, pid_t parent,
                                 int reply_fd, ConfineFunc func, gpointer data)
{
    g_autoptr(GByteArray) reply = NULL;
    g_autoptr(GError) error = NULL;
    ReplyPrologue prologue = {.magic = REPLY_MAGIC};
    ConfineMissing missing = 0;

    reset_signals();
    if (!enter_confinement(options, parent, reply_fd, &missing, &error)) {
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

typedef enum Received {
    RECEIVED_ALL,
    RECEIVED_TOO_MUCH,
    RECEIVED_STOP,
    RECEIVED_TOO_LATE,
    RECEIVED_TOO_FULL,
} Received;

/* A piece; FALSE at the end of the pipe. */
static gboolean receive_some(int fd, GByteArray *bytes)
{
    uint8_t buffer[16384];
    ssize_t got = read(fd, buffer, sizeof(buffer));

    if (got > 0) {
        g_byte_array_append(bytes, buffer, (guint)got);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

/* For poll(): until the deadline, or -1 without one; 0: it is over. */
static int rest_ms(gint64 deadline_us)
{
    gint64 rest_us;

    if (deadline_us == 0) {
        return -1;
    }
    rest_us = deadline_us - g_get_monotonic_time();
    return (int)CLAMP(rest_us / 1000, 0, G_MAXINT);
}

static gint64 deadline_of(const ConfineOptions *options)
{
    return options->wall_seconds
               ? g_get_monotonic_time() +
                     (gint64)options->wall_seconds * G_USEC_PER_SEC
               : 0;
}

/* Calls watch() once a second; FALSE as that says. */
static gboolean watch_child(const ConfineService *service, gint64 *next_us)
{
    gint64 now_us = g_get_monotonic_time();

    if (!service || !service->watch || now_us < *next_us) {
        return TRUE;
    }
    *next_us = now_us + G_USEC_PER_SEC;
    return service->watch(service->data);
}

/* Everything up to the end of the pipe, while the child is served. */
static Received receive_all(const ConfineOptions *options, int fd, int stop_fd,
                            GByteArray *bytes)
{
    const ConfineService *service = options->service;
    struct pollfd fds[] = {
        {.fd = fd, .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
        {.fd = service ? service->fd : -1, .events = POLLIN},
    };
    gint64 deadline_us = deadline_of(options);
    gint64 watch_us = 0;

    for (;;) {
        int timeout_ms = rest_ms(deadline_us);

        if (timeout_ms == 0) {
            return RECEIVED_TOO_LATE;
        }
        if (!watch_child(service, &watch_us)) {
            return RECEIVED_TOO_FULL;
        }
        if (service) {
            timeout_ms = (int)MIN((guint)timeout_ms, WATCH_MS);
        }
        if (poll(fds, G_N_ELEMENTS(fds), timeout_ms) <= 0) {
            continue;
        }
        if (fds[1].revents) {
            return RECEIVED_STOP;
        }
        if (fds[2].revents && !service->serve(service->fd, service->data)) {
            fds[2].fd = -1;
        }
        if (fds[0].revents && !receive_some(fd, bytes)) {
            watch_us = 0;
            return watch_child(service, &watch_us) ? RECEIVED_ALL
                                                   : RECEIVED_TOO_FULL;
        }
        if (bytes->len > options->reply_bytes) {
            return RECEIVED_TOO_MUCH;
        }
    }
}

static const char *signal_meaning(int number)
{
    switch (number) {
    case SIGSYS:
        return "it tried what it may not do";
    case SIGXCPU:
        return "it took too much time";
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
    if (number == SIGPIPE) {
        g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_PIPE,
                    "Nobody reads what is written of %s.", options->subject);
        return FALSE;
    }
    g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED,
                "The confined process that read %s was stopped by signal %d "
                "(%s); what it read may be an attack, keep it for a bug "
                "report.%s%s",
                options->subject, number, signal_meaning(number),
                options->advice ? "  " : "",
                options->advice ? options->advice : "");
    return FALSE;
}

static gboolean throw_late(const ConfineOptions *options, GError **error)
{
    g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_CRASHED,
                "The confined process that read %s was stopped (it had not "
                "ended after %u s); what it read may be an attack, keep it "
                "for a bug report.%s%s",
                options->subject, options->wall_seconds,
                options->advice ? "  " : "",
                options->advice ? options->advice : "");
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

/* Leaves the answer in bytes. */
static gboolean check_end(const ConfineOptions *options, Received received,
                          int status, GByteArray *bytes,
                          ConfineMissing *missing, GError **error)
{
    ReplyPrologue prologue;

    /* What is missing is told even of who came to a bad end. */
    if (bytes->len >= sizeof(prologue)) {
        memcpy(&prologue, bytes->data, sizeof(prologue));
        *missing = prologue.missing & CONFINE_MISSING_ALL;
    }
    switch (received) {
    case RECEIVED_STOP:
        g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_STOPPED,
                    "Reading %s was stopped.", options->subject);
        return FALSE;
    case RECEIVED_TOO_MUCH:
        return throw_reply(options, error);
    case RECEIVED_TOO_LATE:
        return throw_late(options, error);
    case RECEIVED_TOO_FULL:
        return throw_crash(options, SIGXFSZ, error);
    case RECEIVED_ALL:
        break;
    }
    return WIFSIGNALED(status) ? throw_crash(options, WTERMSIG(status), error)
                               : open_reply(options, bytes, missing, error);
}

static GByteArray *finish_run(const ConfineOptions *options, pid_t child,
                              int fd, int stop_fd, ConfineMissing *missing,
                              GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Received received = receive_all(options, fd, stop_fd, bytes);

    /*
     * Who closed the pipe is ending, and that is not changed any more; or has
     * been taken over, and may not keep us waiting.
     */
    kill(child, SIGKILL);
    if (!check_end(options, received, wait_for(child), bytes, missing, error)) {
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

GByteArray *confine_run(const ConfineOptions *options, ConfineFunc func,
                        gpointer data, ConfineMissing *missing, GError **error)
{
    GByteArray *reply = NULL;
    int fds[2];
    int stop_fd =
        options->stops ? signalfd(-1, options->stops, SFD_CLOEXEC) : -1;
    pid_t parent = getpid();
    pid_t child;

    *missing = 0;
    if ((options->stops && stop_fd < 0) || pipe2(fds, O_CLOEXEC) < 0) {
        throw_setup(error, "make a pipe");
        goto out;
    }
    child = fork();
    if (child == 0) {
        run_child(options, parent, fds[1], func, data);
    }
    close(fds[1]);
    if (child < 0) {
        throw_setup(error, "start");
    } else {
        reply = finish_run(options, child, fds[0], stop_fd, missing, error);
    }
    close(fds[0]);
out:
    if (stop_fd >= 0) {
        close(stop_fd);
    }
    return reply;
}
