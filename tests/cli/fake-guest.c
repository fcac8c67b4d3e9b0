/*
 * fake-guest: a QEMU and a guest that are neither, for tests of recording.
 *
 *     fake-guest DIR [BEHAVIOUR[,BEHAVIOUR...]]
 *
 * Listens on DIR/qmp, DIR/qga and DIR/trace and prints "ready".  The guest's
 * kernel is this machine's own, recorded in another tracefs instance, so its
 * TSC offset is 0 and its CPUs are the real ones.  Behaviours:
 *
 *   tcg            offsets are TCG's
 *   stock-agent    an agent without guest-trace commands
 *   blocked        an agent that may run nothing
 *   no-qga-trace   (with stock-agent) the program isn't installed
 *   no-command     a stock QEMU, without query-vcpu-tsc-offset
 *   paused         a QEMU whose vCPUs are stopped
 *   busy           somebody else records in the guest
 *   mute-qmp, mute-agent     no answer at all
 *   agent-ends     as it is told to record
 *   agent-restarts after it began to record, before it could say so
 *   babbling-agent           endless nonsense from the agent
 *   stale-agent    old replies in front of each answer
 *   never-stops    the agent says that the recorder is about to stop
 *   stale-trace    rests of an older stream on the trace channel
 *   lost-trace     the stream goes elsewhere
 *   trigger        its tracing is turned off half a second after it began
 *   asks           asks for a recording of a second, by itself, and writes
 *                  the host's answer to stderr
 *   asks-event     the same, with an event of the host
 *   asks-snapshot  the same, as a flight recording
 *   asks-forever   the same, without an end
 *   asks-dies      the same, and dies in the middle
 *   noise          sends nonsense without end instead
 *   agent-lie:N:HOW, qmp-lie:N:HOW
 *                  the Nth reply of the agent or QEMU is wrong, see corrupt()
 *   log-agent, log-qmp       a line of each reply goes to DIR/replies
 *   lie:LIE        sends this stream of tests/hostile/lies.h instead
 *   stop-cont, shutdown, reset, die, mute-later
 *                  half a second after the recording began
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "lies.h"
#include "qga/control.h"
#include "qga/cpu-list.h"
#include "qga/recorder.h"

#define LATER_US (G_USEC_PER_SEC / 2)
#define PAUSE_US (G_USEC_PER_SEC / 5)
#define MAX_LINE (1 << 20)
#define TSC_KHZ  2000000
#define FAKE_PID 4711
#define STALE    "{\"return\": {\"pid\": 1}}\n"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

typedef struct Peer {
    const char *name;
    int listener;
    int client; /* -1: nobody */
    GString *line;
    char **behaviours; /* the guest's */
    guint n_replies;
    FILE *log; /* NULL: none */
} Peer;

typedef struct Fake {
    char **behaviours;
    Peer qmp;
    Peer qga;
    Peer trace;
    int64_t offset_ticks;
    uint64_t effective_from;
    gint64 event_us; /* when the behaviour is due; 0: not */
    gboolean is_mute;
    gboolean is_agent_gone;
    char *agent_path;
    /* The recorder. */
    pid_t pid; /* 0: none */
    int stop_fd;
    int status_fd;
    /* The last guest-exec. */
    char *exec_output;
    char *exec_errors;
    int exec_status;
} Fake;

static gboolean does(const Fake *fake, const char *behaviour)
{
    return fake->behaviours &&
           g_strv_contains((const char *const *)fake->behaviours, behaviour);
}

/* --- sockets --- */

static void open_log(Peer *peer, const char *dir, const char *behaviour)
{
    g_autofree char *path = g_build_filename(dir, "replies", NULL);

    if (peer->behaviours &&
        g_strv_contains((const char *const *)peer->behaviours, behaviour)) {
        peer->log = fopen(path, "w");
    }
}

static void open_peer(Peer *peer, const char *dir, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
    unlink(address.sun_path);
    peer->name = name;
    peer->client = -1;
    peer->line = g_string_new(NULL);
    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(peer->listener, (struct sockaddr *)&address, sizeof(address)) ||
        listen(peer->listener, 1)) {
        perror(address.sun_path);
        exit(1);
    }
}

static void send_text(const Peer *peer, const char *text)
{
    if (peer->client >= 0 &&
        send(peer->client, text, strlen(text), MSG_NOSIGNAL) < 0) {
        fprintf(stderr, "fake-guest: %s: %s\n", peer->name, strerror(errno));
    }
}

/* --- replies that are wrong --- */

#define CORRUPT_NAME  "\033[31m../../var/tmp/lie-was-here\n<b>"
#define CORRUPT_BYTES (16u << 20)
#define CORRUPT_DEPTH 100000

