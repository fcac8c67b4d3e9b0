/*
 * qemu-trace-merge record: record a guest and its host together.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/command-line.h"
#include "commands/guest-options.h"
#include "commands/limit-options.h"
#include "commands/live-display.h"
#include "commands/recorder-file.h"
#include "commands/session-summary.h"
#include "commands/size-option.h"
#include "connection/guest-address.h"
#include "session/recording.h"

#define DEFAULT_MAX_SIZE "8G"
#define MAX_BUFFER_KIB   (64 << 20)
#define MAX_DURATION_S   (365.0 * 24 * 60 * 60)
/*
 * With a command, its exit status is ours, so our own failures need one that
 * is not the command's: as env(1) and timeout(1) have it.
 */
#define EXIT_OWN_FAILURE 125

typedef struct RecordOptions {
    GuestOptions *guests;
    GPtrArray *addresses; /* of GuestAddress, of guests */
    LimitOptions limits;
    char *output_dir;
    double duration_s;
    char *max_size;
    char **host_events;
    char **guest_events;
    char **host_filters;
    char **guest_filters;
    char *host_tracer;
    char *guest_tracer;
    char **host_functions;
    char **guest_functions;
    int host_buffer_kib;
    int guest_buffer_kib;
    gboolean is_quiet;
    gboolean is_snapshot;
    char *stop_marker;
    gboolean has_json_progress;
    char *host_cpus;
    gboolean all_cpus;
    char *offsets;
    OffsetChoice offset_choice;
    gboolean does_push;
    gboolean pulls_only;
    char *recorder_path; /* to be copied into guests; NULL: not */
    char **command;      /* points into argv */
} RecordOptions;

static GOptionContext *new_context(RecordOptions *o)
{
    const GOptionEntry entries[] = {
        {"duration", 'd', 0, G_OPTION_ARG_DOUBLE, &o->duration_s,
         "Stop after so long (default: at Ctrl-C, or when COMMAND ends)",
         "SECONDS"},
        {"output-dir", 'o', 0, G_OPTION_ARG_FILENAME, &o->output_dir,
         "Make the session's directory here (default: .)", "DIR"},
        {"max-size", 0, 0, G_OPTION_ARG_STRING, &o->max_size,
         "Limit of each machine's stream (default: " DEFAULT_MAX_SIZE ")",
         "BYTES[K|M|G]"},
        {"host-event", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &o->host_events,
         "Record these events of the host instead of the default ones; those "
         "that prove the synchronisation are always recorded",
         "SYSTEM[:EVENT]"},
        {"guest-event", 'E', 0, G_OPTION_ARG_STRING_ARRAY, &o->guest_events,
         "Record these events of the guest instead of the default ones",
         "SYSTEM[:EVENT]"},
        {"host-filter", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->host_filters,
         "Record an event of the host only where FILTER holds",
         "SYSTEM/EVENT:FILTER"},
        {"guest-filter", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->guest_filters,
         "Record an event of the guest only where FILTER holds",
         "SYSTEM/EVENT:FILTER"},
        {"host-tracer", 'p', 0, G_OPTION_ARG_STRING, &o->host_tracer,
         "Run a tracer on the host, too, such as function", "TRACER"},
        {"guest-tracer", 0, 0, G_OPTION_ARG_STRING, &o->guest_tracer,
         "Run a tracer in the guest, too", "TRACER"},
        {"host-function", 'l', 0, G_OPTION_ARG_STRING_ARRAY, &o->host_functions,
         "Limit the host's tracer to these functions", "GLOB"},
        {"guest-function", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->guest_functions,
         "Limit the guest's tracer to these functions", "GLOB"},
        {"buffer-size", 0, 0, G_OPTION_ARG_INT, &o->host_buffer_kib,
         "Ring buffer of each CPU of the host (default: 4096)", "KIB"},
        {"guest-buffer-size", 0, 0, G_OPTION_ARG_INT, &o->guest_buffer_kib,
         "Ring buffer of each CPU of the guest (default: 4096)", "KIB"},
        {"snapshot", 0, 0, G_OPTION_ARG_NONE, &o->is_snapshot,
         "Flight recorder: keep the latest events only, and freeze host and "
         "guest together at the end, which is also when the guest's tracing "
         "is turned off",
         NULL},
        {"stop-marker", 0, 0, G_OPTION_ARG_STRING, &o->stop_marker,
         "With --snapshot, end when this text is written to the guest's "
         "trace_marker",
         "TEXT"},
        {"host-cpus", 0, 0, G_OPTION_ARG_STRING, &o->host_cpus,
         "Record these CPUs of the host (default: those that the vCPUs are "
         "pinned to, or may run on)",
         "LIST"},
        {"all-cpus", 0, 0, G_OPTION_ARG_NONE, &o->all_cpus,
         "Record all CPUs of the host, with all that happens there", NULL},
        {"offsets", 0, 0, G_OPTION_ARG_STRING, &o->offsets,
         "Where TSC offsets come from: qmp, debugfs or inferred (default: "
         "auto, the best that there is)",
         "SOURCE"},
        {"pull", 0, 0, G_OPTION_ARG_NONE, &o->pulls_only,
         "Plug no trace channel into guests that lack one, but copy their "
         "recordings through the agent at the end",
         NULL},
        {"push-recorder", 0, 0, G_OPTION_ARG_NONE, &o->does_push,
         "Copy the recorder into guests where it is not installed; it is "
         "removed at the end",
         NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->is_quiet,
         "Say nothing but warnings and errors", NULL},
        {"json-progress", 0, 0, G_OPTION_ARG_NONE, &o->has_json_progress,
         "Say how it goes on standard error as JSON, one object a line", NULL},
        {NULL},
    };
    GOptionContext *context = g_option_context_new("[-- COMMAND [ARG...]]");

    g_option_context_set_summary(
        context,
        "Records the kernel traces of this machine and of QEMU guests "
        "together, until\nthe duration is over, COMMAND has ended in the "
        "(first) guest, or Ctrl-C is\npressed.");
    g_option_context_set_description(
        context,
        "The exit status is COMMAND's, or 125 if the recording failed; "
        "without COMMAND\nit is 0, or 1 if the recording failed.");
    guest_options_add_to(o->guests, context);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, limit_options_group(&o->limits));
    return context;
}

