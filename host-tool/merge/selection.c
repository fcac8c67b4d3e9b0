/*
 * Selection: which events of which machines are wanted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/selection.h"

#include <gio/gio.h>
#include <string.h>

#include "merge/timeline.h"
#include "trace-data/glob-match.h"

/* Some CPUs of some machines. */
typedef struct CpuRange {
    char *machine; /* a glob; NULL: any */
    unsigned first;
    unsigned last;
    char *word; /* as it was written */
    bool known; /* some input has one of them */
} CpuRange;

typedef struct SelectedFilter {
    FilterExpression *expression;
    EventFilterSense sense;
    int file;
} SelectedFilter;

struct Selection {
    GPtrArray *machines; /* of char *, globs */
    GArray *cpus;        /* of CpuRange */
    GArray *vcpus;       /* of CpuRange */
    GPtrArray *events;   /* of char *, patterns */
    GArray *pids;        /* of int32_t */
    GArray *filters;     /* of SelectedFilter */
};

/* The kernel's own limit (CONFIG_NR_CPUS) is 8192 on x86. */
#define MAX_CPU 65535

static void range_clear(gpointer data)
{
    CpuRange *range = data;

    g_free(range->machine);
    g_free(range->word);
}

static void filter_clear(gpointer data)
{
    filter_expression_free(((SelectedFilter *)data)->expression);
}

static GArray *ranges_new(void)
{
    GArray *ranges = g_array_new(FALSE, TRUE, sizeof(CpuRange));

    g_array_set_clear_func(ranges, range_clear);
    return ranges;
}

Selection *selection_new(void)
{
    Selection *selection = g_new0(Selection, 1);

    selection->machines = g_ptr_array_new_with_free_func(g_free);
    selection->cpus = ranges_new();
    selection->vcpus = ranges_new();
    selection->events = g_ptr_array_new_with_free_func(g_free);
    selection->pids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    selection->filters = g_array_new(FALSE, TRUE, sizeof(SelectedFilter));
    g_array_set_clear_func(selection->filters, filter_clear);
    return selection;
}

void selection_free(Selection *selection)
{
    if (selection) {
        g_ptr_array_unref(selection->machines);
        g_array_unref(selection->cpus);
        g_array_unref(selection->vcpus);
        g_ptr_array_unref(selection->events);
        g_array_unref(selection->pids);
        g_array_unref(selection->filters);
        g_free(selection);
    }
}

static bool throw_word(GError **error, const char *word, const char *why)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' %s", word,
                why);
    return false;
}

/* --- what was asked for --- */

static bool add_words(GPtrArray *words, const char *list, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);

    for (guint i = 0; parts[i]; i++) {
        if (*g_strstrip(parts[i]) == '\0') {
            return throw_word(error, list, "has an empty name in it");
        }
        g_ptr_array_add(words, g_strdup(parts[i]));
    }
    return parts[0] ? true : throw_word(error, list, "names nothing");
}

bool selection_add_machines(Selection *selection, const char *list,
                            GError **error)
{
    return add_words(selection->machines, list, error);
}

bool selection_add_events(Selection *selection, const char *list,
                          GError **error)
{
    return add_words(selection->events, list, error);
}

static bool parse_number(const char *word, guint64 max, guint64 *number)
{
    return g_ascii_string_to_unsigned(word, 10, 0, max, number, NULL);
}

/* N or N-M */
static bool parse_range(const char *word, CpuRange *range)
{
    g_auto(GStrv) ends = g_strsplit(word, "-", 2);
    guint64 first, last;

    if (!ends[0] || !parse_number(g_strstrip(ends[0]), MAX_CPU, &first)) {
        return false;
    }
    last = first;
    if (ends[1] && !parse_number(g_strstrip(ends[1]), MAX_CPU, &last)) {
        return false;
    }
    range->first = (unsigned)first;
    range->last = (unsigned)last;
    return first <= last;
}