/* Every value in it, by HOW; object is consumed. */
static json_object *corrupt_values(json_object *object, const char *how)
{
    enum json_type type = json_object_get_type(object);
    json_object *changed = NULL;

    if (type == json_type_array && g_str_equal(how, "many") &&
        json_object_array_length(object) > 0) {
        for (int i = 0; i < 20000; i++) {
            json_object_array_add(
                object, json_object_get(json_object_array_get_idx(object, 0)));
        }
    } else if (type == json_type_array) {
        for (size_t i = 0; i < json_object_array_length(object); i++) {
            json_object *value =
                json_object_get(json_object_array_get_idx(object, i));

            json_object_array_put_idx(object, i, corrupt_values(value, how));
        }
    } else if (type == json_type_object) {
        json_object *copy = json_object_new_object();
        bool is_first = true;

        json_object_object_foreach(object, key, value)
        {
            if (!is_first || !g_str_equal(how, "missing")) {
                json_object_object_add(
                    copy, key, corrupt_values(json_object_get(value), how));
            }
            is_first = false;
        }
        changed = copy;
    } else if (type == json_type_int && g_str_equal(how, "negative")) {
        changed = json_object_new_int64(INT64_MIN);
    } else if (type == json_type_int && g_str_equal(how, "huge")) {
        changed = json_object_new_uint64(UINT64_MAX);
    } else if (type == json_type_string && g_str_equal(how, "names")) {
        changed = json_object_new_string(CORRUPT_NAME);
    } else if (type == json_type_boolean && g_str_equal(how, "flipped")) {
        changed = json_object_new_boolean(!json_object_get_boolean(object));
    }
    if (changed) {
        json_object_put(object);
        return changed;
    }
    return object;
}

/* A reply of that many characters in front of and behind nothing. */
static char *nest(const char *open, const char *close, gsize count)
{
    GString *text = g_string_new("{\"return\": ");

    for (gsize i = 0; i < count; i++) {
        g_string_append(text, open);
    }
    for (gsize i = 0; i < count; i++) {
        g_string_append(text, close);
    }
    return g_string_free(g_string_append(text, "}\n"), FALSE);
}

/* The reply that is sent instead of this one. */
static char *corrupt(const char *text, const char *how)
{
    static const struct {
        const char *how;
        const char *text;
    } fixed[] = {
        {"null", "{\"return\": null}\n"},
        {"number", "{\"return\": 99999999999999999999999999}\n"},
        {"string", "{\"return\": \"\\u001b[31m\\u0000x\"}\n"},
        {"array", "{\"return\": [[], {}, [{}]]}\n"},
        {"empty", "{\"return\": {}}\n"},
        {"escape",
         "{\"error\": {\"class\": \"\\u001b]0;owned\\u0007\", "
         "\"desc\": \"\\u001b[31m\\nqemu-trace-merge record: x\"}}\n"},
    };
    json_object *object;
    char *changed;

    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (g_str_equal(how, fixed[i].how)) {
            return g_strdup(fixed[i].text);
        }
    }
    if (g_str_equal(how, "deep")) {
        return nest("[", "]", CORRUPT_DEPTH);
    } else if (g_str_equal(how, "long")) {
        return nest(" ", "", CORRUPT_BYTES);
    } else if (g_str_equal(how, "twice")) {
        return g_strconcat(text, "\n", text, "\n", NULL);
    }
    object = corrupt_values(json_tokener_parse(text), how);
    changed = g_strconcat(json_object_to_json_string(object), "\n", NULL);
    json_object_put(object);
    return changed;
}

/* How the peer's reply of this number is to be wrong, or NULL. */
static const char *lie_about(const Peer *peer)
{
    static const char *const prefixes[][2] = {{"qga", "agent-lie:"},
                                              {"qmp", "qmp-lie:"}};

    for (size_t p = 0; p < G_N_ELEMENTS(prefixes); p++) {
        for (guint i = 0; peer->behaviours && peer->behaviours[i]; i++) {
            const char *behaviour = peer->behaviours[i];
            const char *number = behaviour + strlen(prefixes[p][1]);

            if (g_str_equal(peer->name, prefixes[p][0]) &&
                g_str_has_prefix(behaviour, prefixes[p][1]) &&
                (guint)atoi(number) == peer->n_replies && strchr(number, ':')) {
                return strchr(number, ':') + 1;
            }
        }
    }
    return NULL;
}

static void send_object(Peer *peer, json_object *object)
{
    const char *text =
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
    const char *how = lie_about(peer);

    peer->n_replies++;
    if (peer->log) {
        fputs("reply\n", peer->log);
        fflush(peer->log);
    }
    if (how && g_str_equal(how, "close")) {
        shutdown(peer->client, SHUT_RDWR);
    } else if (how) {
        g_autofree char *wrong = corrupt(text, how);

        send_text(peer, wrong);
    } else {
        send_text(peer, text);
        send_text(peer, "\n");
    }
}

