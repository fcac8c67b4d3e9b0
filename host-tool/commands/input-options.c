/*
 * InputOptions: how a command is told what to read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/input-options.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "merge/infer-offset.h"
#include "merge/selection.h"
#include "merge/timeline-nest.h"
#include "merge/timeline.h"
#include "merge/vcpu-threads.h"
#include "session/session-timeline.h"

/* One -i and what was said of it. */
typedef struct InputFile {
    char *path;
    gboolean has_offset;
    int64_t ts_offset_ticks;
    uint64_t hz;
    gboolean has_clock;
    ClockMap clock;
    char *under; /* the machine that its clock counts from; NULL: the first */
} InputFile;

struct InputOptions {
    GArray *files;   /* of InputFile */
    uint64_t all_hz; /* --ts2secs before a second -i: for all files */
    bool infer_offset;
};

static void input_file_clear(gpointer data)
{
    InputFile *file = data;

    g_free(file->path);
    g_free(file->under);
}

InputOptions *input_options_new(void)
{
    InputOptions *options = g_new0(InputOptions, 1);

    options->files = g_array_new(FALSE, TRUE, sizeof(InputFile));
    g_array_set_clear_func(options->files, input_file_clear);
    return options;
}

void input_options_free(InputOptions *options)
{
    if (options) {
        g_array_unref(options->files);
        g_free(options);
    }
}

guint input_options_n_files(const InputOptions *options)
{
    return options->files->len;
}

static InputFile *last_file(InputOptions *options)
{
    guint n = options->files->len;

    return n ? &g_array_index(options->files, InputFile, n - 1) : NULL;
}

static gboolean on_input(G_GNUC_UNUSED const char *name, const char *value,
                         gpointer data, G_GNUC_UNUSED GError **error)
{
    InputOptions *options = data;
    InputFile file = {.path = g_strdup(value)};

    g_array_append_val(options->files, file);
    return TRUE;
}

/*
 * Offsets are modulo 2^64: a large unsigned number and the negative one of
 * the same bits are the same offset.
 */
static gboolean parse_ticks(const char *value, int64_t *ticks)
{
    const char *digits = value[0] == '-' ? value + 1 : value;
    char *end = NULL;
    guint64 magnitude;

    errno = 0;
    magnitude = g_ascii_strtoull(digits, &end, 0);
    if (errno != 0 || end == digits || *end != '\0' || *digits == '-' ||
        *digits == '+') {
        return FALSE;
    }
    *ticks = (int64_t)(digits == value ? magnitude : -magnitude);
    return TRUE;
}

static gboolean on_ts_offset(const char *name, const char *value, gpointer data,
                             GError **error)
{
    InputFile *file = last_file(data);

    if (!file) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "%s must come after the -i FILE that it moves", name);
        return FALSE;
    }
    if (!parse_ticks(value, &file->ts_offset_ticks)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s %s: not a number of ticks; give a 64-bit integer, "
                    "negative or not",
                    name, value);
        return FALSE;
    }
    file->has_offset = TRUE;
    return TRUE;
}

/* OFFSET or OFFSET,RATIO,FRAC-BITS */
static gboolean parse_clock(const char *value, ClockMap *clock)
{
    g_auto(GStrv) words = g_strsplit(value, ",", -1);
    guint n = g_strv_length(words);
    guint64 ratio, frac_bits;
    int64_t offset_ticks;

    if ((n != 1 && n != 3) || !parse_ticks(words[0], &offset_ticks)) {
        return FALSE;
    }
    *clock = clock_map_unscaled(offset_ticks);
    if (n == 1) {
        return TRUE;
    }
    if (!g_ascii_string_to_unsigned(words[1], 10, 1, G_MAXUINT64, &ratio,
                                    NULL) ||
        !g_ascii_string_to_unsigned(words[2], 10, 0, 63, &frac_bits, NULL)) {
        return FALSE;
    }
    clock->ratio = ratio;
    clock->frac_bits = (uint32_t)frac_bits;
    return TRUE;
}