/* A colon may also stand between numbers, as trace-cmd has it. */
static const char *machine_end(const char *list)
{
    const char *colon = strchr(list, ':');

    return colon && strspn(list, "0123456789-, ") < (size_t)(colon - list)
               ? colon
               : NULL;
}

static bool add_ranges(GArray *ranges, const char *list, GError **error)
{
    const char *colon = machine_end(list);
    g_autofree char *machine =
        colon ? g_strndup(list, (gsize)(colon - list)) : NULL;
    g_auto(GStrv) words =
        g_strsplit_set(colon ? colon + 1 : list, colon ? "," : ",:", -1);

    for (guint i = 0; words[i]; i++) {
        CpuRange range = {0};

        if (!parse_range(words[i], &range)) {
            return throw_word(error, words[i],
                              "is no CPU; write numbers and ranges from lower "
                              "to greater, as in 0,2-5 or MACHINE:0,2-5");
        }
        range.machine = g_strdup(machine);
        range.word = g_strdup(words[i]);
        g_array_append_val(ranges, range);
    }
    return words[0] ? true : throw_word(error, list, "names no CPU");
}

bool selection_add_cpus(Selection *selection, const char *list, GError **error)
{
    return add_ranges(selection->cpus, list, error);
}

bool selection_add_vcpus(Selection *selection, const char *list, GError **error)
{
    return add_ranges(selection->vcpus, list, error);
}

bool selection_add_pids(Selection *selection, const char *list, GError **error)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);

    for (guint i = 0; words[i]; i++) {
        guint64 number;
        int32_t pid;

        if (!parse_number(g_strstrip(words[i]), G_MAXINT32, &number)) {
            return throw_word(error, words[i], "is not the number of a task");
        }
        pid = (int32_t)number;
        g_array_append_val(selection->pids, pid);
    }
    return words[0] ? true : throw_word(error, list, "names no task");
}

bool selection_add_filter(Selection *selection, const char *text,
                          EventFilterSense sense, int file, GError **error)
{
    SelectedFilter filter = {.sense = sense, .file = file};

    filter.expression = filter_expression_parse(text, error);
    if (!filter.expression) {
        return false;
    }
    g_array_append_val(selection->filters, filter);
    return true;
}

/* --- what the inputs have --- */

bool selection_names_machine(const char *pattern, const TimelineInput *input)
{
    g_autofree char *file = NULL;

    if (!pattern || glob_match(pattern, input->label)) {
        return true;
    }
    file = g_path_get_basename(input->label);
    if (glob_match(pattern, file)) {
        return true;
    }
    if (g_str_has_suffix(file, ".dat")) {
        file[strlen(file) - strlen(".dat")] = '\0';
    }
    return glob_match(pattern, file);
}

static bool throw_machine(GError **error, const char *word, GPtrArray *inputs)
{
    g_autoptr(GString) there_are = g_string_new(NULL);

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        g_string_append_printf(there_are, "%s'%s'", i ? ", " : "",
                               input->label);
    }
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                "'%s' is none of the machines, which are %s", word,
                there_are->str);
    return false;
}

static bool any_is_named(const char *pattern, GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        if (selection_names_machine(pattern, inputs->pdata[i])) {
            return true;
        }
    }
    return false;
}

static void hide_unless_named(GPtrArray *patterns, TimelineInput *input)
{
    bool named = patterns->len == 0;

    for (guint i = 0; i < patterns->len; i++) {
        named |= selection_names_machine(patterns->pdata[i], input);
    }
    input->is_hidden = !named;
}

static bool apply_machines(Selection *selection, GPtrArray *inputs,
                           GError **error)
{
    for (guint i = 0; i < selection->machines->len; i++) {
        const char *pattern = selection->machines->pdata[i];

        if (!any_is_named(pattern, inputs)) {
            return throw_machine(error, pattern, inputs);
        }
    }
    for (guint i = 0; i < inputs->len; i++) {
        hide_unless_named(selection->machines, inputs->pdata[i]);
    }
    return true;
}