static void reply(Peer *peer, json_object *request, json_object *answer)
{
    g_autoptr(json_object) message = json_object_new_object();
    json_object *id;

    json_object_object_add(message, "return", answer);
    if (json_object_object_get_ex(request, "id", &id)) {
        json_object_object_add(message, "id", json_object_get(id));
    }
    send_object(peer, message);
}

static void reply_error(Peer *peer, json_object *request, const char *class,
                        const char *text)
{
    g_autoptr(json_object) message = json_object_new_object();
    json_object *error = json_object_new_object();
    json_object *id;

    json_object_object_add(error, "class", json_object_new_string(class));
    json_object_object_add(error, "desc", json_object_new_string(text));
    json_object_object_add(message, "error", error);
    if (json_object_object_get_ex(request, "id", &id)) {
        json_object_object_add(message, "id", json_object_get(id));
    }
    send_object(peer, message);
}

/* --- QEMU --- */

static GArray *find_cpus(void)
{
    g_autofree char *cpuinfo = NULL;
    GArray *cpus;

    g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, NULL);
    cpus = cpu_list_new("/sys/kernel/tracing/per_cpu", cpuinfo, NULL);
    if (!cpus) {
        TraceHelloCpu only = {0, 0};

        cpus = g_array_new(FALSE, FALSE, sizeof(TraceHelloCpu));
        g_array_append_val(cpus, only);
    }
    return cpus;
}

static json_object *new_vcpu(const Fake *fake, guint index, uint32_t apic_id)
{
    json_object *vcpu = json_object_new_object();

    json_object_object_add(vcpu, "cpu-index", json_object_new_int(index));
    json_object_object_add(vcpu, "qom-path", json_object_new_string("/fake"));
    json_object_object_add(vcpu, "thread-id", json_object_new_int(getpid()));
    json_object_object_add(vcpu, "apic-id", json_object_new_int64(apic_id));
    json_object_object_add(vcpu, "offset",
                           json_object_new_int64(fake->offset_ticks));
    json_object_object_add(vcpu, "tsc-khz", json_object_new_int(TSC_KHZ));
    json_object_object_add(vcpu, "source",
                           json_object_new_string(
                               does(fake, "tcg") ? "tcg" : "kvm-attribute"));
    if (does(fake, "tcg")) {
        json_object_object_add(vcpu, "effective-from",
                               json_object_new_uint64(fake->effective_from));
    }
    return vcpu;
}

static json_object *new_offsets(const Fake *fake)
{
    json_object *answer = json_object_new_object();
    json_object *host = json_object_new_object();
    json_object *vcpus = json_object_new_array();
    g_autoptr(GArray) cpus = find_cpus();
    guint n = 0;

    for (guint i = 0; i < cpus->len; i++) {
        TraceHelloCpu cpu = g_array_index(cpus, TraceHelloCpu, i);

        if (cpu.apic_id != TRACE_STREAM_NO_APIC_ID) {
            json_object_array_add(vcpus, new_vcpu(fake, n++, cpu.apic_id));
        }
    }
    json_object_object_add(host, "tsc-khz", json_object_new_int(TSC_KHZ));
    json_object_object_add(answer, "host", host);
    json_object_object_add(answer, "vcpus", vcpus);
    return answer;
}

/* What every QEMU tells: query-cpus-fast and a vCPU's APIC id. */
static json_object *new_cpus(void)
{
    json_object *list = json_object_new_array();
    g_autoptr(GArray) cpus = find_cpus();

    for (guint i = 0; i < cpus->len; i++) {
        TraceHelloCpu cpu = g_array_index(cpus, TraceHelloCpu, i);
        g_autofree char *path = g_strdup_printf("/fake/%u", cpu.apic_id);
        json_object *vcpu;

        if (cpu.apic_id == TRACE_STREAM_NO_APIC_ID) {
            continue;
        }
        vcpu = json_object_new_object();
        json_object_object_add(vcpu, "cpu-index", json_object_new_int(i));
        json_object_object_add(vcpu, "thread-id",
                               json_object_new_int(getpid()));
        json_object_object_add(vcpu, "qom-path", json_object_new_string(path));
        json_object_array_add(list, vcpu);
    }
    return list;
}

static json_object *get_property(json_object *request)
{
    json_object *arguments = NULL, *path = NULL;

    json_object_object_get_ex(request, "arguments", &arguments);
    json_object_object_get_ex(arguments, "path", &path);
    return json_object_new_int(
        atoi(json_object_get_string(path) + strlen("/fake/")));
}

static json_object *new_boolean(const char *key, gboolean value)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, key, json_object_new_boolean(value));
    return object;
}

static json_object *new_devices(const Fake *fake)
{
    json_object *list = json_object_new_array();
    json_object *agent = new_boolean("frontend-open", !fake->is_agent_gone);
    g_autofree char *name =
        g_strdup_printf("unix:%s,server=on", fake->agent_path);

    json_object_object_add(agent, "label", json_object_new_string("agent"));
    json_object_object_add(agent, "filename", json_object_new_string(name));
    json_object_array_add(list, agent);
    return list;
}

