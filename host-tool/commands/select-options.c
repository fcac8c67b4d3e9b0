/*
 * SelectOptions: how a command is told which events are wanted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/select-options.h"

#include "commands/commands.h"
#include "merge/selection.h"
#include "merge/time-range.h"

struct SelectOptions {
    const InputOptions *input_options;
    Selection *selection;
    EventFilterSense sense; /* of the filters that follow */
    TimeRange range;
};

SelectOptions *select_options_new(const InputOptions *input_options)
{
    SelectOptions *options = g_new0(SelectOptions, 1);

    options->input_options = input_options;
    options->selection = selection_new();
    return options;
}

void select_options_free(SelectOptions *options)
{
    if (options) {
        selection_free(options->selection);
        g_free(options);
    }
}

static gboolean on_filter(G_GNUC_UNUSED const char *name, const char *value,
                          gpointer data, GError **error)
{
    SelectOptions *options = data;
    int last_file = (int)input_options_n_files(options->input_options) - 1;

    /* Before the first -i it is for all files. */
    return selection_add_filter(options->selection, value, options->sense,
                                last_file < 0 ? SELECTION_ALL_FILES : last_file,
                                error);
}

static gboolean on_hide(G_GNUC_UNUSED const char *name,
                        G_GNUC_UNUSED const char *value, gpointer data,
                        G_GNUC_UNUSED GError **error)
{
    ((SelectOptions *)data)->sense = EVENT_FILTER_HIDE;
    return TRUE;
}

/* A list: the option's name in front of what is wrong with it. */
static gboolean add_list(bool (*add)(Selection *, const char *, GError **),
                         const char *name, const char *value, gpointer data,
                         GError **error)
{
    if (add(((SelectOptions *)data)->selection, value, error)) {
        return TRUE;
    }
    g_prefix_error(error, "%s %s: ", name, value);
    return FALSE;
}

static gboolean on_machine(const char *name, const char *value, gpointer data,
                           GError **error)
{
    return add_list(selection_add_machines, name, value, data, error);
}

static gboolean on_cpu(const char *name, const char *value, gpointer data,
                       GError **error)
{
    return add_list(selection_add_cpus, name, value, data, error);
}

static gboolean on_vcpu(const char *name, const char *value, gpointer data,
                        GError **error)
{
    return add_list(selection_add_vcpus, name, value, data, error);
}

static gboolean on_event(const char *name, const char *value, gpointer data,
                         GError **error)
{
    return add_list(selection_add_events, name, value, data, error);
}

static gboolean on_pid(const char *name, const char *value, gpointer data,
                       GError **error)
{
    return add_list(selection_add_pids, name, value, data, error);
}

static gboolean add_point(TimePoint *point, const char *name, const char *value,
                          GError **error)
{
    if (time_point_parse(value, point, error)) {
        return TRUE;
    }
    g_prefix_error(error, "%s: ", name);
    return FALSE;
}

static gboolean on_from(const char *name, const char *value, gpointer data,
                        GError **error)
{
    return add_point(&((SelectOptions *)data)->range.from, name, value, error);
}

static gboolean on_to(const char *name, const char *value, gpointer data,
                      GError **error)
{
    return add_point(&((SelectOptions *)data)->range.to, name, value, error);
}

static gboolean on_around(const char *name, const char *value, gpointer data,
                          GError **error)
{
    if (time_range_parse_around(&((SelectOptions *)data)->range, value,
                                error)) {
        return TRUE;
    }
    g_prefix_error(error, "%s: ", name);
    return FALSE;
}

static gboolean add_count(uint64_t *count, bool *given, const char *name,
                          const char *value, GError **error)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &number, NULL)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s %s: not a number of events", name, value);
        return FALSE;
    }
    *count = number;
    *given = true;
    return TRUE;
}

static gboolean on_head(const char *name, const char *value, gpointer data,
                        GError **error)
{
    TimeRange *range = &((SelectOptions *)data)->range;

    return add_count(&range->head, &range->has_head, name, value, error);
}

static gboolean on_tail(const char *name, const char *value, gpointer data,
                        GError **error)
{
    TimeRange *range = &((SelectOptions *)data)->range;

    return add_count(&range->tail, &range->has_tail, name, value, error);
}

GOptionGroup *select_options_group(SelectOptions *options)
{
    static const GOptionEntry entries[] = {
        {"filter", 'F', 0, G_OPTION_ARG_CALLBACK, on_filter,
         "Only events of this filter, of the file named before if there is "
         "one (may be repeated)",
         "FILTER"},
        {"invert", 'v', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, on_hide,
         "The filters that follow tell what not to show", NULL},
        {"machine", 0, 0, G_OPTION_ARG_CALLBACK, on_machine,
         "Only these machines", "NAME,..."},
        {"cpu", 0, 0, G_OPTION_ARG_CALLBACK, on_cpu,
         "Only these CPUs, as in 0,2-5", "[MACHINE:]LIST"},
        {"vcpu", 0, 0, G_OPTION_ARG_CALLBACK, on_vcpu,
         "Only these guest CPUs, and what the host tells of their threads",
         "[MACHINE:]LIST"},
        {"event", 0, 0, G_OPTION_ARG_CALLBACK, on_event,
         "Only these events, as in kvm,sched:sched_*", "EVENT,..."},
        {"pid", 0, 0, G_OPTION_ARG_CALLBACK, on_pid, "Only these tasks",
         "PID,..."},
        {"from", 0, 0, G_OPTION_ARG_CALLBACK, on_from,
         "From this time on, as in 58.973710, +1.5s, -200us or 17692t", "TIME"},
        {"to", 0, 0, G_OPTION_ARG_CALLBACK, on_to,
         "Up to this time; + counts from --from", "TIME"},
        {"around", 0, 0, G_OPTION_ARG_CALLBACK, on_around,
         "From SPAN (default: 1ms) before this time to SPAN after it",
         "TIME[:SPAN]"},
        {"head", 0, 0, G_OPTION_ARG_CALLBACK, on_head,
         "Only the first N events of what is left", "N"},
        {"tail", 0, 0, G_OPTION_ARG_CALLBACK, on_tail,
         "Only the last N events of what is left", "N"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionGroup *group =
        g_option_group_new("select", "Selection:", "Show selection options",
                           options, NULL);

    g_option_group_add_entries(group, entries);
    return group;
}

gboolean select_options_apply(SelectOptions *options, GPtrArray *inputs,
                              GError **error)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    gboolean done =
        selection_apply(options->selection, inputs, warnings, error);

    command_warn(warnings);
    return done;
}

gboolean select_options_seek(const SelectOptions *options, GPtrArray *inputs,
                             Timeline *timeline, GError **error)
{
    return time_range_apply(&options->range, inputs, timeline, error);
}

void select_options_warn_empty(const SelectOptions *options, GPtrArray *inputs,
                               Timeline *timeline)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    char *text = time_range_empty_text(&options->range, inputs, timeline);

    if (text) {
        g_ptr_array_add(warnings, text);
    }
    command_warn(warnings);
}
