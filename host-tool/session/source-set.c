/*
 * SourceSet: the files or sessions that are opened together.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/source-set.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#include "merge/selection.h"
#include "merge/timeline-nest.h"
#include "merge/vcpu-threads.h"
#include "session/session-file.h"
#include "session/session-files.h"
#include "session/session-timeline.h"

static void file_clear(gpointer data)
{
    SourceFile *file = data;

    g_free(file->path);
    g_free(file->under);
}

SourceSet *source_set_new(void)
{
    SourceSet *set = g_new0(SourceSet, 1);

    set->files = g_array_new(FALSE, TRUE, sizeof(SourceFile));
    g_array_set_clear_func(set->files, file_clear);
    set->sessions = g_ptr_array_new_with_free_func(g_free);
    return set;
}

void source_set_free(SourceSet *set)
{
    if (set) {
        g_array_unref(set->files);
        g_ptr_array_unref(set->sessions);
        opened_files_free(set->opened);
        g_free(set);
    }
}

void source_set_add_file(SourceSet *set, const char *path)
{
    SourceFile file = {.path = g_strdup(path)};

    g_array_append_val(set->files, file);
}

SourceFile *source_set_last_file(SourceSet *set)
{
    guint n = set->files->len;

    return n ? &g_array_index(set->files, SourceFile, n - 1) : NULL;
}

void source_set_add_session(SourceSet *set, const char *session)
{
    g_ptr_array_add(set->sessions, g_strdup(session));
}

/* What this host's file says of the guest, or NULL. */
static DatGuest *find_guest(const TimelineInput *host, uint64_t trace_id)
{
    GPtrArray *guests = host->dat->options.guests;

    for (guint n = 0; guests && n < guests->len; n++) {
        DatGuest *guest = guests->pdata[n];

        if (guest->trace_id == trace_id && trace_id != 0) {
            return guest;
        }
    }
    return NULL;
}

/* trace-cmd doesn't always know them. */
static GArray *guest_threads(const DatGuest *guest, const TimelineInput *host,
                             const TimelineInput *input)
{
    GArray *threads =
        guest->threads->len > 0 ? NULL : vcpu_threads_infer(host, input);

    if (!threads) {
        return g_array_ref(guest->threads);
    }
    g_ptr_array_add(
        input->dat->problems,
        g_strdup_printf("%s: no file names its vCPUs' threads; those that "
                        "%s shows entering a guest are taken, in the order "
                        "of their vcpu_id",
                        input->label, host->label));
    return threads;
}

/* A host's file names the vCPU threads of the guests recorded with it. */
static void find_host(TimelineInput *input, GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *host = inputs->pdata[i];
        DatGuest *guest = find_guest(host, input->dat->options.trace_id);

        if (guest && host != input) {
            input->vcpu_threads = guest_threads(guest, host, input);
            input->host = host;
            return;
        }
    }
}

static void set_clock(TimelineInput *input, const ClockMap *clock)
{
    const ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = *clock,
        .provenance = CLOCK_PROVENANCE_GIVEN,
    };

    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        timeline_input_set_track(input, cpu, &segment, 1);
    }
}

/* Appends an input for each buffer of the file. */
static bool open_file(const SourceSet *set, guint number, GPtrArray *inputs,
                      GError **error)
{
    const SourceFile *file = &g_array_index(set->files, SourceFile, number);
    uint64_t hz = file->hz ? file->hz : set->all_hz;
    guint first = inputs->len;

    if (!timeline_inputs_open(inputs, set->opened, file->path, file->path,
                              error)) {
        return false;
    }
    for (guint i = first; i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        input->file = number;
        input->shift_ticks = file->ts_offset_ticks;
        if (hz) {
            input->scale.unit = TIMELINE_HZ;
            input->scale.hz = hz;
        }
        if (file->has_clock) {
            set_clock(input, &file->clock);
        }
    }
    return true;
}

static const TimelineInput *find_by_name(GPtrArray *inputs, const char *name)
{
    for (guint i = 0; i < inputs->len; i++) {
        if (selection_names_machine(name, inputs->pdata[i])) {
            return inputs->pdata[i];
        }
    }
    return NULL;
}

/* The guest that a guest's own file says it was recorded on, or NULL. */
static const TimelineInput *find_by_id(GPtrArray *inputs,
                                       const TimelineInput *guest)
{
    uint64_t id = guest->dat->options.peer_trace_id;

    for (guint i = 0; id != 0 && i < inputs->len; i++) {
        const TimelineInput *host = inputs->pdata[i];

        if (host->file != guest->file && host->tracks &&
            host->dat->options.trace_id == id) {
            return host;
        }
    }
    return NULL;
}

/* Whose clock the input's clock counts from, where it is to be asked. */
static bool find_parent(const SourceSet *set, GPtrArray *inputs,
                        const TimelineInput *input,
                        const TimelineInput **parent, GError **error)
{
    const SourceFile *file =
        &g_array_index(set->files, SourceFile, input->file);

    *parent = NULL;
    if (file->under) {
        *parent = find_by_name(inputs, file->under);
        if (!*parent || (*parent)->file == input->file) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                        "--under %s: none of the other files has that name",
                        file->under);
            return false;
        }
    } else if (file->has_clock && input->file > 0) {
        *parent = inputs->pdata[0];
    } else if (input->tracks) {
        *parent = find_by_id(inputs, input);
    }
    return true;
}

