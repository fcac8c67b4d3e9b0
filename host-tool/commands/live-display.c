/*
 * LiveDisplay: how a recording goes, while it goes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/live-display.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "qga/json-text.h"

#define DEFAULT_COLUMNS 80
#define MAX_MACHINES    256

/* What a machine had the last time, for its rate. */
typedef struct Before {
    uint64_t bytes;
    gint64 at_us;
    double rate; /* bytes a second */
} Before;

struct LiveDisplay {
    LiveKind kind;
    FILE *to;
    guint n_lines; /* that are on the terminal now */
    Before before[MAX_MACHINES];
};

LiveDisplay *live_display_new(LiveKind kind, FILE *to)
{
    LiveDisplay *display = g_new0(LiveDisplay, 1);

    display->kind = kind;
    display->to = to;
    return display;
}

static void erase(LiveDisplay *display)
{
    for (; display->n_lines > 0; display->n_lines--) {
        fputs("\033[A\033[2K", display->to);
    }
    fflush(display->to);
}

void live_display_free(LiveDisplay *display)
{
    if (display) {
        erase(display);
        g_free(display);
    }
}

char *live_display_bytes(uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double value = bytes / 1000.0;
    guint unit = 0;

    while (value >= 999.95 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1000;
        unit++;
    }
    return g_strdup_printf("%.1f %s", value, units[unit]);
}

static double rate(LiveDisplay *display, guint i, uint64_t bytes, gint64 at_us)
{
    Before *before = &display->before[i];

    if (at_us > before->at_us && bytes >= before->bytes) {
        before->rate = (double)(bytes - before->bytes) * G_USEC_PER_SEC /
                       (at_us - before->at_us);
    }
    before->bytes = bytes;
    before->at_us = at_us;
    return before->rate;
}

static guint columns(FILE *to)
{
    struct winsize size;

    if (ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || size.ws_col == 0) {
        return DEFAULT_COLUMNS;
    }
    return size.ws_col;
}

static const char *state_text(const RecordingProgress *progress,
                              const MachineProgress *machine, char *buffer,
                              size_t size)
{
    if (machine->is_frozen) {
        return "frozen";
    }
    if (progress->is_ending) {
        return "ending";
    }
    if (progress->left_us >= 0) {
        g_snprintf(buffer, size, "%.0f s left",
                   (double)progress->left_us / G_USEC_PER_SEC);
    } else {
        g_snprintf(buffer, size, "%.0f s",
                   (double)progress->elapsed_us / G_USEC_PER_SEC);
    }
    return buffer;
}

static void print_line(LiveDisplay *display, const RecordingProgress *progress,
                       guint i, int name_width, guint max_columns)
{
    const MachineProgress *machine = &progress->machines[i];
    g_autofree char *bytes = live_display_bytes(machine->bytes);
    g_autofree char *per_second = live_display_bytes(
        (uint64_t)rate(display, i, machine->bytes, progress->elapsed_us));
    char state[32];
    g_autofree char *line = g_strdup_printf(
        "%-*s %10" PRIu64 " events  %9s  %7" PRIu64 " lost  %9s/s  %s",
        name_width, machine->name, machine->events, bytes, machine->lost_events,
        per_second, state_text(progress, machine, state, sizeof(state)));

    /* A line that wraps would not be erased whole.  It is plain ASCII. */
    fprintf(display->to, "%.*s\n", (int)max_columns - 1, line);
}

static void draw(LiveDisplay *display, const RecordingProgress *progress)
{
    guint max_columns = columns(display->to);
    guint n = MIN(progress->n_machines, MAX_MACHINES);
    int name_width = 4;

    for (guint i = 0; i < n; i++) {
        name_width = MAX(name_width, (int)strlen(progress->machines[i].name));
    }
    erase(display);
    for (guint i = 0; i < n; i++) {
        print_line(display, progress, i, name_width, max_columns);
    }
    display->n_lines = n;
    fflush(display->to);
}

static void write_json(LiveDisplay *display, const RecordingProgress *progress)
{
    g_autoptr(GString) json = g_string_new("{\"type\": \"progress\"");

    g_string_append_printf(json, ", \"elapsed-ms\": %" G_GINT64_FORMAT,
                           progress->elapsed_us / 1000);
    if (progress->left_us >= 0) {
        g_string_append_printf(json, ", \"left-ms\": %" G_GINT64_FORMAT,
                               progress->left_us / 1000);
    }
    g_string_append_printf(json, ", \"ending\": %s, \"machines\": [",
                           progress->is_ending ? "true" : "false");
    for (guint i = 0; i < progress->n_machines; i++) {
        const MachineProgress *machine = &progress->machines[i];

        g_string_append(json, i ? ", {\"name\": " : "{\"name\": ");
        json_text_append_string(json, machine->name);
        g_string_append_printf(json,
                               ", \"events\": %" PRIu64 ", \"lost\": %" PRIu64
                               ", \"bytes\": %" PRIu64 ", \"frozen\": %s}",
                               machine->events, machine->lost_events,
                               machine->bytes,
                               machine->is_frozen ? "true" : "false");
    }
    g_string_append(json, "]}\n");
    fputs(json->str, display->to);
    fflush(display->to);
}

void live_display_update(const RecordingProgress *progress, gpointer data)
{
    LiveDisplay *display = data;

    if (display->kind == LIVE_LINES) {
        draw(display, progress);
    } else if (display->kind == LIVE_JSON) {
        write_json(display, progress);
    }
}

void live_display_say(LiveDisplay *display, const char *sentence)
{
    g_autoptr(GString) json = NULL;

    if (display->kind != LIVE_JSON) {
        erase(display);
        fprintf(display->to, "%s\n", sentence);
        return;
    }
    json = g_string_new("{\"type\": \"message\", \"text\": ");
    json_text_append_string(json, sentence);
    g_string_append(json, "}\n");
    fputs(json->str, display->to);
    fflush(display->to);
}