static gboolean on_clock(const char *name, const char *value, gpointer data,
                         GError **error)
{
    InputFile *file = last_file(data);

    if (!file) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "%s must come after the -i FILE whose clock it is", name);
        return FALSE;
    }
    if (!parse_clock(value, &file->clock)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s %s: no clock; give KVM's TSC offset in ticks, and "
                    "where the TSC is scaled the ratio and its fraction bits, "
                    "as in -5000,140737488355328,48",
                    name, value);
        return FALSE;
    }
    file->has_clock = TRUE;
    return TRUE;
}

static gboolean on_under(const char *name, const char *value, gpointer data,
                         GError **error)
{
    InputFile *file = last_file(data);

    if (!file) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "%s must come after the -i FILE of the guest", name);
        return FALSE;
    }
    g_free(file->under);
    file->under = g_strdup(value);
    return TRUE;
}

static gboolean on_ts2secs(const char *name, const char *value, gpointer data,
                           GError **error)
{
    InputOptions *options = data;
    guint64 hz;

    if (!g_ascii_string_to_unsigned(value, 10, 1, G_MAXUINT64, &hz, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s %s: not a frequency; give the ticks of a second, as "
                    "in --ts2secs 2400000000",
                    name, value);
        return FALSE;
    }
    if (options->files->len > 1) {
        last_file(options)->hz = hz;
    } else {
        options->all_hz = hz;
    }
    return TRUE;
}

static gboolean on_infer_offset(G_GNUC_UNUSED const char *name,
                                G_GNUC_UNUSED const char *value, gpointer data,
                                G_GNUC_UNUSED GError **error)
{
    ((InputOptions *)data)->infer_offset = true;
    return TRUE;
}

GOptionGroup *input_options_group(InputOptions *options)
{
    static const GOptionEntry entries[] = {
        {"input", 'i', 0, G_OPTION_ARG_CALLBACK, on_input,
         "Read this trace.dat file (may be repeated)", "FILE"},
        {"ts-offset", 0, 0, G_OPTION_ARG_CALLBACK, on_ts_offset,
         "Add this many ticks to the times of the file named before", "TICKS"},
        {"clock", 0, 0, G_OPTION_ARG_CALLBACK, on_clock,
         "The TSC offset (and scaling) of the guest in the file named before",
         "OFFSET[,RATIO,BITS]"},
        {"under", 0, 0, G_OPTION_ARG_CALLBACK, on_under,
         "That guest's clock counts from this other guest's, not the host's",
         "NAME"},
        {"ts2secs", 0, 0, G_OPTION_ARG_CALLBACK, on_ts2secs,
         "Times are ticks of a clock of this frequency", "HZ"},
        {"infer-offset", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
         on_infer_offset,
         "Find guests' TSC offsets by the windows of their vCPUs alone", NULL},
        G_OPTION_ENTRY_NULL,
    };
    GOptionGroup *group =
        g_option_group_new("input", "Input:", "Show input options", options,
                           NULL);

    g_option_group_add_entries(group, entries);
    return group;
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
static bool open_file(const InputOptions *options, guint number,
                      GPtrArray *inputs, GError **error)
{
    const InputFile *file = &g_array_index(options->files, InputFile, number);
    uint64_t hz = file->hz ? file->hz : options->all_hz;
    guint first = inputs->len;

    if (!timeline_inputs_open(inputs, file->path, file->path, error)) {
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
static bool find_parent(const InputOptions *options, GPtrArray *inputs,
                        const TimelineInput *input,
                        const TimelineInput **parent, GError **error)
{
    const InputFile *file =
        &g_array_index(options->files, InputFile, input->file);

    *parent = NULL;
    if (file->under) {
        *parent = find_by_name(inputs, file->under);
        if (!*parent || (*parent)->file == input->file) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
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

static bool nest_files(const InputOptions *options, GPtrArray *inputs,
                       GError **error)
{
    g_autofree const TimelineInput **parents =
        g_new0(const TimelineInput *, inputs->len + 1);

    for (guint i = 0; i < inputs->len; i++) {
        if (!find_parent(options, inputs, inputs->pdata[i], &parents[i],
                         error)) {
            return false;
        }
    }
    return timeline_inputs_nest(inputs, parents, error);
}

static GPtrArray *open_files(const InputOptions *options, GError **error)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    gboolean by_hand = FALSE;

    for (guint i = 0; i < options->files->len; i++) {
        if (!open_file(options, i, inputs, error)) {
            return NULL;
        }
        by_hand |= g_array_index(options->files, InputFile, i).has_offset;
    }
    /* An offset by hand replaces what the files themselves say. */
    for (guint i = 0; !by_hand && i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        if (!g_array_index(options->files, InputFile, input->file).has_clock) {
            timeline_input_use_time_shift(input);
        }
    }
    for (guint i = 0; i < inputs->len; i++) {
        find_host(inputs->pdata[i], inputs);
    }
    return nest_files(options, inputs, error) ? g_steal_pointer(&inputs) : NULL;
}

/* NAME=DIR tells on which machine the session in DIR was recorded. */
static bool open_session(GPtrArray *inputs, const char *operand,
                         bool is_one_of_many, GPtrArray *missing,
                         GError **error)
{
    const char *equals = strchr(operand, '=');
    g_autofree char *name = NULL;
    const TimelineInput *machine;

    if (!equals || g_file_test(operand, G_FILE_TEST_EXISTS)) {
        return session_timeline_append(inputs, operand, is_one_of_many, missing,
                                       error);
    }
    name = g_strndup(operand, (gsize)(equals - operand));
    machine = find_by_name(inputs, name);
    if (!machine) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "%s: no machine '%s' is in the sessions named before it",
                    operand, name);
        return false;
    }
    return session_timeline_append_nested(inputs, equals + 1, machine, missing,
                                          error);
}

static GPtrArray *open_sessions(char **operands, GPtrArray *missing,
                                GError **error)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);

    for (guint i = 0; operands[i]; i++) {
        if (!open_session(inputs, operands[i], operands[1] != NULL, missing,
                          error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&inputs);
}

/* Without anything that tells otherwise, the first file is the host's. */
static void guess_guests(GPtrArray *inputs)
{
    TimelineInput *host = inputs->pdata[0];

    for (guint i = 0; i < inputs->len; i++) {
        if (((TimelineInput *)inputs->pdata[i])->vcpu_threads) {
            return;
        }
    }
    for (guint i = 1; i < inputs->len; i++) {
        TimelineInput *guest = inputs->pdata[i];

        guest->vcpu_threads = vcpu_threads_infer(host, guest);
    }
}

static bool infer_one(TimelineInput *host, TimelineInput *guest, GError **error)
{
    InferredOffset inferred = infer_offset(host, guest);
    g_autofree char *text = infer_offset_text(&inferred, &host->scale);

    if (inferred.outcome != INFER_FOUND) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s: %s",
                    guest->label, text);
        return false;
    }
    fprintf(stderr, "%s: %s\n", guest->label, text);
    infer_offset_apply(&inferred, guest);
    return true;
}