static bool nest_files(const SourceSet *set, GPtrArray *inputs, GError **error)
{
    g_autofree const TimelineInput **parents =
        g_new0(const TimelineInput *, inputs->len + 1);

    for (guint i = 0; i < inputs->len; i++) {
        if (!find_parent(set, inputs, inputs->pdata[i], &parents[i], error)) {
            return false;
        }
    }
    return timeline_inputs_nest(inputs, parents, error);
}

static GPtrArray *open_files(const SourceSet *set, GError **error)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    gboolean by_hand = FALSE;

    for (guint i = 0; i < set->files->len; i++) {
        if (!open_file(set, i, inputs, error)) {
            return NULL;
        }
        by_hand |= g_array_index(set->files, SourceFile, i).has_offset;
    }
    /* An offset by hand replaces what the files themselves say. */
    for (guint i = 0; !by_hand && i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        if (!g_array_index(set->files, SourceFile, input->file).has_clock) {
            timeline_input_use_time_shift(input);
        }
    }
    for (guint i = 0; i < inputs->len; i++) {
        find_host(inputs->pdata[i], inputs);
    }
    return nest_files(set, inputs, error) ? g_steal_pointer(&inputs) : NULL;
}

/*
 * NAME=DIR tells on which machine the session in DIR was recorded.  Where the
 * "=" is, or NULL when it is only the name of a directory.
 */
static const char *find_equals(const OpenedFiles *opened, const char *operand)
{
    const char *equals = strchr(operand, '=');
    g_autofree char *file =
        equals ? g_build_filename(operand, SESSION_FILE_NAME, NULL) : NULL;

    return equals && !opened_files_has(opened, file) ? equals : NULL;
}

/* Where the session of an operand is. */
static const char *session_dir(const OpenedFiles *opened, const char *operand)
{
    const char *equals = find_equals(opened, operand);

    return equals ? equals + 1 : operand;
}

/* Its path, for as long as the set stays as it is. */
static const char *source_path(const SourceSet *set, guint number)
{
    return number < set->files->len
               ? g_array_index(set->files, SourceFile, number).path
               : session_dir(NULL,
                             set->sessions->pdata[number - set->files->len]);
}

static bool throw_twice(const char *path, const char *other, GError **error)
{
    bool is_alike = strcmp(path, other) == 0;

    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "%s %s%s, and its events would be counted twice; name it once",
                path, is_alike ? "is named twice" : "is the same recording as ",
                is_alike ? "" : other);
    return false;
}

/* What can't be looked at is told of when it is read. */
static bool check_distinct(const SourceSet *set, GError **error)
{
    guint n = set->files->len + set->sessions->len;
    g_autofree struct stat *all = g_new0(struct stat, n + 1);

    for (guint i = 0; i < n; i++) {
        if (stat(source_path(set, i), &all[i]) < 0) {
            all[i].st_nlink = 0;
            continue;
        }
        for (guint other = 0; other < i; other++) {
            if (all[other].st_nlink > 0 && all[other].st_dev == all[i].st_dev &&
                all[other].st_ino == all[i].st_ino) {
                return throw_twice(source_path(set, i), source_path(set, other),
                                   error);
            }
        }
    }
    return true;
}

gboolean source_set_open_files(SourceSet *set, const Limits *limits,
                               GError **error)
{
    if (!check_distinct(set, error)) {
        return FALSE;
    }
    set->opened = opened_files_new(limits);
    for (guint i = 0; i < set->files->len; i++) {
        opened_files_add(set->opened, source_path(set, i));
    }
    for (guint i = 0; i < set->sessions->len; i++) {
        session_files_open(set->opened,
                           session_dir(NULL, set->sessions->pdata[i]));
    }
    return TRUE;
}

static bool open_session(const SourceSet *set, GPtrArray *inputs,
                         const char *operand, GPtrArray *missing,
                         GError **error)
{
    const char *equals = find_equals(set->opened, operand);
    g_autofree char *name = NULL;
    const TimelineInput *machine;

    if (!equals) {
        return session_timeline_append(inputs, set->opened, operand,
                                       set->sessions->len > 1, missing, error);
    }
    name = g_strndup(operand, (gsize)(equals - operand));
    machine = find_by_name(inputs, name);
    if (!machine) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s: no machine '%s' is in the sessions named before it",
                    operand, name);
        return false;
    }
    return session_timeline_append_nested(inputs, set->opened, equals + 1,
                                          machine, missing, error);
}

static GPtrArray *open_sessions(const SourceSet *set, GPtrArray *missing,
                                GError **error)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);

    for (guint i = 0; i < set->sessions->len; i++) {
        if (!open_session(set, inputs, set->sessions->pdata[i], missing,
                          error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&inputs);
}

GPtrArray *source_set_open(const SourceSet *set, GPtrArray *missing,
                           GError **error)
{
    if ((set->files->len > 0) == (set->sessions->len > 0)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "name either sessions or files");
        return NULL;
    }
    /* Whoever had the files opened beforehand has them checked. */
    if (!set->opened && !check_distinct(set, error)) {
        return NULL;
    }
    return set->files->len > 0 ? open_files(set, error)
                               : open_sessions(set, missing, error);
}