static void run_qmp(Fake *fake, json_object *request, const char *command)
{
    if (g_str_equal(command, "qmp_capabilities")) {
        reply(&fake->qmp, request, json_object_new_object());
    } else if (g_str_equal(command, "query-status")) {
        reply(&fake->qmp, request,
              new_boolean("running", !does(fake, "paused")));
    } else if (g_str_equal(command, "query-kvm")) {
        reply(&fake->qmp, request, new_boolean("enabled", !does(fake, "tcg")));
    } else if (g_str_equal(command, "query-cpus-fast")) {
        reply(&fake->qmp, request, new_cpus());
    } else if (g_str_equal(command, "query-chardev")) {
        reply(&fake->qmp, request, new_devices(fake));
    } else if (g_str_equal(command, "qom-get")) {
        reply(&fake->qmp, request, get_property(request));
    } else if (g_str_equal(command, "query-vcpu-tsc-offset") &&
               !does(fake, "no-command")) {
        reply(&fake->qmp, request, new_offsets(fake));
    } else {
        reply_error(&fake->qmp, request, "CommandNotFound",
                    "The command has not been found");
    }
}

/* --- the guest's recorder: this machine's, in a child --- */

typedef struct Child {
    Control *control;
    int stop_fd;
    int timer_fd;
    int timer_ms;           /* from when tracing is on; 0: none */
    TraceFreezeCause cause; /* when it is due */
    int epoll_fd;           /* of all three */
    int status_fd;
} Child;

static void set_timer(const Child *child)
{
    struct itimerspec due = {
        .it_value = {.tv_sec = child->timer_ms / 1000,
                     .tv_nsec = child->timer_ms % 1000 * 1000000L}};

    timerfd_settime(child->timer_fd, 0, &due, NULL);
}