/* Every range must have a machine and a CPU that it is about. */
static bool check_ranges(const GArray *ranges, const char *what,
                         GPtrArray *inputs, GError **error)
{
    for (guint i = 0; i < ranges->len; i++) {
        const CpuRange *range = &g_array_index(ranges, CpuRange, i);

        if (!any_is_named(range->machine, inputs)) {
            return throw_machine(error, range->machine, inputs);
        }
        if (!range->known) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                        "no machine%s%s has a %s %s", range->machine ? " " : "",
                        range->machine ? range->machine : "", what,
                        range->word);
            return false;
        }
    }
    return true;
}

/* Keeps the CPUs of the input for which is_wanted says so. */
static void keep_cpus(TimelineInput *input, const bool *wanted)
{
    guint n_cpus = input->dat->cpus->len;
    bool any = false;

    if (!input->cpus_wanted) {
        bool all = true;

        input->cpus_wanted = g_array_new(FALSE, TRUE, sizeof(bool));
        for (guint cpu = 0; cpu < n_cpus; cpu++) {
            g_array_append_val(input->cpus_wanted, all);
        }
    }
    for (guint cpu = 0; cpu < n_cpus; cpu++) {
        bool *slot = &g_array_index(input->cpus_wanted, bool, cpu);

        *slot = *slot && wanted[cpu];
        any |= *slot;
    }
    input->is_hidden |= !any;
}

/* The CPUs of the input that the ranges name, by CPU; marks the ranges. */
static bool *find_cpus(GArray *ranges, const TimelineInput *input)
{
    guint n_cpus = input->dat->cpus->len;
    bool *wanted = g_new0(bool, MAX(n_cpus, 1));

    for (guint i = 0; i < ranges->len; i++) {
        CpuRange *range = &g_array_index(ranges, CpuRange, i);

        if (!selection_names_machine(range->machine, input)) {
            continue;
        }
        for (guint cpu = range->first; cpu <= range->last && cpu < n_cpus;
             cpu++) {
            wanted[cpu] = range->known = true;
        }
    }
    return wanted;
}

/* Does one of the ranges say anything of this machine? */
static bool is_concerned(const GArray *ranges, const TimelineInput *input)
{
    for (guint i = 0; i < ranges->len; i++) {
        if (selection_names_machine(g_array_index(ranges, CpuRange, i).machine,
                                    input)) {
            return true;
        }
    }
    return false;
}

static bool apply_cpus(Selection *selection, GPtrArray *inputs, GError **error)
{
    for (guint i = 0; i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        if (is_concerned(selection->cpus, input)) {
            g_autofree bool *wanted = find_cpus(selection->cpus, input);

            keep_cpus(input, wanted);
        }
    }
    return check_ranges(selection->cpus, "CPU", inputs, error);
}

static EventFilter *filter_of(TimelineInput *input)
{
    if (!input->filter) {
        input->filter = event_filter_new(input->events);
    }
    return input->filter;
}

/* The wanted vCPUs' threads: what their host shows of them. */
static void add_threads(GArray *vcpus, const TimelineInput *guest,
                        GArray *threads)
{
    g_autofree bool *wanted = find_cpus(vcpus, guest);

    for (guint cpu = 0; cpu < guest->dat->cpus->len; cpu++) {
        int32_t tid = cpu < guest->vcpu_threads->len
                          ? g_array_index(guest->vcpu_threads, int32_t, cpu)
                          : 0;

        if (wanted[cpu] && tid != 0) {
            g_array_append_val(threads, tid);
        }
    }
}

/*
 * A vCPU is both: the guest's events on that CPU, and what its host tells of
 * the thread that runs it.
 */