/* Everything from "--" on is the guest's business, options included. */
static int split_command(int argc, char **argv, RecordOptions *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            o->command = argv + i + 1;
            argv[i] = NULL;
            return i;
        }
    }
    return argc;
}

static gboolean check_numbers(const RecordOptions *o, GError **error)
{
    if (!isfinite(o->duration_s) || o->duration_s < 0 ||
        o->duration_s > MAX_DURATION_S) {
        return command_throw_usage(error,
                                   "--duration needs a number of seconds");
    }
    if (o->host_buffer_kib < 0 || o->host_buffer_kib > MAX_BUFFER_KIB ||
        o->guest_buffer_kib < 0 || o->guest_buffer_kib > MAX_BUFFER_KIB) {
        return command_throw_usage(error, "buffer sizes are KiB from 1 to %d",
                                   MAX_BUFFER_KIB);
    }
    return TRUE;
}

static gboolean check_options(RecordOptions *o, GError **error)
{
    if ((o->host_functions && !o->host_tracer) ||
        (o->guest_functions && !o->guest_tracer)) {
        return command_throw_usage(error,
                                   "a function needs a tracer: add "
                                   "--host-tracer or --guest-tracer function");
    }
    if (o->stop_marker && !o->is_snapshot) {
        return command_throw_usage(error,
                                   "--stop-marker ends a flight recording: add "
                                   "--snapshot");
    }
    if (o->has_json_progress && o->is_quiet) {
        return command_throw_usage(error,
                                   "--json-progress and --quiet exclude each "
                                   "other: give one of them");
    }
    if (o->host_cpus && o->all_cpus) {
        return command_throw_usage(error,
                                   "--host-cpus and --all-cpus exclude each "
                                   "other: give one of them");
    }
    if (o->offsets && !offset_choice_parse(o->offsets, &o->offset_choice)) {
        return command_throw_usage(
            error,
            "--offsets is auto, qmp, debugfs or inferred, not "
            "'%s'",
            o->offsets);
    }
    if (o->command && !*o->command) {
        return command_throw_usage(error, "there is no command after '--'");
    }
    return check_numbers(o, error);
}

static gboolean parse(int argc, char **argv, RecordOptions *o,
                      uint64_t *max_bytes, GError **error)
{
    g_autoptr(GOptionContext) context = new_context(o);

    argc = split_command(argc, argv, o);
    if (!command_line_parse(context, &argc, argv, error)) {
        return FALSE;
    }
    if (o->limits.wants_list) {
        return TRUE;
    }
    o->max_size = o->max_size ? o->max_size : g_strdup(DEFAULT_MAX_SIZE);
    if (argc > 1) {
        return command_throw_usage(
            error,
            "'%s' is no option; a command for the guest stands "
            "after '--'",
            argv[1]);
    }
    o->addresses = guest_options_addresses(o->guests, error);
    if (o->does_push) {
        o->recorder_path = recorder_file_find(error);
    }
    return o->addresses && (!o->does_push || o->recorder_path) &&
           check_options(o, error) &&
           size_option_parse("--max-size", o->max_size, max_bytes, error);
}

static void clear_options(RecordOptions *o)
{
    guest_options_free(o->guests);
    g_free(o->recorder_path);
    g_free(o->offsets);
    g_free(o->host_cpus);
    g_free(o->output_dir);
    g_free(o->max_size);
    g_free(o->stop_marker);
    g_strfreev(o->host_events);
    g_strfreev(o->guest_events);
    g_strfreev(o->host_filters);
    g_strfreev(o->guest_filters);
    g_free(o->host_tracer);
    g_free(o->guest_tracer);
    g_strfreev(o->host_functions);
    g_strfreev(o->guest_functions);
}