static bool say_ready(Recorder *recorder G_GNUC_UNUSED, gpointer data,
                      GError **error G_GNUC_UNUSED)
{
    Child *child = data;

    set_timer(child);
    return child->status_fd < 0 || write(child->status_fd, "R", 1) == 1;
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

static TraceFreezeCause wake(Recorder *recorder, gpointer data)
{
    Child *child = data;
    TraceControl message;

    while (control_read(child->control, &message) == CONTROL_MESSAGE) {
        if (message.kind == TRACE_CONTROL_HOLD) {
            recorder_hold(recorder);
        } else if (message.kind == TRACE_CONTROL_STOP) {
            return TRACE_FREEZE_HOST;
        }
    }
    if (is_readable(child->timer_fd)) {
        return child->cause;
    }
    return is_readable(child->stop_fd) ? TRACE_FREEZE_SIGNAL
                                       : TRACE_FREEZE_NONE;
}

static void watch(const Child *child, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    epoll_ctl(child->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static Child new_child(int out_fd, int stop_fd, int status_fd)
{
    Child child = {
        .control = control_new(out_fd, CONTROL_RECORDER),
        .stop_fd = stop_fd,
        .timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .status_fd = status_fd,
    };

    fcntl(out_fd, F_SETFL, fcntl(out_fd, F_GETFL) | O_NONBLOCK);
    watch(&child, out_fd);
    watch(&child, child.timer_fd);
    if (stop_fd >= 0) {
        watch(&child, stop_fd);
    }
    return child;
}

G_GNUC_NORETURN
static void record(const Fake *fake, char **events, int out_fd, int stop_fd,
                   int status_fd)
{
    g_autofree char *instance = g_strdup_printf("fake-guest-%d", (int)getpid());
    char *default_events[] = {(char *)"sched/sched_switch",
                              (char *)"sched/sched_wakeup", (char *)"timer",
                              NULL};
    RecorderOptions options = {.instance = instance,
                               .events = events ? events : default_events,
                               .drain_timeout_s = 5};
    Child child = new_child(out_fd, stop_fd, status_fd);
    RecorderCallbacks callbacks = {.ready = say_ready,
                                   .wake = wake,
                                   .data = &child};
    g_autoptr(GError) error = NULL;
    Recorder *recorder;
    bool ok = false;

    signal(SIGPIPE, SIG_IGN);
    if (does(fake, "trigger")) {
        child.timer_ms = LATER_US / 1000;
        child.cause = TRACE_FREEZE_TRACING_OFF;
    }
    recorder = recorder_new(&options, out_fd, "the port", &error);
    if (recorder) {
        ok = recorder_run(recorder, child.epoll_fd, &callbacks, &error);
        dprintf(status_fd, "%" G_GUINT64_FORMAT " ",
                recorder_sent_bytes(recorder));
        recorder_free(recorder);
    }
    if (!ok) {
        dprintf(status_fd, "%s", error->message);
    }
    _exit(ok ? 0 : 1);
}

/* --- a guest that asks, as "qga-trace record" does --- */

/* Prints the host's answer. */
static bool ask(const Fake *fake, Child *child)
{
    const char *const events[] = {"sched:sched_switch", NULL};
    const ControlRequest request = {
        .command = "a \033[31mcommand",
        .events = does(fake, "asks-event") ? events : NULL,
        .is_snapshot = does(fake, "asks-snapshot"),
    };
    g_autoptr(GError) error = NULL;

    if (!control_ask(child->control, &request, -1, &error)) {
        fprintf(stderr, "fake-guest: %s\n", error->message);
        return false;
    }
    return true;
}

G_GNUC_NORETURN
static void record_asked_for(const Fake *fake, Child *child, int out_fd)
{
    g_autofree char *instance = g_strdup_printf("fake-guest-%d", (int)getpid());
    char *events[] = {(char *)"sched/sched_switch", NULL};
    RecorderOptions options = {.instance = instance,
                               .events = events,
                               .drain_timeout_s = 5,
                               .is_held = does(fake, "asks-snapshot")};
    RecorderCallbacks callbacks = {.ready = say_ready,
                                   .wake = wake,
                                   .data = child};
    g_autoptr(GError) error = NULL;
    Recorder *recorder = recorder_new(&options, out_fd, "the port", &error);
    g_autofree char *session = NULL;

    if (!recorder || !ask(fake, child)) {
        recorder_free(recorder);
        _exit(1);
    }
    if (!does(fake, "asks-forever")) {
        child->timer_ms = 1000;
        child->cause = TRACE_FREEZE_COMMAND;
    }
    if (does(fake, "asks-dies")) {
        alarm(1);
    }
    if (recorder_run(recorder, child->epoll_fd, &callbacks, &error)) {
        session = control_wait_done(child->control, -1);
        fprintf(stderr, "fake-guest: stored as %s\n", session);
    } else {
        fprintf(stderr, "fake-guest: %s\n", error->message);
    }
    recorder_free(recorder);
    _exit(0);
}

static void start_asking(const Fake *fake)
{
    Child child;

    if (fork() != 0) {
        return;
    }
    signal(SIGPIPE, SIG_IGN);
    child = new_child(fake->trace.client, -1, -1);
    record_asked_for(fake, &child, fake->trace.client);
}

static bool does_ask(const Fake *fake)
{
    return does(fake, "asks") || does(fake, "asks-event") ||
           does(fake, "asks-snapshot") || does(fake, "asks-forever") ||
           does(fake, "asks-dies");
}

G_GNUC_NORETURN
static void make_noise(const Fake *fake)
{
    g_autofree char *noise = g_strnfill(1 << 16, 'Q');

    while (send(fake->trace.client, noise, 1 << 16, MSG_NOSIGNAL) > 0) {
        /* more of it */
    }
    _exit(0);
}

/* NULL if it is to tell the truth. */
static const Lie *lie_of(const Fake *fake)
{
    for (guint i = 0; fake->behaviours && fake->behaviours[i]; i++) {
        if (g_str_has_prefix(fake->behaviours[i], "lie:")) {
            return lie_find(fake->behaviours[i] + strlen("lie:"));
        }
    }
    return NULL;
}

/* Like a recorder that has more to say: it ends when it is told to. */
G_GNUC_NORETURN
static void tell_lie(const Lie *lie, int out_fd, int stop_fd)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    pid_t teller = fork();

    signal(SIGPIPE, SIG_IGN);
    if (teller == 0) {
        lie_tell(lie, out_fd);
        _exit(0);
    }
    poll(&stop, 1, -1);
    kill(teller, SIGKILL);
    _exit(0);
}

/* NULL, or why it didn't start. */
static char *start_recorder(Fake *fake, char **events)
{
    int stop[2], status[2];
    char text[500] = "";
    ssize_t n;

    if (fake->pid) {
        return g_strdup("a recording is running already");
    }
    if (pipe2(stop, O_CLOEXEC) || pipe2(status, O_CLOEXEC)) {
        return g_strdup("no pipe");
    }
    fake->pid = fork();
    if (fake->pid == 0) {
        close(stop[1]);
        close(fake->qmp.client);
        close(fake->qga.client);
        if (lie_of(fake)) {
            dprintf(status[1], "R");
            tell_lie(lie_of(fake), fake->trace.client, stop[0]);
        }
        record(fake, events, fake->trace.client, stop[0], status[1]);
    }
    close(stop[0]);
    close(status[1]);
    fake->stop_fd = stop[1];
    fake->status_fd = status[0];
    n = read(fake->status_fd, text, sizeof(text) - 1);
    if (n < 1 || text[0] != 'R') {
        waitpid(fake->pid, NULL, 0);
        fake->pid = 0;
        return g_strdup(n > 0 ? text : "the recorder died");
    }
    fake->event_us = g_get_monotonic_time() + LATER_US;
    return NULL;
}

static json_object *new_status(const char *state, uint64_t bytes)
{
    json_object *status = json_object_new_object();

    json_object_object_add(status, "state", json_object_new_string(state));
    json_object_object_add(status, "bytes-sent", json_object_new_uint64(bytes));
    json_object_object_add(status, "cpus", json_object_new_array());
    return status;
}

static json_object *stop_recorder(Fake *fake)
{
    char text[500] = "";
    gboolean ok;
    int status;

    close(fake->stop_fd);
    waitpid(fake->pid, &status, 0);
    fake->pid = 0;
    ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (read(fake->status_fd, text, sizeof(text) - 1) < 0) {
        text[0] = '\0';
    }
    close(fake->status_fd);
    return new_status(ok ? "finished" : "failed",
                      g_ascii_strtoull(text, NULL, 10));
}

/* --- the agent --- */

static json_object *new_agent_info(const Fake *fake)
{
    static const char *const names[] = {
        "guest-info",        "guest-sync-delimited", "guest-exec",
        "guest-exec-status", "guest-trace-start",    "guest-trace-stop",
        "guest-trace-status"};
    json_object *info = json_object_new_object();
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        gboolean is_trace = g_str_has_prefix(names[i], "guest-trace");
        gboolean can_run = is_trace || g_str_has_prefix(names[i], "guest-exec");
        json_object *command;

        if (is_trace && does(fake, "stock-agent")) {
            continue;
        }
        command = json_object_new_object();
        json_object_object_add(command, "name",
                               json_object_new_string(names[i]));
        json_object_object_add(command, "enabled",
                               json_object_new_boolean(!can_run ||
                                                       !does(fake, "blocked")));
        json_object_array_add(list, command);
    }
    json_object_object_add(info, "version", json_object_new_string("10.0.0"));
    json_object_object_add(info, "supported_commands", list);
    return info;
}

static char **string_list(json_object *list)
{
    GPtrArray *strings = g_ptr_array_new();
    size_t n = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(strings, g_strdup(json_object_get_string(
                                     json_object_array_get_idx(list, i))));
    }
    g_ptr_array_add(strings, NULL);
    return (char **)g_ptr_array_free(strings, FALSE);
}

