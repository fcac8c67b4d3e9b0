/*
 * Options: the command line of qga-trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "options.h"

#include <string.h>

#include "port.h"
#include "state.h"
#include "trace-error.h"

#define INSTANCE_NAME          "qga-trace"
#define MAX_BUFFER_KIB         (G_GINT64_CONSTANT(64) << 20)
#define MAX_TIMEOUT_S          3600
#define MAX_DURATION_S         (7 * 24 * 3600)
#define DEFAULT_STOP_TIMEOUT_S 10

typedef struct CommandInfo {
    CommandKind kind;
    const char *name;
    const char *usage;
    const char *summary;
} CommandInfo;

static const CommandInfo commands[] = {
    {COMMAND_START, "start", "",
     "Starts recording the events of this machine's kernel in the background\n"
     "and sends them to the host. Returns as soon as the recording runs."},
    {COMMAND_STOP, "stop", "",
     "Stops the recording, sends what is still in the buffers, and prints\n"
     "the totals."},
    {COMMAND_STATUS, "status", "", "Prints what the recorder is doing."},
    {COMMAND_RECORD, "record", "[-- COMMAND [ARGUMENT...]]",
     "Asks the host, where qemu-trace-merge serve runs, to record together "
     "with\n"
     "this guest, and does so while COMMAND runs; exits with its status. "
     "Without\n"
     "COMMAND, records until interrupted."},
};

static const CommandInfo *find_command(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void add_record_entries(GOptionContext *context, Options *options)
{
    RecorderOptions *recorder = &options->recorder;
    const GOptionEntry entries[] = {
        {"event", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &recorder->events,
         "Record EVENT: SYSTEM, NAME or SYSTEM:NAME, globs allowed "
         "(default: what explains a latency)",
         "EVENT"},
        {"filter", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &recorder->filters,
         "Record only what the kernel's filter lets through", "EVENT:FILTER"},
        {"tracer", 'p', 0, G_OPTION_ARG_STRING, &options->tracer_arg,
         "Use a tracer too, e.g. function", "TRACER"},
        {"function", 'l', 0, G_OPTION_ARG_STRING_ARRAY, &recorder->functions,
         "Trace only functions that match", "GLOB"},
        {"cpumask", 'M', 0, G_OPTION_ARG_STRING, &options->cpumask_arg,
         "Trace these CPUs only", "HEX"},
        {"buffer-size", 'b', 0, G_OPTION_ARG_INT64, &options->buffer_kib_arg,
         "Buffer of each CPU (default: 4096)", "KIB"},
        {"port", 0, 0, G_OPTION_ARG_STRING, &options->port,
         "Send to this virtio-serial port (default: " PORT_DEFAULT_NAME ")",
         "NAME"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output,
         "Write to a file instead", "FILE"},
        {"drain-timeout", 0, 0, G_OPTION_ARG_INT, &options->drain_timeout_arg,
         "At the end, send for this long at most (default: 5, or 60 with "
         "--snapshot)",
         "SECONDS"},
        {"snapshot", 0, 0, G_OPTION_ARG_NONE, &options->is_snapshot,
         "Flight recorder: keep the latest events in the buffers and send "
         "them at the end, which is also when tracing is turned off",
         NULL},
        {"stop-marker", 0, 0, G_OPTION_ARG_STRING, &options->stop_marker,
         "With --snapshot, end when this text is written to trace_marker",
         "TEXT"},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &options->is_verbose,
         "Say which events of the default set this kernel lacks", NULL},
        {NULL},
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static void add_ask_entries(GOptionContext *context, Options *options)
{
    const GOptionEntry entries[] = {
        {"no-ask", 0, 0, G_OPTION_ARG_NONE, &options->is_unasked,
         "Don't ask the host to record, too: who reads there just stores",
         NULL},
        {"host-event", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->host_events,
         "Ask the host to record this event of its own (default: as it likes)",
         "EVENT"},
        {"duration", 'd', 0, G_OPTION_ARG_INT, &options->duration_arg,
         "Ask the host to end the recording after so long", "SECONDS"},
        {NULL},
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static void add_stop_entries(GOptionContext *context, Options *options)
{
    const GOptionEntry entries[] = {
        {"timeout", 0, 0, G_OPTION_ARG_INT, &options->stop_timeout_arg,
         "Wait this long for the recorder to end (default: 10)", "SECONDS"},
        {NULL},
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static void add_status_entries(GOptionContext *context, Options *options)
{
    const GOptionEntry entries[] = {
        {"forget", 0, 0, G_OPTION_ARG_NONE, &options->forgets,
         "Remove the recorder's state, unless it runs", NULL},
        {NULL},
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static void add_common_entries(GOptionContext *context, Options *options)
{
    const GOptionEntry entries[] = {
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_dir,
         "Keep the recorder's state here (default: " STATE_DEFAULT_DIR ")",
         "DIRECTORY"},
        {NULL},
    };

    g_option_context_add_main_entries(context, entries, NULL);
}

static GOptionContext *command_context(const CommandInfo *info,
                                       Options *options)
{
    g_autofree char *program = g_strdup_printf("qga-trace %s", info->name);
    GOptionContext *context = g_option_context_new(info->usage);

    /* The usage line starts with it. */
    g_set_prgname(program);
    g_option_context_set_summary(context, info->summary);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, TRUE);
    if (info->kind == COMMAND_START || info->kind == COMMAND_RECORD) {
        add_record_entries(context, options);
        if (info->kind == COMMAND_RECORD) {
            add_ask_entries(context, options);
        }
    } else if (info->kind == COMMAND_STOP) {
        add_stop_entries(context, options);
    } else if (info->kind == COMMAND_STATUS) {
        add_status_entries(context, options);
    }
    add_common_entries(context, options);
    return context;
}