static void say(const char *sentence, gpointer data)
{
    live_display_say(data, sentence);
}

static LiveKind live_kind(const RecordOptions *o)
{
    if (o->has_json_progress) {
        return LIVE_JSON;
    }
    return o->is_quiet || !isatty(STDERR_FILENO) ? LIVE_NONE : LIVE_LINES;
}

static RecordingOptions recording_options(const RecordOptions *o,
                                          const char *name, uint64_t max_bytes,
                                          LiveDisplay *display)
{
    return (RecordingOptions){
        .name = name,
        .output_dir = o->output_dir,
        .duration_us = (gint64)(o->duration_s * G_USEC_PER_SEC),
        .command = o->command,
        .max_bytes = max_bytes,
        .limits = &o->limits.limits,
        .is_snapshot = o->is_snapshot,
        .stop_marker = o->stop_marker,
        .recorder_path = o->recorder_path,
        .offset_choice = o->offset_choice,
        .host_cpus = o->host_cpus,
        .all_cpus = o->all_cpus,
        .pulls_only = o->pulls_only,
        .say = o->is_quiet ? NULL : say,
        .progress = live_kind(o) == LIVE_NONE ? NULL : live_display_update,
        .watcher = display,
        .host = {.events = o->host_events,
                 .filters = o->host_filters,
                 .tracer = o->host_tracer,
                 .functions = o->host_functions,
                 .buffer_kib = o->host_buffer_kib},
        .guest = {.events = o->guest_events,
                  .filters = o->guest_filters,
                  .tracer = o->guest_tracer,
                  .functions = o->guest_functions,
                  .buffer_kib = o->guest_buffer_kib},
    };
}

/*
 * The command's own output, to where it would have gone.  On a terminal, its
 * control characters don't reach it: the guest may be hostile.
 */
static void pass_on(GBytes *bytes, FILE *to)
{
    gsize length = 0;
    const char *text = bytes ? g_bytes_get_data(bytes, &length) : NULL;
    gboolean is_terminal = isatty(fileno(to));

    for (gsize i = 0; i < length; i++) {
        guchar c = text[i];
        gboolean is_harmless =
            c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f && c < 0x80);

        fputc(is_terminal && !is_harmless ? '?' : c, to);
    }
    fflush(to);
}

static int report_result(const RecordOptions *o, const RecordingResult *result,
                         const GError *error)
{
    if (result->has_process) {
        pass_on(result->process.output, stdout);
        pass_on(result->process.errors, stderr);
        if (result->process.truncated) {
            fprintf(stderr, "warning: the guest's agent kept only the "
                            "beginning of the command's output\n");
        }
    }
    if (result->dir && o->has_json_progress) {
        session_summary_print_json(result->session, result->dir, stderr);
    } else if (result->dir && !o->is_quiet) {
        session_summary_print(result->session, result->dir, stderr);
    }
    if (error) {
        int status = command_fail("record", error);

        return o->command ? EXIT_OWN_FAILURE : status;
    }
    if (o->command && !result->has_process) {
        fprintf(stderr,
                "qemu-trace-merge record: '%s' had not ended when the "
                "recording did, and may still run in the guest\n",
                o->command[0]);
        return EXIT_OWN_FAILURE;
    }
    if (result->has_process && !o->is_quiet && !o->has_json_progress) {
        fprintf(stderr, "'%s' ended with exit status %d in the guest.\n",
                o->command[0], result->process.exit_code);
    }
    return result->has_process ? result->process.exit_code : 0;
}

static int record(const RecordOptions *o, uint64_t max_bytes)
{
    g_autoptr(GPtrArray) guests =
        g_ptr_array_new_with_free_func((GDestroyNotify)guest_recording_free);
    g_autofree char *name = guest_options_session_name(o->guests);
    g_autoptr(LiveDisplay) display = live_display_new(live_kind(o), stderr);
    RecordingOptions options = recording_options(o, name, max_bytes, display);
    g_auto(RecordingResult) result = {0};
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < o->addresses->len; i++) {
        g_ptr_array_add(guests, guest_recording_new(o->addresses->pdata[i]));
    }
    recording_run(&options, guests, &result, &error);
    g_clear_pointer(&display, live_display_free);
    return report_result(o, &result, error);
}

int cmd_record(int argc, char **argv)
{
    RecordOptions o = {
        .guests = guest_options_new(),
        .limits = limit_options_new(LIMIT_RECORDS),
    };
    g_autoptr(GError) error = NULL;
    uint64_t max_bytes = 0;
    int status;

    if (parse(argc, argv, &o, &max_bytes, &error)) {
        status = limit_options_list(&o.limits) ? 0 : record(&o, max_bytes);
    } else {
        status = command_fail("record", error);
        status = o.command ? EXIT_OWN_FAILURE : status;
    }
    clear_options(&o);
    return status;
}
