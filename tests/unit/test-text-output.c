/*
 * TextOutput: lines in their order, from any number of threads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dat-builder.h"
#include "output/output.h"

#define N_EVENTS 30000

static TimelineInput *build(unsigned n_events, int64_t missed)
{
    static const DatOptions options = {.trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(2);

    for (unsigned i = 0; i < n_events; i++) {
        dat_builder_add(builder, i % 2, 1000 + i, BUILT_NUMBER, 7, (int64_t)i);
        if (missed && i == n_events / 2) {
            dat_builder_end_page(builder, i % 2, missed);
        }
    }
    return dat_builder_open(builder, "x.dat", &options);
}

static GPtrArray *one_input(unsigned n_events, int64_t missed)
{
    GPtrArray *inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);

    g_ptr_array_add(inputs, build(n_events, missed));
    return inputs;
}

static char *write_text(GPtrArray *inputs, const TextOptions *options)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    g_autoptr(GError) error = NULL;
    OutputJob job = {.inputs = inputs, .name = "memory", .text = *options};
    char *text = NULL;
    size_t size;

    job.stream = open_memstream(&text, &size);
    output_write(&text_output_ops, &job, timeline, &error);
    g_assert_no_error(error);
    fclose(job.stream);
    return text;
}

static void test_threads(void)
{
    g_autoptr(GPtrArray) inputs = one_input(N_EVENTS, 0);
    TextOptions options = {.n_threads = 1};
    char *one = write_text(inputs, &options);
    char *line = strstr(one, "number=");

    for (unsigned n_threads = 2; n_threads <= 8; n_threads += 3) {
        char *many;

        options.n_threads = n_threads;
        many = write_text(inputs, &options);
        g_assert_cmpstr(one, ==, many);
        free(many);
    }
    for (int i = 0; i < N_EVENTS; i++) {
        g_assert_nonnull(line);
        g_assert_cmpint(atoi(line + strlen("number=")), ==, i);
        line = strstr(line + 1, "number=");
    }
    g_assert_null(line);
    free(one);
}

static void test_loss(void)
{
    g_autoptr(GPtrArray) inputs = one_input(100, 42);
    const TextOptions options = {.n_threads = 3};
    char *text = write_text(inputs, &options);

    g_assert_nonnull(strstr(text, "\nCPU:0 [42 EVENTS DROPPED]\n"));
    free(text);
}

static void test_options(void)
{
    g_autoptr(GPtrArray) inputs = one_input(3, 0);
    const TextOptions options = {.ts_diff = true,
                                 .align_ts = true,
                                 .no_flags = true};
    char *text = write_text(inputs, &options);

    g_assert_cmpstr(text, ==,
                    "cpus=2\n"
                    "          worker-7     [000]           0:         "
                    " number:               number=0\n"
                    "          worker-7     [001]           1: (+1)    "
                    " number:               number=1\n"
                    "          worker-7     [000]           2: (+1)    "
                    " number:               number=2\n");
    free(text);
}

static unsigned n_warnings;

static void count_warning(const char *message)
{
    g_assert_nonnull(strstr(message, "went back"));
    n_warnings++;
}

/* One input's second half is shown before the first: times step back. */
static void test_check(void)
{
    g_autoptr(GPtrArray) inputs = one_input(10, 0);
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    OutputJob job = {
        .inputs = inputs,
        .name = "memory",
        .text = {.ts_check = true, .warn = count_warning, .n_threads = 1},
    };
    g_autoptr(GError) error = NULL;
    TimelineEvent event;
    gpointer state;
    char *text = NULL;
    size_t size;

    job.stream = open_memstream(&text, &size);
    state = text_output_ops.begin(&job, &error);
    for (int round = 0; round < 2; round++) {
        timeline_rewind(timeline);
        while (timeline_next(timeline, &event)) {
            g_assert_true(text_output_ops.event(state, &event, &error));
        }
    }
    g_assert_true(text_output_ops.end(state, &error));
    text_output_ops.free(state);
    fclose(job.stream);
    free(text);
    g_assert_cmpuint(n_warnings, ==, 1);
}

/* Whoever fills the batches is told, and nobody waits for ever. */
static void test_full(void)
{
    for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
        g_autoptr(GPtrArray) inputs = one_input(N_EVENTS, 0);
        g_autoptr(Timeline) timeline = timeline_new(inputs);
        g_autoptr(GError) error = NULL;
        OutputJob job = {
            .inputs = inputs,
            .name = "/dev/full",
            .text = {.n_threads = n_threads},
        };

        job.stream = fopen("/dev/full", "w");
        g_assert_false(output_write(&text_output_ops, &job, timeline, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, "cannot write /dev/full"));
        fclose(job.stream);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text-output/threads", test_threads);
    g_test_add_func("/text-output/loss", test_loss);
    g_test_add_func("/text-output/options", test_options);
    g_test_add_func("/text-output/check", test_check);
    g_test_add_func("/text-output/full", test_full);
    return g_test_run();
}