static char *main_help(void)
{
    GString *text = g_string_new(
        "Usage:\n  qga-trace COMMAND [OPTION...]\n\n"
        "Records this guest's kernel events for qemu-trace-merge on the "
        "host.\n\nCommands:\n");

    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_string_append_printf(text, "  %s%s%s\n", commands[i].name,
                               commands[i].usage[0] ? " " : "",
                               commands[i].usage);
    }
    g_string_append(text, "\nqga-trace COMMAND --help lists the options of a "
                          "command; --version tells the version.\n");
    return g_string_free(text, FALSE);
}

static bool check_range(const char *option, gint64 value, gint64 min,
                        gint64 max, GError **error)
{
    if (value < min || value > max) {
        return trace_throw(error,
                           "--%s %" G_GINT64_FORMAT
                           " is out of range: give %" G_GINT64_FORMAT
                           " to %" G_GINT64_FORMAT,
                           option, value, min, max);
    }
    return true;
}

static bool check_together(const Options *options, GError **error)
{
    if (options->port && options->output) {
        return trace_throw(error, "--port and --output exclude each other: "
                                  "give one of them");
    }
    if (options->stop_marker && !options->is_snapshot) {
        return trace_throw(error, "--stop-marker ends a flight recording: add "
                                  "--snapshot");
    }
    if ((options->host_events || options->duration_arg) &&
        (options->output || options->is_unasked)) {
        return trace_throw(error, "--host-event and --duration are for the "
                                  "host, which --output and --no-ask do not "
                                  "ask");
    }
    return true;
}