static void apply_vcpus_to(GArray *vcpus, GPtrArray *inputs,
                           TimelineInput *input)
{
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *guest = inputs->pdata[i];

        if (timeline_input_is_host_of(input, guest)) {
            add_threads(vcpus, guest, threads);
        }
    }
    if (threads->len > 0) {
        event_filter_require_pids(filter_of(input),
                                  (const int32_t *)threads->data, threads->len);
    } else if (input->vcpu_threads) {
        g_autofree bool *wanted = find_cpus(vcpus, input);

        keep_cpus(input, wanted);
    } else {
        input->is_hidden = true;
    }
}

static bool apply_vcpus(Selection *selection, GPtrArray *inputs, GError **error)
{
    if (selection->vcpus->len == 0) {
        return true;
    }
    for (guint i = 0; i < inputs->len; i++) {
        apply_vcpus_to(selection->vcpus, inputs, inputs->pdata[i]);
    }
    return check_ranges(selection->vcpus, "vCPU", inputs, error);
}

static bool apply_events(Selection *selection, GPtrArray *inputs,
                         GError **error)
{
    guint n = selection->events->len;
    g_autofree bool *matched = g_new0(bool, n + 1);

    if (n == 0) {
        return true;
    }
    g_ptr_array_add(selection->events, NULL);
    for (guint i = 0; i < inputs->len; i++) {
        event_filter_require_events(
            filter_of(inputs->pdata[i]),
            (const char *const *)selection->events->pdata, matched);
    }
    g_ptr_array_set_size(selection->events, (gint)n);
    for (guint i = 0; i < n; i++) {
        if (!matched[i]) {
            return throw_word(error, selection->events->pdata[i],
                              "names no event of these recordings");
        }
    }
    return true;
}

static void apply_filter(SelectedFilter *filter, GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        if ((filter->file == SELECTION_ALL_FILES ||
             (unsigned)filter->file == input->file) &&
            selection_names_machine(filter->expression->machine, input)) {
            event_filter_add(filter_of(input), filter->expression,
                             filter->sense);
        }
    }
}

static bool check_filter(const SelectedFilter *filter, GPtrArray *inputs,
                         GPtrArray *warnings, GError **error)
{
    const FilterExpression *expression = filter->expression;
    const char *unknown;
    bool alone;

    if (!any_is_named(expression->machine, inputs)) {
        return throw_machine(error, expression->machine, inputs);
    }
    for (guint i = 0; i < expression->events->len; i++) {
        const FilterEvents *events = expression->events->pdata[i];

        if (!events->known) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                        "filter '%s': '%s' names no event of these recordings",
                        expression->text, events->text);
            return false;
        }
    }
    unknown = filter_expression_unknown_field(expression, &alone);
    if (unknown && alone) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "filter '%s': none of its events has a field '%s'; an "
                    "event is written SYSTEM/EVENT",
                    expression->text, unknown);
        return false;
    }
    if (unknown) {
        g_ptr_array_add(
            warnings,
            g_strdup_printf("filter '%s': none of its events has a field "
                            "'%s', so that a comparison with it is false",
                            expression->text, unknown));
    }
    return true;
}

bool selection_apply(Selection *selection, GPtrArray *inputs,
                     GPtrArray *warnings, GError **error)
{
    if (!apply_machines(selection, inputs, error) ||
        !apply_cpus(selection, inputs, error) ||
        !apply_vcpus(selection, inputs, error) ||
        !apply_events(selection, inputs, error)) {
        return false;
    }
    for (guint i = 0; selection->pids->len > 0 && i < inputs->len; i++) {
        event_filter_require_pids(filter_of(inputs->pdata[i]),
                                  (const int32_t *)selection->pids->data,
                                  selection->pids->len);
    }
    for (guint i = 0; i < selection->filters->len; i++) {
        SelectedFilter *filter =
            &g_array_index(selection->filters, SelectedFilter, i);

        apply_filter(filter, inputs);
        if (!check_filter(filter, inputs, warnings, error)) {
            return false;
        }
    }
    return true;
}