static void trace_start(Fake *fake, json_object *request,
                        json_object *arguments)
{
    json_object *list = NULL;
    g_auto(GStrv) events = NULL;
    g_autofree char *failure = NULL;

    if (does(fake, "lost-trace")) {
        reply(&fake->qga, request, new_status("recording", 0));
        return;
    }
    if (does(fake, "agent-ends")) {
        fake->is_agent_gone = TRUE;
        return;
    }
    json_object_object_get_ex(arguments, "events", &list);
    events = list ? string_list(list) : NULL;
    failure = start_recorder(fake, events);
    if (failure) {
        reply_error(&fake->qga, request, "GenericError", failure);
    } else if (!does(fake, "agent-restarts")) {
        reply(&fake->qga, request, new_status("recording", 0));
    }
}

static void trace_stop(Fake *fake, json_object *request)
{
    if (fake->pid && does(fake, "never-stops")) {
        reply(&fake->qga, request, new_status("stopping", 0));
    } else if (fake->pid) {
        reply(&fake->qga, request, stop_recorder(fake));
    } else {
        reply_error(&fake->qga, request, "GenericError",
                    "no recording is running");
    }
}

/* qga-trace as guest-exec would run it. */
static gboolean exec_qga_trace(Fake *fake, char **argv)
{
    g_autoptr(json_object) status = NULL;
    g_autofree char *failure = NULL;
    g_autoptr(GPtrArray) events = g_ptr_array_new();

    if (g_str_equal(argv[0], "start")) {
        for (guint i = 1; argv[i] && argv[i + 1]; i++) {
            if (g_str_equal(argv[i], "-e")) {
                g_ptr_array_add(events, argv[i + 1]);
            }
        }
        g_ptr_array_add(events, NULL);
        failure = start_recorder(fake, events->len > 1 ? (char **)events->pdata
                                                       : NULL);
        status = new_status("recording", 0);
    } else if (g_str_equal(argv[0], "status")) {
        status = new_status(fake->pid ? "recording" : "idle", 0);
    } else if (g_str_equal(argv[0], "stop") && fake->pid) {
        status = stop_recorder(fake);
    } else {
        failure = g_strdup("no recording is running");
    }
    fake->exec_status = failure ? 1 : 0;
    fake->exec_errors =
        failure ? g_strconcat("qga-trace: ", failure, NULL) : NULL;
    fake->exec_output =
        failure ? NULL : g_strdup(json_object_to_json_string(status));
    return TRUE;
}

