/*
 * Options: the command line of qga-trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "options.h"

static Options *parse(const char *line, GError **error)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    return options_parse(argv, error);
}

static void test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Options) options = parse("qga-trace start", &error);

    g_assert_no_error(error);
    g_assert_cmpint(options->command, ==, COMMAND_START);
    g_assert_cmpstr(options->port, ==, "org.qemu.trace.0");
    g_assert_cmpstr(options->recorder.instance, ==, "qga-trace");
    g_assert_null(options->recorder.events);
    g_assert_null(options->recorder.tracer);
    g_assert_cmpuint(options->recorder.buffer_kib, ==, 4096);
    g_assert_cmpuint(options->recorder.drain_timeout_s, ==, 5);
}

static void test_record(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Options) options =
        parse("qga-trace record -e sched --event irq:* -f sched/x:a==1 "
              "-p function -l kvm_* -l vfs_* -b 100 --drain-timeout=2 -v "
              "--output FILE -- ls -e x --help",
              &error);

    g_assert_no_error(error);
    g_assert_cmpint(options->command, ==, COMMAND_RECORD);
    g_assert_cmpstr(options->recorder.events[1], ==, "irq:*");
    g_assert_null(options->recorder.events[2]);
    g_assert_cmpstr(options->recorder.filters[0], ==, "sched/x:a==1");
    g_assert_cmpstr(options->recorder.tracer, ==, "function");
    g_assert_cmpstr(options->recorder.functions[1], ==, "vfs_*");
    g_assert_cmpuint(options->recorder.buffer_kib, ==, 100);
    g_assert_cmpuint(options->recorder.drain_timeout_s, ==, 2);
    g_assert_true(options->is_verbose);
    g_assert_cmpstr(options->output, ==, "FILE");
    g_assert_cmpuint(g_strv_length(options->run), ==, 4);
    g_assert_cmpstr(options->run[0], ==, "ls");
    g_assert_cmpstr(options->run[3], ==, "--help");
}

static void test_snapshot(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Options) options =
        parse("qga-trace record --snapshot --stop-marker hit -d 9 "
              "--host-event kvm --host-event sched",
              &error);

    g_assert_no_error(error);
    g_assert_true(options->recorder.is_held);
    g_assert_cmpuint(options->recorder.drain_timeout_s, ==, 60);
    g_assert_cmpstr(options->stop_marker, ==, "hit");
    g_assert_cmpuint(options->duration_s, ==, 9);
    g_assert_cmpstr(options->host_events[1], ==, "sched");
    g_assert_false(options->is_unasked);
}

static void test_record_without_dashes(void)
{
    g_autoptr(Options) options = parse("qga-trace record -v ls -l", NULL);

    g_assert_cmpuint(g_strv_length(options->run), ==, 2);
    g_assert_cmpstr(options->run[1], ==, "-l");
}

static void test_stop(void)
{
    g_autoptr(Options) options = parse("qga-trace stop --timeout 3", NULL);

    g_assert_cmpint(options->command, ==, COMMAND_STOP);
    g_assert_cmpuint(options->stop_timeout_s, ==, 3);
}

static void test_help(void)
{
    g_autoptr(Options) all = parse("qga-trace --help", NULL);
    g_autoptr(Options) one = parse("qga-trace start -e x --help", NULL);

    g_assert_cmpint(all->command, ==, COMMAND_HELP);
    g_assert_nonnull(strstr(all->help_text, "record"));
    g_assert_cmpint(one->command, ==, COMMAND_HELP);
    g_assert_nonnull(strstr(one->help_text, "qga-trace start"));
    g_assert_nonnull(strstr(one->help_text, "--drain-timeout"));
}

static void test_bad(void)
{
    const char *const lines[] = {
        "qga-trace",
        "qga-trace bogus",
        "qga-trace start --bogus",
        "qga-trace start x",
        "qga-trace status -e sched",
        "qga-trace stop --timeout -1",
        "qga-trace start -b 0",
        "qga-trace start -b x",
        "qga-trace start --port a --output b",
        "qga-trace start --drain-timeout 1000000",
        "qga-trace start --stop-marker x",
        "qga-trace start --no-ask",
        "qga-trace record --duration 5 --output x",
        "qga-trace record --host-event kvm --no-ask",
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Options) options = parse(lines[i], &error);

        g_assert_null(options);
        g_assert_nonnull(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/defaults", test_defaults);
    g_test_add_func("/options/snapshot", test_snapshot);
    g_test_add_func("/options/record", test_record);
    g_test_add_func("/options/record-without-dashes",
                    test_record_without_dashes);
    g_test_add_func("/options/stop", test_stop);
    g_test_add_func("/options/help", test_help);
    g_test_add_func("/options/bad", test_bad);
    return g_test_run();
}