static bool convert(Options *options, GError **error)
{
    RecorderOptions *recorder = &options->recorder;
    gint64 drain_timeout_s =
        options->drain_timeout_arg >= 0 ? options->drain_timeout_arg
        : options->is_snapshot          ? RECORDER_HELD_DRAIN_TIMEOUT_S
                                        : RECORDER_DEFAULT_DRAIN_TIMEOUT_S;

    if (!check_range("buffer-size", options->buffer_kib_arg, 1, MAX_BUFFER_KIB,
                     error) ||
        !check_range("drain-timeout", drain_timeout_s, 0, MAX_TIMEOUT_S,
                     error) ||
        !check_range("duration", options->duration_arg, 0, MAX_DURATION_S,
                     error) ||
        !check_range("timeout", options->stop_timeout_arg, 0, MAX_TIMEOUT_S,
                     error)) {
        return false;
    }
    if (!check_together(options, error)) {
        return false;
    }
    if (!options->port) {
        options->port = g_strdup(PORT_DEFAULT_NAME);
    }
    recorder->instance = INSTANCE_NAME;
    recorder->tracer = options->tracer_arg;
    recorder->cpumask = options->cpumask_arg;
    recorder->buffer_kib = options->buffer_kib_arg;
    recorder->drain_timeout_s = drain_timeout_s;
    recorder->is_held = options->is_snapshot;
    options->duration_s = options->duration_arg;
    options->stop_timeout_s = options->stop_timeout_arg;
    return true;
}

/* What is left after the options: the command to run, if it may be there. */
static bool take_rest(Options *options, const CommandInfo *info, char **rest,
                      GError **error)
{
    if (rest[0] && strcmp(rest[0], "--") == 0) {
        rest++;
    }
    if (!rest[0]) {
        return true;
    }
    if (info->kind != COMMAND_RECORD) {
        return trace_throw(error,
                           "\"%s\" takes no argument \"%s\": see "
                           "qga-trace %s --help",
                           info->name, rest[0], info->name);
    }
    options->run = g_strdupv(rest);
    return true;
}

/* --help before "--" only: the command that is run may have its own. */
static bool wants_help(char **args)
{
    for (guint i = 0; args[i] && strcmp(args[i], "--") != 0; i++) {
        if (strcmp(args[i], "--help") == 0 || strcmp(args[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static bool parse_command(Options *options, char **argv, GError **error)
{
    const CommandInfo *info = find_command(argv[1]);
    g_autoptr(GOptionContext) context = NULL;
    g_auto(GStrv) args = NULL;

    if (!info) {
        return trace_throw(error,
                           "unknown command \"%s\": qga-trace --help lists "
                           "the commands",
                           argv[1]);
    }
    context = command_context(info, options);
    if (wants_help(argv + 2)) {
        options->command = COMMAND_HELP;
        options->help_text = g_option_context_get_help(context, TRUE, NULL);
        return true;
    }
    options->command = info->kind;
    args = g_strdupv(argv + 1);
    if (!g_option_context_parse_strv(context, &args, error)) {
        g_prefix_error(error, "%s: ", info->name);
        return false;
    }
    return take_rest(options, info, args + 1, error) && convert(options, error);
}

Options *options_parse(char **argv, GError **error)
{
    g_autoptr(Options) options = g_new0(Options, 1);

    options->buffer_kib_arg = RECORDER_DEFAULT_BUFFER_KIB;
    options->drain_timeout_arg = -1;
    options->stop_timeout_arg = DEFAULT_STOP_TIMEOUT_S;
    if (!argv[0] || !argv[1]) {
        trace_throw(error, "no command: give start, stop, status or record");
        return NULL;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        options->command = COMMAND_HELP;
        options->help_text = main_help();
    } else if (strcmp(argv[1], "--version") == 0) {
        options->command = COMMAND_VERSION;
    } else if (!parse_command(options, argv, error)) {
        return NULL;
    }
    if (options->state_dir) {
        /* The recorder changes to another directory. */
        char *absolute = g_canonicalize_filename(options->state_dir, NULL);

        g_free(options->state_dir);
        options->state_dir = absolute;
    } else {
        options->state_dir = g_strdup(STATE_DEFAULT_DIR);
    }
    return g_steal_pointer(&options);
}

void options_free(Options *options)
{
    if (!options) {
        return;
    }
    g_strfreev(options->recorder.events);
    g_strfreev(options->recorder.filters);
    g_strfreev(options->recorder.functions);
    g_strfreev(options->run);
    g_free(options->port);
    g_free(options->output);
    g_free(options->state_dir);
    g_free(options->help_text);
    g_free(options->stop_marker);
    g_strfreev(options->host_events);
    g_free(options->tracer_arg);
    g_free(options->cpumask_arg);
    g_free(options);
}
