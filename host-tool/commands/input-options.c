/*
 * InputOptions: how a command is told what to read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/input-options.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>

#include "commands/commands.h"
#include "merge/infer-offset.h"
#include "merge/timeline.h"
#include "merge/vcpu-threads.h"
#include "session/source-set.h"

struct InputOptions {
    SourceSet *sources;
    bool infer_offset;
};

InputOptions *input_options_new(void)
{
    InputOptions *options = g_new0(InputOptions, 1);

    options->sources = source_set_new();
    return options;
}

void input_options_free(InputOptions *options)
{
    if (options) {
        source_set_free(options->sources);
        g_free(options);
    }
}

guint input_options_n_files(const InputOptions *options)
{
    return options->sources->files->len;
}

static SourceFile *last_file(InputOptions *options)
{
    return source_set_last_file(options->sources);
}

static gboolean on_input(G_GNUC_UNUSED const char *name, const char *value,
                         gpointer data, G_GNUC_UNUSED GError **error)
{
    source_set_add_file(((InputOptions *)data)->sources, value);
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
    SourceFile *file = last_file(data);

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
    SourceFile *file = last_file(data);

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
    SourceFile *file = last_file(data);

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
    if (options->sources->files->len > 1) {
        last_file(options)->hz = hz;
    } else {
        options->sources->all_hz = hz;
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

gboolean input_options_open(InputOptions *options, char **operands,
                            const Limits *limits, GError **error)
{
    guint n_operands = operands ? g_strv_length(operands) : 0;

    if ((n_operands > 0) == (input_options_n_files(options) > 0)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "name either session directories or files with -i FILE");
        return FALSE;
    }
    for (guint i = 0; i < n_operands; i++) {
        source_set_add_session(options->sources, operands[i]);
    }
    return source_set_open_files(options->sources, limits, error);
}

const OpenedFiles *input_options_files(const InputOptions *options)
{
    return options->sources->opened;
}

GPtrArray *input_options_read(InputOptions *options, GError **error)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *inputs;

    inputs = source_set_open(options->sources, missing, error);
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
