/*
 * Selection: machines, CPUs, vCPUs, events, tasks and filters of several
 * files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "merge/selection.h"

/*
 * A host of two CPUs with the threads 11 and 12, a guest of two CPUs that
 * they run, and another guest.  Every event's number tells what it is.
 */
typedef struct Fixture {
    GPtrArray *inputs;
    GPtrArray *warnings;
    Selection *selection;
} Fixture;

static TimelineInput *add_input(Fixture *fixture, DatBuilder *builder,
                                const char *name)
{
    static const DatOptions options = {.trace_id = 1};
    g_autofree char *file = g_path_get_basename(name);
    TimelineInput *input = dat_builder_open(builder, file, &options);

    g_free(input->label);
    input->label = g_strdup(name);
    input->file = fixture->inputs->len;
    g_ptr_array_add(fixture->inputs, input);
    return input;
}

static void add_guest(Fixture *fixture, const char *name, uint64_t ticks,
                      int32_t tid)
{
    g_autoptr(DatBuilder) guest = dat_builder_new(2);
    TimelineInput *input;

    for (int i = 0; i < 2; i++) {
        dat_builder_add(guest, (unsigned)i, ticks + 10 * (uint64_t)i,
                        BUILT_NUMBER, 100 + i, (int64_t)ticks + 10 * i);
    }
    input = add_input(fixture, guest, name);
    input->host = fixture->inputs->pdata[0];
    input->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (int i = 0; i < 2; i++, tid++) {
        g_array_append_val(input->vcpu_threads, tid);
    }
}

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) host = dat_builder_new(2);

    fixture->inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    fixture->warnings = g_ptr_array_new_with_free_func(g_free);
    fixture->selection = selection_new();
    dat_builder_add(host, 0, 1, BUILT_KVM_ENTRY, 11, 0);
    dat_builder_add(host, 1, 2, BUILT_KVM_ENTRY, 12, 1);
    dat_builder_add(host, 0, 3, BUILT_KVM_EXIT, 11, 0);
    dat_builder_add(host, 1, 4, BUILT_NUMBER, 50, 4);
    add_input(fixture, host, "host");
    add_guest(fixture, "dir/vm1.dat", 5, 11);
    add_guest(fixture, "vm2", 6, 21);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_ptr_array_unref(fixture->inputs);
    g_ptr_array_unref(fixture->warnings);
    selection_free(fixture->selection);
}

static void apply(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    selection_apply(fixture->selection, fixture->inputs, fixture->warnings,
                    &error);
    g_assert_no_error(error);
}

/* The ticks of the events that are left, in words. */
static void expect(Fixture *fixture, const char *expected)
{
    g_autoptr(Timeline) timeline = timeline_new(fixture->inputs);
    g_autoptr(GString) times = g_string_new(NULL);
    TimelineEvent event;

    while (timeline_next(timeline, &event)) {
        g_string_append_printf(times, "%s%" G_GUINT64_FORMAT,
                               times->len ? " " : "", event.event.line_ticks);
    }
    g_assert_cmpstr(times->str, ==, expected);
}

static void expect_error(Fixture *fixture, const char *word)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(selection_apply(fixture->selection, fixture->inputs,
                                   fixture->warnings, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, word));
}

static void test_all(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    apply(fixture);
    expect(fixture, "1 2 3 4 5 6 15 16");
}

static void test_machines(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_machines(fixture->selection, "vm1,h*", NULL));
    apply(fixture);
    expect(fixture, "1 2 3 4 5 15");
}

static void test_cpus(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_cpus(fixture->selection, "1", NULL));
    apply(fixture);
    expect(fixture, "2 4 15 16");
}

static void test_cpus_of_machine(Fixture *fixture,
                                 gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_cpus(fixture->selection, "vm2:1-5", NULL));
    g_assert_true(selection_add_cpus(fixture->selection, "host:0,1", NULL));
    apply(fixture);
    expect(fixture, "1 2 3 4 5 15 16");
}

static void test_vcpus(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_vcpus(fixture->selection, "vm1:0", NULL));
    apply(fixture);
    expect(fixture, "1 3 5");
}

static void test_vcpus_and_pids(Fixture *fixture,
                                gconstpointer data G_GNUC_UNUSED)
{
    /* Both must hold. */
    g_assert_true(selection_add_vcpus(fixture->selection, "0:1", NULL));
    g_assert_true(selection_add_pids(fixture->selection, "12,100", NULL));
    apply(fixture);
    expect(fixture, "2 5 6");
}

static void test_events(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_events(fixture->selection, "kvm:*it", NULL));
    g_assert_true(selection_add_events(fixture->selection, "number", NULL));
    apply(fixture);
    expect(fixture, "3 4 5 6 15 16");
}