static gboolean exec_any(Fake *fake, const char *path, char **arguments,
                         char **why)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    int status;

    g_ptr_array_add(argv, (char *)path);
    for (guint i = 0; arguments[i]; i++) {
        g_ptr_array_add(argv, arguments[i]);
    }
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH,
                      NULL, NULL, &fake->exec_output, &fake->exec_errors,
                      &status, &error)) {
        *why = g_strdup_printf("Guest agent command failed, error was '%s'",
                               error->message);
        return FALSE;
    }
    fake->exec_status = WEXITSTATUS(status);
    return TRUE;
}

static void guest_exec(Fake *fake, json_object *request, json_object *arguments)
{
    json_object *path = NULL, *list = NULL;
    json_object *answer = json_object_new_object();
    g_auto(GStrv) argv = NULL;
    g_autofree char *why = NULL;
    gboolean is_qga_trace;

    json_object_object_get_ex(arguments, "path", &path);
    json_object_object_get_ex(arguments, "arg", &list);
    argv = string_list(list);
    g_clear_pointer(&fake->exec_output, g_free);
    g_clear_pointer(&fake->exec_errors, g_free);
    is_qga_trace = g_str_equal(json_object_get_string(path), "qga-trace") &&
                   !does(fake, "no-qga-trace");
    if (is_qga_trace
            ? exec_qga_trace(fake, argv)
            : exec_any(fake, json_object_get_string(path), argv, &why)) {
        json_object_object_add(answer, "pid", json_object_new_int(FAKE_PID));
        reply(&fake->qga, request, answer);
    } else {
        reply_error(&fake->qga, request, "GenericError", why);
        json_object_put(answer);
    }
}

static void add_base64(json_object *answer, const char *key, const char *text)
{
    if (text) {
        g_autofree char *coded =
            g_base64_encode((const guchar *)text, strlen(text));

        json_object_object_add(answer, key, json_object_new_string(coded));
    }
}

static void guest_exec_status(Fake *fake, json_object *request)
{
    json_object *answer = json_object_new_object();

    json_object_object_add(answer, "exited", json_object_new_boolean(TRUE));
    json_object_object_add(answer, "exitcode",
                           json_object_new_int(fake->exec_status));
    add_base64(answer, "out-data", fake->exec_output);
    add_base64(answer, "err-data", fake->exec_errors);
    reply(&fake->qga, request, answer);
}

static void sync_plain(Fake *fake, json_object *request, json_object *arguments)
{
    json_object *id;

    json_object_object_get_ex(arguments, "id", &id);
    reply(&fake->qga, request, json_object_get(id));
}

static void sync_delimited(Fake *fake, json_object *request,
                           json_object *arguments)
{
    if (does(fake, "stale-agent")) {
        send_text(&fake->qga, STALE "\xff{\"return\": 1}\n" STALE "{\"ret");
    }
    send_text(&fake->qga, "\xff");
    sync_plain(fake, request, arguments);
}

/* Until the other side has had enough of it. */
static void babble(const Fake *fake)
{
    g_autofree char *text = g_strnfill(1 << 16, '[');

    while (send(fake->qga.client, text, 1 << 16, MSG_NOSIGNAL) > 0) {
        /* more of it */
    }
}

static void run_qga(Fake *fake, json_object *request, const char *command)
{
    json_object *arguments = NULL;

    json_object_object_get_ex(request, "arguments", &arguments);
    if (fake->is_mute || fake->is_agent_gone || does(fake, "mute-agent")) {
        return;
    } else if (does(fake, "babbling-agent")) {
        babble(fake);
    } else if (g_str_equal(command, "guest-sync-delimited")) {
        sync_delimited(fake, request, arguments);
    } else if (g_str_equal(command, "guest-sync")) {
        sync_plain(fake, request, arguments);
    } else if (g_str_equal(command, "guest-info")) {
        reply(&fake->qga, request, new_agent_info(fake));
    } else if (g_str_equal(command, "guest-trace-start")) {
        trace_start(fake, request, arguments);
    } else if (g_str_equal(command, "guest-trace-status")) {
        gboolean is_busy = fake->pid || does(fake, "busy");

        reply(&fake->qga, request,
              new_status(is_busy ? "recording" : "idle", 0));
    } else if (g_str_equal(command, "guest-trace-stop")) {
        trace_stop(fake, request);
    } else if (g_str_equal(command, "guest-exec")) {
        guest_exec(fake, request, arguments);
    } else if (g_str_equal(command, "guest-exec-status")) {
        guest_exec_status(fake, request);
    } else {
        reply_error(&fake->qga, request, "CommandNotFound", "not found");
    }
}

/* --- the loop --- */

