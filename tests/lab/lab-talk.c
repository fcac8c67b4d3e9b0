/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-talk: speaks to QMP monitors and guest agents from scenario scripts.
 *
 * Its own program, and not the product's connections, so that a scenario's
 * view of QEMU and of the guest is independent of the code under test.
 * Only for the lab's own guests: what they send is trusted.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gprintf.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct json_object JsonObject;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonObject, json_object_put)

typedef struct {
    int fd;
    gint64 deadline_us; /* of g_get_monotonic_time() */
    GString *input;     /* received, not yet taken */
} Talk;

static const char usage[] =
    "usage: lab-talk [-t SECONDS] qmp SOCKET JSON\n"
    "       lab-talk [-t SECONDS] repeat SOCKET JSON COUNT\n"
    "       lab-talk [-t SECONDS] agent SOCKET JSON\n"
    "       lab-talk [-t SECONDS] exec SOCKET PROGRAM [ARGUMENT...]\n"
    "       lab-talk get PATH <JSON       (PATH such as .return[0].name)\n";

static G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) void fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "lab-talk: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(2);
}

static void talk_connect(Talk *talk, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) >=
        sizeof(addr.sun_path)) {
        fail("the path %s is too long for a socket", path);
    }
    talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (talk->fd < 0 ||
        connect(talk->fd, (struct sockaddr *)&addr, sizeof(addr))) {
        fail("cannot connect to %s: %s", path, g_strerror(errno));
    }
    talk->input = g_string_new(NULL);
}

static void talk_disconnect(Talk *talk)
{
    close(talk->fd);
    g_string_free(talk->input, TRUE);
}

static void talk_send(Talk *talk, const char *data, size_t len_bytes)
{
    while (len_bytes) {
        ssize_t n = send(talk->fd, data, len_bytes, MSG_NOSIGNAL);

        if (n < 0) {
            fail("cannot send: %s", g_strerror(errno));
        }
        data += n;
        len_bytes -= n;
    }
}

/* Waits for more input until the deadline. */
static void talk_fill(Talk *talk)
{
    struct pollfd pfd = {.fd = talk->fd, .events = POLLIN};
    gint64 left_us = talk->deadline_us - g_get_monotonic_time();
    char buf[16384];
    ssize_t n;

    if (left_us <= 0 || poll(&pfd, 1, left_us / 1000 + 1) == 0) {
        fail("no answer in time");
    }
    n = read(talk->fd, buf, sizeof(buf));
    if (n <= 0) {
        fail("the connection was closed: %s",
             n ? g_strerror(errno) : "end of file");
    }
    g_string_append_len(talk->input, buf, n);
}

/* Returns the next line as an object; the caller owns it. */
static JsonObject *talk_receive(Talk *talk)
{
    for (;;) {
        char *end = memchr(talk->input->str, '\n', talk->input->len);
        size_t len;
        g_autofree char *line = NULL;
        JsonObject *object;

        if (!end) {
            talk_fill(talk);
            continue;
        }
        len = end - talk->input->str;
        line = g_strndup(talk->input->str, len);
        g_string_erase(talk->input, 0, len + 1);
        object = json_tokener_parse(line);
        if (object) {
            return object;
        }
        fail("this is no JSON: %s", line);
    }
}

/* Sends one request and returns the reply, without events that come first. */
static JsonObject *talk_request(Talk *talk, const char *json)
{
    g_autofree char *line = g_strdup_printf("%s\n", json);

    talk_send(talk, line, strlen(line));
    for (;;) {
        JsonObject *reply = talk_receive(talk);

        if (!json_object_object_get_ex(reply, "event", NULL)) {
            return reply;
        }
        json_object_put(reply);
    }
}

static void qmp_negotiate(Talk *talk)
{
    g_autoptr(JsonObject) greeting = talk_receive(talk);
    g_autoptr(JsonObject) reply =
        talk_request(talk, "{\"execute\": \"qmp_capabilities\"}");

    if (!json_object_object_get_ex(greeting, "QMP", NULL) ||
        !json_object_object_get_ex(reply, "return", NULL)) {
        fail("this is no QMP monitor");
    }
}

/* Drops whatever an earlier client left unread in the channel. */
static void agent_synchronize(Talk *talk)
{
    gint32 id = g_random_int_range(1, G_MAXINT32);
    g_autofree char *request =
        g_strdup_printf("\xff{\"execute\": \"guest-sync-delimited\","
                        " \"arguments\": {\"id\": %d}}\n",
                        id);

    talk_send(talk, request, strlen(request));
    for (;;) {
        char *mark = memchr(talk->input->str, 0xff, talk->input->len);
        g_autoptr(JsonObject) reply = NULL;
        JsonObject *value = NULL;

        if (!mark) {
            talk_fill(talk);
            continue;
        }
        g_string_erase(talk->input, 0, mark - talk->input->str + 1);
        reply = talk_receive(talk);
        if (json_object_object_get_ex(reply, "return", &value) &&
            json_object_get_int(value) == id) {
            return;
        }
    }
}

/* Prints the reply; returns the exit status that tells return from error. */
static int print_reply(JsonObject *reply)
{
    const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

    puts(json_object_to_json_string_ext(reply, flags));
    return json_object_object_get_ex(reply, "return", NULL) ? 0 : 1;
}

static JsonObject *member_or_fail(JsonObject *object, const char *name)
{
    JsonObject *value = NULL;

    if (!json_object_object_get_ex(object, name, &value)) {
        fail("the agent answered %s", json_object_to_json_string(object));
    }
    return value;
}

