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

#include "commands/input-options.h"
#include "merge/certificate.h"
#include "merge/timeline.h"

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
        printf("UNPROVED: no guest event could be checked: the host's "
               "recording has no kvm_entry and kvm_exit of these vCPUs\n");
        return 2;
    }
    printf("OK: every guest event that can be checked lies inside a window "
           "of its vCPU\n");
    return 0;
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

int cmd_check(int argc, char **argv)
{
    gint64 shift_ns = 0;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"shift-ns", 0, 0, G_OPTION_ARG_INT64, &shift_ns,
         "Check guest times moved by this much: how sharp is the proof?", "NS"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[DIR]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(Certificate) certificate = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_option_context_set_summary(
        context,
        "Checks that every guest event lies between a kvm_entry and the next "
        "kvm_exit\nof its own vCPU.  Exit status: 0 it does, 1 it doesn't or "
        "nothing can be read,\n2 nothing could be checked.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return command_fail("check", error);
    }
    inputs = input_options_open(input_options, operands, &error);
    if (!inputs) {
        return command_fail("check", error);
    }
    shift_guests(inputs, shift_ns);
    certificate = certificate_make(inputs);
    input_options_warn(inputs);
    status = judge(certificate, &((TimelineInput *)inputs->pdata[0])->scale);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        g_set_error(&error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "cannot write the result: %s", g_strerror(errno));
        return command_fail("check", error);
    }
    return status;
}