static void take_line(Fake *fake, Peer *peer, char *line)
{
    /* The mark that flushes the agent's parser. */
    const char *text = strrchr(line, '\xff') ? strrchr(line, '\xff') + 1 : line;
    g_autoptr(json_object) request = json_tokener_parse(text);
    json_object *command;

    if (!request || !json_object_object_get_ex(request, "execute", &command)) {
        return;
    }
    if (peer == &fake->qmp) {
        run_qmp(fake, request, json_object_get_string(command));
    } else {
        run_qga(fake, request, json_object_get_string(command));
    }
}

static void take_bytes(Fake *fake, Peer *peer)
{
    char bytes[4096];
    ssize_t n = read(peer->client, bytes, sizeof(bytes));
    char *newline;

    if (n <= 0) {
        close(peer->client);
        peer->client = -1;
        g_string_truncate(peer->line, 0);
        return;
    }
    g_string_append_len(peer->line, bytes, n);
    while ((newline = memchr(peer->line->str, '\n', peer->line->len))) {
        g_autofree char *line =
            g_strndup(peer->line->str, newline - peer->line->str);

        g_string_erase(peer->line, 0, newline + 1 - peer->line->str);
        take_line(fake, peer, line);
    }
}

static void accept_client(Fake *fake, Peer *peer)
{
    peer->client = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer == &fake->qmp && !does(fake, "mute-qmp")) {
        send_text(peer, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, "
                        "\"minor\": 0, \"major\": 10}, \"package\": \"\"}, "
                        "\"capabilities\": []}}\n");
    }
    if (peer == &fake->trace && does_ask(fake)) {
        start_asking(fake);
    }
    if (peer == &fake->trace && does(fake, "noise") && fork() == 0) {
        make_noise(fake);
    }
    if (peer == &fake->trace && does(fake, "stale-trace")) {
        send_text(peer, "the rest of what another recording left");
    }
}

static void send_event(const Fake *fake, const char *name)
{
    g_autofree char *text =
        g_strdup_printf("{\"event\": \"%s\", \"timestamp\": {\"seconds\": 1, "
                        "\"microseconds\": 2}}\n",
                        name);

    send_text(&fake->qmp, text);
}

static void stop_and_continue(Fake *fake)
{
    fake->effective_from = __rdtsc() + (uint64_t)fake->offset_ticks;
    send_event(fake, "STOP");
    g_usleep(PAUSE_US);
    fake->offset_ticks = (int64_t)(fake->effective_from - __rdtsc());
    send_event(fake, "RESUME");
}

static void run_event(Fake *fake)
{
    fake->event_us = 0;
    if (does(fake, "stop-cont")) {
        stop_and_continue(fake);
    } else if (does(fake, "reset")) {
        send_event(fake, "RESET");
    } else if (does(fake, "shutdown")) {
        send_event(fake, "SHUTDOWN");
        exit(0);
    } else if (does(fake, "die")) {
        exit(1);
    } else if (does(fake, "mute-later")) {
        fake->is_mute = TRUE;
    }
}

static void run(Fake *fake)
{
    Peer *peers[] = {&fake->qmp, &fake->qga, &fake->trace};
    struct pollfd fds[6];

    for (;;) {
        gint64 left_us = fake->event_us - g_get_monotonic_time();

        for (int i = 0; i < 3; i++) {
            gboolean is_free = peers[i]->client < 0;

            fds[i] = (struct pollfd){.fd = is_free ? peers[i]->listener : -1,
                                     .events = POLLIN};
            /* What the trace's client says is for the recorder. */
            fds[3 + i] = (struct pollfd){.fd = peers[i]->client,
                                         .events = i < 2 ? POLLIN : POLLRDHUP};
        }
        poll(fds, 6, fake->event_us ? (int)MAX(left_us / 1000, 0) : -1);
        for (int i = 0; i < 3; i++) {
            if (fds[i].revents) {
                accept_client(fake, peers[i]);
            } else if (fds[3 + i].revents) {
                take_bytes(fake, peers[i]);
            }
        }
        if (fake->event_us && g_get_monotonic_time() >= fake->event_us) {
            run_event(fake);
        }
    }
}

int main(int argc, char **argv)
{
    Fake fake = {0};

    if (argc < 2) {
        fprintf(stderr, "usage: fake-guest DIR [BEHAVIOUR,...]\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    fake.behaviours = argc > 2 ? g_strsplit(argv[2], ",", -1) : NULL;
    if (does(&fake, "tcg")) {
        fake.effective_from = __rdtsc();
    }
    fake.agent_path = g_build_filename(argv[1], "qga", NULL);
    open_peer(&fake.qmp, argv[1], "qmp");
    open_peer(&fake.qga, argv[1], "qga");
    open_peer(&fake.trace, argv[1], "trace");
    fake.qmp.behaviours = fake.qga.behaviours = fake.behaviours;
    open_log(&fake.qmp, argv[1], "log-qmp");
    open_log(&fake.qga, argv[1], "log-agent");
    puts("ready");
    fflush(stdout);
    run(&fake);
    return 0;
}
