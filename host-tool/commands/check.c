/*
 * qemu-trace-merge check: does the proof of synchronisation hold?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <errno.h>
#include <gio/gio.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/command-line.h"
#include "commands/confined.h"
#include "commands/input-options.h"
#include "commands/limit-options.h"
#include "explain/make-analysis.h"
#include "explain/rule.h"
#include "merge/certificate.h"
#include "merge/timeline.h"
#include "output/target.h"
#include "output/verdict.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* Nanoseconds of a signed number of ticks; the ticks where no scale is. */
static int64_t span(const TimelineScale *scale, int64_t ticks)
{
    TimelineScale plain = *scale;
    uint64_t magnitude = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;
    int64_t ns;

    plain.ns_offset = 0;
    ns = (int64_t)timeline_scale_apply(&plain, magnitude);
    return ticks < 0 ? -ns : ns;
}

static int64_t ticks_of_ns(const TimelineScale *scale, int64_t ns)
{
    TimelineScale plain = *scale;
    uint64_t many_ns;

    plain.ns_offset = 0;
    many_ns = timeline_scale_apply(&plain, UINT64_C(1) << 32);
    return many_ns ? (int64_t)((__int128)ns * (INT64_C(1) << 32) / many_ns) : 0;
}

static const char *unit_name(const TimelineScale *scale)
{
    return scale->unit == TIMELINE_TICKS ? "ticks" : "ns";
}

static void print_host_cpus(const CertificateVcpu *vcpu)
{
    printf(" host-cpus=");
    for (guint i = 0; i < vcpu->host_cpus->len; i++) {
        printf("%s%u", i ? "," : "",
               g_array_index(vcpu->host_cpus, unsigned, i));
    }
}

static void print_counts(const CertificateVcpu *vcpu,
                         const TimelineScale *scale)
{
    printf("inside=%" PRIu64 " outside=%" PRIu64 " uncheckable=%" PRIu64
           " lost=%" PRIu64 " inexact=%" PRIu64 " windows=%" PRIu64,
           vcpu->inside, vcpu->outside, vcpu->uncheckable_ends,
           vcpu->uncheckable_lost, vcpu->inexact, vcpu->n_windows);
    if (vcpu->has_interval) {
        printf(" interval=[%+" PRId64 ",%+" PRId64 "]%s",
               span(scale, vcpu->low_ticks), span(scale, vcpu->high_ticks),
               unit_name(scale));
    }
}

static void print_vcpu(const CertificateVcpu *vcpu, const TimelineScale *scale)
{
    printf("%s CPU %u (thread %d): ", vcpu->machine, vcpu->cpu,
           vcpu->thread_id);
    print_counts(vcpu, scale);
    print_host_cpus(vcpu);
    if (vcpu->outside > 0) {
        uint64_t time = timeline_scale_apply(scale, vcpu->first_outside_ticks);

        if (scale->unit == TIMELINE_TICKS) {
            printf(" first-outside=%" PRIu64, time);
        } else {
            printf(" first-outside=%" PRIu64 ".%09" PRIu64,
                   time / NS_PER_SECOND, time % NS_PER_SECOND);
        }
    }
    printf("\n");
}

static int judge(const Certificate *certificate, const TimelineScale *scale)
{
    CertificateVcpu total = certificate_total(certificate);

    for (guint i = 0; i < certificate->vcpus->len; i++) {
        print_vcpu(certificate->vcpus->pdata[i], scale);
    }
    printf("total: ");
    print_counts(&total, scale);
    printf("\n");
    if (total.outside > 0) {
        printf("BROKEN: %" PRIu64 " guest events lie outside the windows of "
               "their vCPU\n",
               total.outside);
        return 1;
    }
    if (total.inside == 0) {
        printf("UNPROVED: no guest event could be checked: %s\n",
               total.n_windows > 0 && total.inexact > 0
                   ? "their times are estimates, with errors that the windows "
                     "can't judge"
                   : "the host's recording has no kvm_entry and kvm_exit of "
                     "these vCPUs");
        return 2;
    }
    printf("OK: every guest event that can be checked lies inside a window "
           "of its vCPU\n");
    return 0;
}

static int print_results(const GPtrArray *results)
{
    int status = 0;

    for (guint i = 0; i < results->len; i++) {
        const RuleResult *result = results->pdata[i];

        printf("%s: %s (%s)\n", result->passed ? "PASS" : "FAIL", result->rule,
               result->sentence);
        status |= !result->passed;
    }
    return status;
}

static int status_of(const Analysis *analysis, const GPtrArray *results)
{
    VerdictStatus certificate = verdict_certificate(analysis);

    for (guint i = 0; i < results->len; i++) {
        if (!((const RuleResult *)results->pdata[i])->passed) {
            return 1;
        }
    }
    return certificate == VERDICT_OK       ? 0
           : certificate == VERDICT_BROKEN ? 1
                                           : 2;
}

/* NULL when one can't be parsed. */
static GPtrArray *parse_rules(char **texts, GError **error)
{
    g_autoptr(GPtrArray) rules =
        g_ptr_array_new_with_free_func((GDestroyNotify)rule_free);

    for (char **text = texts; text && *text; text++) {
        Rule *rule = rule_parse(*text, error);

        if (!rule) {
            return NULL;
        }
        g_ptr_array_add(rules, rule);
    }
    return g_steal_pointer(&rules);
}