static bool infer_offsets(GPtrArray *inputs, GError **error)
{
    unsigned n = 0;

    guess_guests(inputs);
    for (guint i = 0; i < inputs->len; i++) {
        for (guint g = 0; g < inputs->len; g++) {
            if (!timeline_input_is_host_of(inputs->pdata[i],
                                           inputs->pdata[g])) {
                continue;
            }
            if (!infer_one(inputs->pdata[i], inputs->pdata[g], error)) {
                return false;
            }
            n++;
        }
    }
    if (n == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "--infer-offset: there is no guest whose vCPUs are seen "
                    "in a host's kvm_entry events; name the host's file first");
    }
    return n > 0;
}

GPtrArray *input_options_open(InputOptions *options, char **operands,
                              GError **error)
{
    guint n_operands = operands ? g_strv_length(operands) : 0;
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *inputs;

    if ((n_operands > 0) == (options->files->len > 0)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "name either session directories or files with -i FILE");
        return NULL;
    }
    inputs = n_operands ? open_sessions(operands, missing, error)
                        : open_files(options, error);
    command_warn(missing);
    if (inputs && options->infer_offset && !infer_offsets(inputs, error)) {
        g_clear_pointer(&inputs, g_ptr_array_unref);
    }
    if (inputs) {
        timeline_inputs_share_symbols(inputs);
        input_options_warn(inputs);
    }
    return inputs;
}

void input_options_warn(GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        command_warn(input->dat->problems);
        g_ptr_array_set_size(input->dat->problems, 0);
    }
}