static bool filter(Fixture *fixture, const char *text, EventFilterSense sense,
                   int file)
{
    return selection_add_filter(fixture->selection, text, sense, file, NULL);
}

static void test_filters(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    /* Of one file, of all, and of a machine. */
    g_assert_true(filter(fixture, "kvm_entry", EVENT_FILTER_SHOW, 0));
    g_assert_true(filter(fixture, "vm2/test/number:number==6",
                         EVENT_FILTER_HIDE, SELECTION_ALL_FILES));
    apply(fixture);
    expect(fixture, "1 2 5 15 16");
}

static void test_warning(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(filter(fixture, "kvm:bogus==1||vcpu_id==1", EVENT_FILTER_SHOW,
                         SELECTION_ALL_FILES));
    apply(fixture);
    expect(fixture, "2");
    g_assert_cmpuint(fixture->warnings->len, ==, 1);
    g_assert_nonnull(strstr(fixture->warnings->pdata[0], "'bogus'"));
}

static void test_unknown(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_machines(fixture->selection, "vm7", NULL));
    expect_error(fixture, "'vm7'");
}

static void test_unknown_cpu(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(selection_add_cpus(fixture->selection, "0,7-9", NULL));
    expect_error(fixture, "CPU 7-9");
}

static void test_unknown_event(Fixture *fixture,
                               gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(
        filter(fixture, "kvm,swich", EVENT_FILTER_SHOW, SELECTION_ALL_FILES));
    expect_error(fixture, "'swich'");
}

static void test_not_an_event(Fixture *fixture,
                              gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(filter(fixture, "kvm:kvm_exit", EVENT_FILTER_SHOW,
                         SELECTION_ALL_FILES));
    expect_error(fixture, "SYSTEM/EVENT");
}

static void test_words(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    Selection *selection = fixture->selection;
    static const char *const bad_cpus[] = {"",    "x",     "1,",   "3-1",
                                           "-1",  "1-",    "vm:",  ":1",
                                           "0x1", "1-2-3", "vm:x", "70000"};

    for (size_t i = 0; i < G_N_ELEMENTS(bad_cpus); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(selection_add_cpus(selection, bad_cpus[i], &error));
        g_assert_nonnull(error);
    }
    g_assert_false(selection_add_pids(selection, "1,bash", NULL));
    g_assert_false(selection_add_pids(selection, "", NULL));
    g_assert_false(selection_add_events(selection, "a,,b", NULL));
    g_assert_false(selection_add_machines(selection, "", NULL));
}

/* The last events that are wanted, however rare they are. */
static void test_tail(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    for (uint64_t i = 0; i < 30000; i++) {
        dat_builder_add(builder, i % 2, 100 + i,
                        i % 1000 == 0 ? BUILT_KVM_EXIT : BUILT_NUMBER, 1, 0);
    }
    add_input(fixture, builder, "long");
    g_assert_true(selection_add_events(fixture->selection, "kvm_exit", NULL));
    apply(fixture);
    timeline = timeline_new(fixture->inputs);
    timeline_seek_last(timeline, 3);
    for (uint64_t i = 27; i < 30; i++) {
        g_assert_true(timeline_next(timeline, &event));
        g_assert_cmpuint(event.time, ==, 100 + 1000 * i);
    }
    g_assert_false(timeline_next(timeline, &event));
}

static void test_loss(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(1);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    /* Lost before events that nobody wants: told before the next. */
    for (int i = 0; i < 3; i++) {
        dat_builder_add(builder, 0, 100 + (uint64_t)i,
                        i == 2 ? BUILT_KVM_EXIT : BUILT_NUMBER, 1, 0);
        dat_builder_end_page(builder, 0, 5 + i);
    }
    add_input(fixture, builder, "lossy");
    g_assert_true(selection_add_machines(fixture->selection, "lossy", NULL));
    g_assert_true(selection_add_events(fixture->selection, "kvm_exit", NULL));
    apply(fixture);
    timeline = timeline_new(fixture->inputs);
    g_assert_true(timeline_next(timeline, &event));
    g_assert_cmpint(event.event.missed_events, ==, 11);
}

#define ADD(path, func) \
    g_test_add("/selection/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("all", test_all);
    ADD("machines", test_machines);
    ADD("cpus", test_cpus);
    ADD("cpus-of-machine", test_cpus_of_machine);
    ADD("vcpus", test_vcpus);
    ADD("vcpus-and-pids", test_vcpus_and_pids);
    ADD("events", test_events);
    ADD("filters", test_filters);
    ADD("warning", test_warning);
    ADD("unknown-machine", test_unknown);
    ADD("unknown-cpu", test_unknown_cpu);
    ADD("unknown-event", test_unknown_event);
    ADD("not-an-event", test_not_an_event);
    ADD("words", test_words);
    ADD("tail", test_tail);
    ADD("loss", test_loss);
    return g_test_run();
}