static void write_verdict(const char *format, FILE *stream,
                          const Analysis *analysis, const GPtrArray *results)
{
    if (strcmp(format, "json") == 0) {
        verdict_json(analysis, results, stream);
    } else {
        verdict_junit(analysis, results, stream);
    }
}

/* What was asked for. */
typedef struct CheckOptions {
    gint64 shift_ns;
    char **rules;
    GPtrArray *parsed_rules;
    InputOptions *input;
    char *format;
    char *output;
} CheckOptions;

static bool formats_ok(const CheckOptions *options, GError **error)
{
    bool is_text = strcmp(options->format, "text") == 0;

    if (!is_text && strcmp(options->format, "json") != 0 &&
        strcmp(options->format, "junit") != 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--format %s: use text, json or junit", options->format);
        return false;
    }
    if (is_text && options->output) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--output needs --format json or junit");
        return false;
    }
    return true;
}

/* With rules: the exit status. */
static int judge_by_rules(GPtrArray *inputs, const CheckOptions *options,
                          FILE *stream)
{
    const GPtrArray *rules = options->parsed_rules;
    g_autoptr(Analysis) analysis = analysis_make(inputs, NULL);
    g_autoptr(GPtrArray) results =
        g_ptr_array_new_with_free_func((GDestroyNotify)rule_result_free);

    input_options_warn(inputs);
    for (guint i = 0; i < rules->len; i++) {
        g_ptr_array_add(results, rule_judge(rules->pdata[i], analysis));
    }
    if (strcmp(options->format, "text") != 0) {
        write_verdict(options->format, stream, analysis, results);
        return status_of(analysis, results);
    }
    judge(analysis->certificate, &((TimelineInput *)inputs->pdata[0])->scale);
    print_results(results);
    return status_of(analysis, results);
}

static void shift_guests(GPtrArray *inputs, int64_t shift_ns)
{
    for (guint i = 0; i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];

        if (input->vcpu_threads && input->scale.unit != TIMELINE_TICKS) {
            input->shift_ticks += ticks_of_ns(&input->scale, shift_ns);
        }
    }
}

/* Without rules only the certificate counts, which is quicker. */
static int check(GPtrArray *inputs, const CheckOptions *options, FILE *stream)
{
    g_autoptr(Certificate) certificate = NULL;

    if (options->parsed_rules->len > 0 ||
        strcmp(options->format, "text") != 0) {
        return judge_by_rules(inputs, options, stream);
    }
    certificate = certificate_make(inputs);
    input_options_warn(inputs);
    return judge(certificate, &((TimelineInput *)inputs->pdata[0])->scale);
}

static bool run(const ConfinedOutput *output, gpointer data, int *status,
                GError **error)
{
    const CheckOptions *options = data;
    g_autoptr(GPtrArray) inputs = input_options_read(options->input, error);

    if (!inputs) {
        return false;
    }
    shift_guests(inputs, options->shift_ns);
    *status = check(inputs, options, output_target_stream(output->target));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "cannot write the result: %s", g_strerror(errno));
        return false;
    }
    return true;
}

static void check_options_clear(CheckOptions *options)
{
    g_strfreev(options->rules);
    g_clear_pointer(&options->parsed_rules, g_ptr_array_unref);
    g_free(options->format);
    g_free(options->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CheckOptions, check_options_clear)

int cmd_check(int argc, char **argv)
{
    g_auto(CheckOptions) options = {.format = g_strdup("text")};
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"rule", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.rules,
         "Fail unless this holds, as in 'wakeup.p99.99 <= 50us' (may be "
         "repeated)",
         "RULE"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &options.format,
         "Tell the result as text (the default), json or junit", "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output,
         "Write json or junit to this file", "FILE"},
        {"shift-ns", 0, 0, G_OPTION_ARG_INT64, &options.shift_ns,
         "Check guest times moved by this much: how sharp is the proof?", "NS"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[[NAME=]DIR...]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    const OpenedFiles *files;
    LimitOptions limits = limit_options_new(LIMIT_READS);
    ConfinedCommand command = {
        .name = "check",
        .files = &files,
        .n_files = 1,
        .run = run,
        .data = &options,
    };

    g_option_context_set_summary(
        context,
        "Checks that every guest event lies between a kvm_entry and the next "
        "kvm_exit\nof its own vCPU, and what --rule says.  Exit status: 0 all "
        "holds, 1 it doesn't\nor nothing can be read, 2 nothing could be "
        "checked.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    g_option_context_add_group(context, limit_options_group(&limits));
    if (!command_line_parse(context, &argc, argv, &error) ||
        !formats_ok(&options, &error)) {
        return command_fail("check", error);
    }
    if (limit_options_list(&limits)) {
        return 0;
    }
    options.parsed_rules = parse_rules(options.rules, &error);
    if (!options.parsed_rules ||
        !input_options_open(input_options, operands, &limits.limits, &error)) {
        return command_fail("check", error);
    }
    files = input_options_files(input_options);
    command.limits = limits.limits;
    options.input = input_options;
    command.output = options.output;
    return confined_command_run(&command);
}