static void print_base64(JsonObject *status, const char *name, FILE *file)
{
    JsonObject *value = NULL;
    g_autofree guchar *data = NULL;
    gsize len_bytes = 0;

    if (json_object_object_get_ex(status, name, &value)) {
        data = g_base64_decode(json_object_get_string(value), &len_bytes);
        fwrite(data, 1, len_bytes, file);
    }
}

/* Prints a finished command's output and returns its exit status. */
static int finish_exec(JsonObject *status)
{
    JsonObject *value = NULL;

    print_base64(status, "out-data", stdout);
    print_base64(status, "err-data", stderr);
    if (json_object_object_get_ex(status, "signal", &value)) {
        return 128 + json_object_get_int(value);
    }
    return json_object_get_int(member_or_fail(status, "exitcode"));
}

static int agent_exec(Talk *talk, char **argv)
{
    g_autoptr(JsonObject) request = json_object_new_object();
    g_autoptr(JsonObject) reply = NULL;
    g_autofree char *poll_request = NULL;
    JsonObject *arguments = json_object_new_object();
    JsonObject *list = json_object_new_array();
    gint64 pid;

    for (int i = 1; argv[i]; i++) {
        json_object_array_add(list, json_object_new_string(argv[i]));
    }
    json_object_object_add(arguments, "path", json_object_new_string(argv[0]));
    json_object_object_add(arguments, "arg", list);
    json_object_object_add(arguments, "capture-output",
                           json_object_new_boolean(TRUE));
    json_object_object_add(request, "execute",
                           json_object_new_string("guest-exec"));
    json_object_object_add(request, "arguments", arguments);
    reply = talk_request(talk, json_object_to_json_string(request));
    pid = json_object_get_int64(
        member_or_fail(member_or_fail(reply, "return"), "pid"));
    poll_request = g_strdup_printf("{\"execute\": \"guest-exec-status\","
                                   " \"arguments\": {\"pid\": %" PRId64 "}}",
                                   pid);
    for (;;) {
        g_autoptr(JsonObject) answer = talk_request(talk, poll_request);
        JsonObject *status = member_or_fail(answer, "return");

        if (json_object_get_boolean(member_or_fail(status, "exited"))) {
            return finish_exec(status);
        }
        g_usleep(50 * 1000);
    }
}

/* Takes one ".name" or "[N]" off *path; NULL where there is no such thing. */
static JsonObject *step_into(JsonObject *object, const char **path)
{
    JsonObject *value = NULL;

    if (**path == '[') {
        char *end;
        guint64 index = g_ascii_strtoull(*path + 1, &end, 10);

        if (*end != ']') {
            fail("this path lacks a ]: %s", *path);
        }
        *path = end + 1;
        return json_object_is_type(object, json_type_array)
                   ? json_object_array_get_idx(object, index)
                   : NULL;
    } else if (**path == '.') {
        size_t len = strcspn(*path + 1, ".[");
        g_autofree char *name = g_strndup(*path + 1, len);

        *path += len + 1;
        json_object_object_get_ex(object, name, &value);
        return value;
    }
    fail("a path is made of .name and [N], not of %s", *path);
}

static int get_value(const char *path)
{
    g_autoptr(JsonObject) root = json_object_from_fd(STDIN_FILENO);
    JsonObject *object = root;

    for (const char *rest = path; *rest && object;) {
        object = step_into(object, &rest);
    }
    if (!object) {
        fail("there is no %s in %s", path,
             root ? json_object_to_json_string(root) : "the input");
    }
    puts(json_object_get_string(object));
    return 0;
}

static int print_answer(Talk *talk, const char *request)
{
    g_autoptr(JsonObject) reply = talk_request(talk, request);

    return print_reply(reply);
}

/* The same request in a row; prints how many were answered. */
static int print_repeated(Talk *talk, const char *request, const char *count)
{
    guint64 n = g_ascii_strtoull(count, NULL, 10);

    for (guint64 i = 0; i < n; i++) {
        g_autoptr(JsonObject) reply = talk_request(talk, request);

        if (!json_object_object_get_ex(reply, "return", NULL)) {
            return print_reply(reply);
        }
    }
    printf("%" G_GUINT64_FORMAT " answers\n", n);
    return 0;
}

static int talk_to(Talk *talk, char **argv)
{
    int status;

    talk_connect(talk, argv[1]);
    if (g_str_equal(argv[0], "qmp")) {
        qmp_negotiate(talk);
        status = print_answer(talk, argv[2]);
    } else if (g_str_equal(argv[0], "repeat")) {
        qmp_negotiate(talk);
        status = print_repeated(talk, argv[2], argv[3]);
    } else {
        agent_synchronize(talk);
        status = g_str_equal(argv[0], "exec") ? agent_exec(talk, argv + 2)
                                              : print_answer(talk, argv[2]);
    }
    talk_disconnect(talk);
    return status;
}

int main(int argc, char **argv)
{
    double timeout_s = 30;
    Talk talk = {.fd = -1};
    int opt;

    while ((opt = getopt(argc, argv, "+t:")) != -1) {
        if (opt != 't') {
            fputs(usage, stderr);
            return 2;
        }
        timeout_s = g_ascii_strtod(optarg, NULL);
    }
    argv += optind;
    argc -= optind;
    talk.deadline_us = g_get_monotonic_time() + timeout_s * G_USEC_PER_SEC;

    if (argc == 2 && g_str_equal(argv[0], "get")) {
        return get_value(argv[1]);
    } else if ((argc == 3 && g_str_equal(argv[0], "qmp")) ||
               (argc == 4 && g_str_equal(argv[0], "repeat")) ||
               (argc == 3 && g_str_equal(argv[0], "agent")) ||
               (argc >= 3 && g_str_equal(argv[0], "exec"))) {
        return talk_to(&talk, argv);
    }
    fputs(usage, stderr);
    return 2;
}
