/*
 * Analysis: each known cause of a latency is named, and all of it is
 * accounted for.
 *
 * Ticks are nanoseconds here, and the guest's clock is the host's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "dat-builder.h"
#include "explain/make-analysis.h"
#include "explain/cause.h"
#include "explain/exit-reason.h"
#include "merge/timeline.h"

#define VCPU     7  /* the vCPU's thread */
#define HOG      50 /* another thread of the host */
#define TASK     20 /* of the guest */
#define OTHER    21 /* of the guest */
#define INNER    70 /* the guest's thread that is a vCPU of its own guest */
#define TIMER    236
#define RCU      9
#define HLT      0x78
#define MSR      0x7c
#define IO       0x7b
#define ISA_SVM  2
#define RUNNABLE 0
#define SLEEPS   1
#define STOPPED  4

typedef struct Scene {
    DatBuilder *host;
    DatBuilder *guest;
    DatBuilder *inner; /* the guest's guest */
    GPtrArray *inputs;
} Scene;

static void set_up(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    scene->host = dat_builder_new(2);
    scene->guest = dat_builder_new(1);
    scene->inner = dat_builder_new(1);
    dat_builder_use_words(scene->host);
    dat_builder_use_words(scene->guest);
    dat_builder_use_words(scene->inner);
    scene->inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
}

static void tear_down(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    dat_builder_free(scene->host);
    dat_builder_free(scene->guest);
    dat_builder_free(scene->inner);
    g_ptr_array_unref(scene->inputs);
}

static void host(Scene *scene, uint64_t ticks, BuiltEvent event, int32_t pid,
                 int64_t first, int64_t second, int64_t third)
{
    const int64_t words[] = {first, second, third};

    dat_builder_add_words(scene->host, 0, ticks, event, pid, words, 3);
}

static void guest(Scene *scene, uint64_t ticks, BuiltEvent event, int32_t pid,
                  int64_t first, int64_t second, int64_t third)
{
    const int64_t words[] = {first, second, third};

    dat_builder_add_words(scene->guest, 0, ticks, event, pid, words, 3);
}

static void entry(Scene *scene, uint64_t ticks)
{
    host(scene, ticks, BUILT_KVM_ENTRY, VCPU, 0, 0, 0);
}

static void leave(Scene *scene, uint64_t ticks, int64_t reason)
{
    host(scene, ticks, BUILT_EXIT, VCPU, 0, reason, ISA_SVM);
}

static void host_switch(Scene *scene, uint64_t ticks, int32_t prev,
                        int64_t state, int32_t next)
{
    host(scene, ticks, BUILT_SWITCH, prev, prev, state, next);
}

/* The guest runs TASK and asks its timer for this instant, at 1100. */
static void begin(Scene *scene, uint64_t deadline)
{
    host_switch(scene, 900, HOG, SLEEPS, VCPU);
    entry(scene, 1000);
    guest(scene, 1050, BUILT_SWITCH, 0, 0, RUNNABLE, TASK);
    guest(scene, 1100, BUILT_WRITE_MSR, TASK, 0x6e0, (int64_t)deadline, 0);
}

/* The timer's interrupt is injected, and handled from ticks on. */
static void end(Scene *scene, uint64_t ticks)
{
    host(scene, ticks - 150, BUILT_INJECT, VCPU, TIMER, 0, 0);
    entry(scene, ticks - 100);
    guest(scene, ticks, BUILT_TIMER_ENTRY, TASK, TIMER, 0, 0);
    guest(scene, ticks + 10, BUILT_TIMER_EXIT, TASK, TIMER, 0, 0);
    /* So that all before lies inside the guest's recording. */
    guest(scene, ticks + 500, BUILT_TIMER_EXIT, TASK, TIMER, 0, 0);
    leave(scene, ticks + 600, MSR);
}

static Analysis *analyse(Scene *scene, const AnalysisOptions *options)
{
    static const DatOptions dat_options = {.tsc_mult = 1 << 20,
                                           .tsc_shift = 20,
                                           .trace_id = 1};
    int32_t tid = VCPU;
    TimelineInput *input = dat_builder_open(scene->host, "host", &dat_options);

    g_ptr_array_add(scene->inputs, input);
    input = dat_builder_open(scene->guest, "vm1", &dat_options);
    g_ptr_array_add(scene->inputs, input);
    input->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_array_append_val(input->vcpu_threads, tid);
    return analysis_make(scene->inputs, options);
}

/* A guest of host, which is NULL where there is none. */
static TimelineInput *add_input(Scene *scene, DatBuilder *builder,
                                const char *label, const TimelineInput *host,
                                int32_t tid)
{
    static const DatOptions dat_options = {.tsc_mult = 1 << 20,
                                           .tsc_shift = 20};
    TimelineInput *input = dat_builder_open(builder, label, &dat_options);

    input->file = scene->inputs->len;
    input->host = host;
    g_ptr_array_add(scene->inputs, input);
    if (host) {
        input->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_array_append_val(input->vcpu_threads, tid);
    }
    return input;
}

/* The guest is recorded once, or once in each of its roles. */
static Analysis *analyse_nested(Scene *scene, bool twice,
                                const AnalysisOptions *options)
{
    TimelineInput *outer = add_input(scene, scene->host, "host", NULL, 0);
    TimelineInput *middle;

    if (twice) {
        add_input(scene, scene->guest, "vm1", outer, VCPU);
    }
    middle = add_input(scene, scene->guest, "vm1-host", outer, VCPU);
    add_input(scene, scene->inner, "inner", middle, INNER);
    return analysis_make(scene->inputs, options);
}

static const Finding *find(const Analysis *analysis, IntervalKind kind)
{
    for (guint i = 0; i < analysis->findings->len; i++) {
        const Finding *finding = analysis->findings->pdata[i];

        if (finding->kind == kind) {
            return finding;
        }
    }
    g_error("there is no finding of kind %s", interval_kind_id(kind));
}

/* The part'th largest cause is of this kind and takes so long. */
static void expect_part(const Finding *finding, guint part, CauseKind kind,
                        uint64_t ticks)
{
    const BreakdownPart *parts =
        (const BreakdownPart *)finding->breakdown->parts->data;

    g_assert_cmpuint(finding->breakdown->parts->len, >, part);
    g_assert_cmpstr(cause_kind_id(cause_kind(parts[part].cause)), ==,
                    cause_kind_id(kind));
    g_assert_cmpuint(parts[part].ticks, ==, ticks);
    g_assert_cmpuint(parts[part].ns, ==, ticks);
}

static void expect_length(const Finding *finding, uint64_t ticks)
{
    g_assert_cmpuint(finding_length_ticks(finding), ==, ticks);
    g_assert_cmpuint(finding->breakdown->total_ticks, ==, ticks);
    g_assert_cmpuint(finding->breakdown->total_ns, ==, ticks);
}

/* A clock of which nothing is known tells nothing, and moves nothing else. */
static void test_unknown_clock(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    const ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = {.offset_ticks = (uint64_t)-1000000000, .ratio = 1},
        .error_ticks = CLOCK_ERROR_UNKNOWN,
    };
    TimelineInput *outer, *input;
    Analysis *analysis;

    begin(scene, 2000);
    end(scene, 5000);
    outer = add_input(scene, scene->host, "host", NULL, 0);
    input = add_input(scene, scene->guest, "vm1", outer, VCPU);
    timeline_input_set_track(input, 0, &segment, 1);
    analysis = analysis_make(scene->inputs, NULL);
    g_assert_cmpuint(analysis->n_unplaced, ==, 5);
    g_assert_cmpuint(analysis->last_ticks, <, 10000);
    g_assert_cmpuint(analysis->joint_ticks, <, 10000);
    for (guint i = 0; i < analysis->findings->len; i++) {
        g_assert_cmpint(((Finding *)analysis->findings->pdata[i])->kind, ==,
                        INTERVAL_EXIT);
    }
    analysis_free(analysis);
}

static void test_preempted(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;
    Cause cause;

    begin(scene, 2000);
    host_switch(scene, 1500, VCPU, RUNNABLE, HOG);
    host_switch(scene, 9000, HOG, SLEEPS, VCPU);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 7200);
    expect_part(finding, 0, CAUSE_PREEMPTED, 7000);
    expect_part(finding, 1, CAUSE_GUEST_ENTRY, 100);
    expect_part(finding, 2, CAUSE_EXIT, 100);
    cause = g_array_index(finding->breakdown->parts, BreakdownPart, 0).cause;
    g_assert_cmpint(names_get(analysis->names, cause_name(cause))->pid, ==,
                    HOG);
    g_assert_cmpuint(cause_cpu(cause), ==, 0);
    g_assert_cmpuint(((VcpuStats *)analysis->vcpus->pdata[0])->steals.max_ticks,
                     ==, 7500);
}

static void test_stopped(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 2000);
    leave(scene, 1500, MSR);
    host(scene, 1600, BUILT_USER_EXIT, VCPU, 10, -4, 0);
    host_switch(scene, 1700, VCPU, STOPPED, HOG);
    host(scene, 8000, BUILT_WAKING, HOG, VCPU, 0, 0);
    host_switch(scene, 8500, HOG, SLEEPS, VCPU);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 7200);
    expect_part(finding, 0, CAUSE_STOPPED, 6000);
    expect_part(finding, 1, CAUSE_QEMU, 600);
    expect_part(finding, 2, CAUSE_PREEMPTED, 500);
}

static void test_paused(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    begin(scene, 2000);
    leave(scene, 1500, MSR);
    host(scene, 1600, BUILT_USER_EXIT, VCPU, 10, -4, 0);
    host_switch(scene, 1700, VCPU, SLEEPS, 0);
    host(scene, 8900, BUILT_WAKING, HOG, VCPU, 0, 0);
    host_switch(scene, 9000, 0, RUNNABLE, VCPU);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    expect_part(find(analysis, INTERVAL_TIMER), 0, CAUSE_QEMU_PAUSED, 6900);
}

static void test_slow_exit(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;
    Cause cause;

    begin(scene, 2000);
    leave(scene, 1500, IO);
    host(scene, 1550, BUILT_PIO, VCPU, 1, 0x402, 0);
    host(scene, 1600, BUILT_USER_EXIT, VCPU, 2, 0, 0);
    host_switch(scene, 3000, VCPU, SLEEPS, 0);
    host(scene, 8900, BUILT_WAKING, HOG, VCPU, 0, 0);
    host_switch(scene, 9000, 0, RUNNABLE, VCPU);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_part(finding, 0, CAUSE_QEMU_WAIT, 5900);
    expect_part(finding, 1, CAUSE_QEMU, 1100);
    cause = g_array_index(finding->breakdown->parts, BreakdownPart, 0).cause;
    g_assert_cmpstr(cause_name_text(analysis->names, cause), ==,
                    "a write of I/O port 0x402");
    expect_length(find(analysis, INTERVAL_EXIT), 9100 - 1500);
}

/* Guest mode ends with the host's interrupt, not with the late kvm_exit. */
static void test_host_irq(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 2000);
    host(scene, 1500, BUILT_TIMER_ENTRY, VCPU, TIMER, 0, 0);
    host(scene, 8000, BUILT_TIMER_EXIT, VCPU, TIMER, 0, 0);
    leave(scene, 8100, 0x60);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_part(finding, 0, CAUSE_HOST_IRQ, 6000);
    expect_part(finding, 1, CAUSE_EXIT, 1100);
    expect_length(find(analysis, INTERVAL_EXIT), 9100 - 1500);
}

/* A softirq is told apart, and by its name. */
static void test_host_softirq(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    g_autofree char *text = NULL;
    const Finding *finding;

    begin(scene, 2000);
    host(scene, 1500, BUILT_SOFTIRQ, VCPU, RCU, 0, 0);
    host(scene, 8000, BUILT_SOFTIRQ_END, VCPU, RCU, 0, 0);
    leave(scene, 8100, 0x60);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_part(finding, 0, CAUSE_HOST_SOFTIRQ, 6000);
    text = cause_text(
        analysis->names,
        g_array_index(finding->breakdown->parts, BreakdownPart, 0).cause);
    g_assert_cmpstr(text, ==, "in host CPU 0's softirq RCU");
}

static void test_irqs_off(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    begin(scene, 2000);
    leave(scene, 2100, MSR);
    host(scene, 2200, BUILT_ACCEPT, VCPU, 0, TIMER, 0);
    entry(scene, 2300);
    leave(scene, 9000, 0x64);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    expect_part(find(analysis, INTERVAL_TIMER), 0, CAUSE_GUEST_IRQS_OFF, 6700);
    expect_part(find(analysis, INTERVAL_TIMER), 1, CAUSE_EXIT, 200);
    expect_length(find(analysis, INTERVAL_INJECTION), 7000);
}

static void test_wakeup(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 100000);
    guest(scene, 2000, BUILT_WAKING, TASK, OTHER, 0, 0);
    leave(scene, 3000, MSR);
    entry(scene, 3500);
    guest(scene, 9000, BUILT_SWITCH, TASK, TASK, RUNNABLE, OTHER);
    guest(scene, 9500, BUILT_SWITCH, OTHER, OTHER, SLEEPS, TASK);
    leave(scene, 9600, MSR);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_WAKEUP);
    expect_length(finding, 7000);
    expect_part(finding, 0, CAUSE_GUEST_TASK, 6500);
    expect_part(finding, 1, CAUSE_EXIT, 500);
    g_assert_cmpint(names_get(analysis->names, finding->name)->pid, ==, OTHER);
}

static void test_guest_preemption(Scene *scene,
                                  gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 100000);
    guest(scene, 2000, BUILT_SWITCH, TASK, TASK, RUNNABLE, OTHER);
    leave(scene, 3000, MSR);
    entry(scene, 3500);
    guest(scene, 9000, BUILT_SWITCH, OTHER, OTHER, SLEEPS, TASK);
    leave(scene, 9600, MSR);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_PREEMPTION);
    expect_length(finding, 7000);
    expect_part(finding, 0, CAUSE_GUEST_TASK, 6500);
    g_assert_cmpint(names_get(analysis->names, finding->name)->pid, ==, TASK);
}

/* Who is woken while it can run has nothing to wait for. */
static void test_wakeup_of_runnable(Scene *scene,
                                    gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    begin(scene, 100000);
    guest(scene, 2000, BUILT_WAKING, TASK, TASK, 0, 0);
    guest(scene, 3000, BUILT_SWITCH, TASK, TASK, RUNNABLE, OTHER);
    guest(scene, 3500, BUILT_WAKING, OTHER, TASK, 0, 0);
    guest(scene, 9000, BUILT_SWITCH, OTHER, OTHER, SLEEPS, TASK);
    leave(scene, 9600, MSR);
    analysis = analyse(scene, NULL);
    g_assert_cmpuint(analysis->n_intervals[INTERVAL_WAKEUP], ==, 0);
}

static void test_halt(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 5000);
    guest(scene, 1200, BUILT_SWITCH, TASK, TASK, SLEEPS, 0);
    leave(scene, 1500, HLT);
    host_switch(scene, 2000, VCPU, SLEEPS, HOG);
    host(scene, 5200, BUILT_WAKING, HOG, VCPU, 0, 0);
    host_switch(scene, 8000, HOG, SLEEPS, VCPU);
    host(scene, 8100, BUILT_HALT_OVER, VCPU, 6600, 1, 0);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 4200);
    expect_part(finding, 0, CAUSE_PREEMPTED, 2800);
    expect_part(finding, 1, CAUSE_EXIT, 1100);
    expect_part(finding, 2, CAUSE_HALTED, 200);
    finding = find(analysis, INTERVAL_HALT_WAKE);
    expect_length(finding, 3900);
    /* Sleeping is no exit to complain of. */
    g_assert_cmpuint(analysis->n_intervals[INTERVAL_EXIT], ==, 0);
}

static void test_halt_poll(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    begin(scene, 2000);
    guest(scene, 1200, BUILT_SWITCH, TASK, TASK, SLEEPS, 0);
    leave(scene, 1500, HLT);
    host(scene, 8500, BUILT_HALT_OVER, VCPU, 6000, 0, 0);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    expect_part(find(analysis, INTERVAL_TIMER), 0, CAUSE_HALT_POLL, 6000);
    expect_part(find(analysis, INTERVAL_TIMER), 1, CAUSE_EXIT, 1100);
}

static void test_clock_step(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 5000);
    leave(scene, 1500, MSR);
    host(scene, 1600, BUILT_STEP, VCPU, 100, 90100, 0);
    entry(scene, 1700);
    leave(scene, 5050, 0x60);
    end(scene, 5200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 90200);
    expect_part(finding, 0, CAUSE_CLOCK_STEP, 90000);
}

/* Without KVM's events: a busy guest that sleeps on the host hasn't halted. */
static void test_emulated(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    host_switch(scene, 900, HOG, SLEEPS, VCPU);
    guest(scene, 1050, BUILT_SWITCH, 0, 0, RUNNABLE, TASK);
    guest(scene, 1100, BUILT_WRITE_MSR, TASK, 0x6e0, 2000, 0);
    host_switch(scene, 1500, VCPU, SLEEPS, 0);
    host(scene, 6000, BUILT_WAKING, HOG, VCPU, 0, 0);
    /* That it was switched to is missing, but its guest goes on. */
    guest(scene, 7000, BUILT_TIMER_EXIT, TASK, TIMER, 0, 0);
    guest(scene, 9000, BUILT_TIMER_ENTRY, TASK, TIMER, 0, 0);
    guest(scene, 9700, BUILT_TIMER_EXIT, TASK, TIMER, 0, 0);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 7000);
    expect_part(finding, 0, CAUSE_QEMU_WAIT, 4000);
    expect_part(finding, 1, CAUSE_INJECTION, 2000);
    expect_part(finding, 2, CAUSE_HOST_WAKE, 1000);
}

/* What keeps a guest from running keeps its own guest from it, too. */
static void build_nested(Scene *scene)
{
    const int64_t task[] = {0, RUNNABLE, TASK};
    const int64_t deadline[] = {0x6e0, 2000, 0};
    const int64_t timer[] = {TIMER, 0, 0};

    host_switch(scene, 800, HOG, SLEEPS, VCPU);
    entry(scene, 850);
    guest(scene, 900, BUILT_SWITCH, 0, 0, RUNNABLE, INNER);
    guest(scene, 1000, BUILT_KVM_ENTRY, INNER, 0, 0, 0);
    dat_builder_add_words(scene->inner, 0, 1050, BUILT_SWITCH, 0, task, 3);
    dat_builder_add_words(scene->inner, 0, 1100, BUILT_WRITE_MSR, TASK,
                          deadline, 3);
    host_switch(scene, 1500, VCPU, RUNNABLE, HOG);
    host_switch(scene, 9000, HOG, SLEEPS, VCPU);
    entry(scene, 9010);
    guest(scene, 9050, BUILT_INJECT, INNER, TIMER, 0, 0);
    dat_builder_add_words(scene->inner, 0, 9200, BUILT_TIMER_ENTRY, TASK, timer,
                          3);
    dat_builder_add_words(scene->inner, 0, 9300, BUILT_TIMER_EXIT, TASK, timer,
                          3);
    guest(scene, 9400, BUILT_EXIT, INNER, 0, MSR, ISA_SVM);
    guest(scene, 9500, BUILT_SWITCH, INNER, INNER, SLEEPS, 0);
    leave(scene, 9600, MSR);
}

static void expect_nested(const Analysis *analysis)
{
    const Finding *finding = find(analysis, INTERVAL_TIMER);
    const VcpuStats *vcpu = analysis->vcpus->pdata[finding->vcpu];
    g_autofree char *text = NULL;
    Cause cause;

    g_assert_cmpuint(analysis->vcpus->len, ==, 2);
    g_assert_cmpuint(analysis->n_intervals[INTERVAL_TIMER], ==, 1);
    g_assert_cmpstr(vcpu->machine, ==, "inner");
    expect_length(finding, 7200);
    expect_part(finding, 0, CAUSE_PREEMPTED, 7000);
    expect_part(finding, 1, CAUSE_GUEST_ENTRY, 150);
    expect_part(finding, 2, CAUSE_INJECTION, 40);
    expect_part(finding, 3, CAUSE_EXIT, 10);
    cause = g_array_index(finding->breakdown->parts, BreakdownPart, 0).cause;
    g_assert_cmpuint(cause_level(cause), ==, 1);
    g_assert_cmpint(names_get(analysis->names, cause_name(cause))->pid, ==,
                    HOG);
    text = cause_text(analysis->names, cause);
    g_assert_cmpstr(text, ==,
                    "with its host's vCPU runnable on outer host CPU 0 behind "
                    "a task-50");
}

static void test_nested(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    build_nested(scene);
    analysis = analyse_nested(scene, false, NULL);
    expect_nested(analysis);
}

static void test_nested_twice(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;

    build_nested(scene);
    analysis = analyse_nested(scene, true, NULL);
    expect_nested(analysis);
}

static void test_lost(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Analysis) analysis = NULL;
    const Finding *finding;

    begin(scene, 2000);
    host_switch(scene, 1500, VCPU, RUNNABLE, HOG);
    host(scene, 3000, BUILT_WAKING, HOG, 99, 0, 0);
    dat_builder_end_page(scene->host, 0, 4);
    host_switch(scene, 8000, HOG, SLEEPS, VCPU);
    end(scene, 9200);
    analysis = analyse(scene, NULL);
    finding = find(analysis, INTERVAL_TIMER);
    expect_length(finding, 7200);
    expect_part(finding, 0, CAUSE_UNKNOWN, 6100);
    expect_part(finding, 1, CAUSE_PREEMPTED, 1000);
    g_assert_true(analysis->has_lost);
    g_assert_cmpuint(analysis->n_lost, ==, 4);
}

static void check_interval(const Finding *finding, void *data)
{
    const GArray *parts = finding->breakdown->parts;
    unsigned *n = data;
    uint64_t ticks = 0, ns = 0;

    for (guint i = 0; i < parts->len; i++) {
        const BreakdownPart *part = &g_array_index(parts, BreakdownPart, i);

        ticks += part->ticks;
        ns += part->ns;
    }
    g_assert_cmpuint(ticks, ==, finding_length_ticks(finding));
    g_assert_cmpuint(ticks, ==, finding->breakdown->total_ticks);
    g_assert_cmpuint(ns, ==, finding->breakdown->total_ns);
    (*n)++;
}

/* Any events in any order: nothing breaks, and everything adds up. */
static void add_random(Scene *scene, int n_levels, uint64_t ticks)
{
    static const BuiltEvent events[] = {
        BUILT_KVM_ENTRY, BUILT_SWITCH,    BUILT_WAKING,     BUILT_EXIT,
        BUILT_INJECT,    BUILT_USER_EXIT, BUILT_HALT_OVER,  BUILT_ACCEPT,
        BUILT_STEP,      BUILT_PIO,       BUILT_TIMER_EXIT, BUILT_TIMER_ENTRY,
        BUILT_WRITE_MSR,
    };
    static const int32_t pids[] = {0, VCPU, HOG, TASK, OTHER, INNER};
    static const int64_t values[] = {0,     1,     2,     4,    -4,
                                     VCPU,  HOG,   HLT,   MSR,  TASK,
                                     OTHER, TIMER, INNER, 0x6e0};
    int64_t words[3];
    DatBuilder *const builders[] = {scene->host, scene->guest, scene->inner};
    DatBuilder *builder = builders[g_test_rand_int_range(0, n_levels)];
    unsigned cpu =
        builder == scene->host ? (unsigned)g_test_rand_int_range(0, 2) : 0;

    for (size_t i = 0; i < 3; i++) {
        words[i] = values[g_test_rand_int_range(0, G_N_ELEMENTS(values))];
    }
    if (g_test_rand_int_range(0, 4) == 0) {
        words[1] = (int64_t)ticks + g_test_rand_int_range(-500, 500);
    }
    if (g_test_rand_int_range(0, 100) == 0) {
        dat_builder_end_page(builder, cpu, g_test_rand_int_range(-1, 3));
    }
    dat_builder_add_words(
        builder, cpu, ticks,
        events[g_test_rand_int_range(0, G_N_ELEMENTS(events))],
        pids[g_test_rand_int_range(0, G_N_ELEMENTS(pids))], words, 3);
}

static void test_random(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    unsigned n = 0;
    const AnalysisOptions options = {.on_interval = check_interval, .data = &n};
    g_autoptr(Analysis) analysis = NULL;
    uint64_t ticks = 1000;

    for (int i = 0; i < 60000; i++) {
        ticks += (uint64_t)g_test_rand_int_range(0, 30);
        add_random(scene, 2, ticks);
    }
    analysis = analyse(scene, &options);
    g_assert_cmpuint(n, >, 500);
    for (guint i = 0; i < analysis->findings->len; i++) {
        check_interval(analysis->findings->pdata[i], &n);
    }
}

static void test_random_nested(Scene *scene, gconstpointer data G_GNUC_UNUSED)
{
    unsigned n = 0;
    const AnalysisOptions options = {.on_interval = check_interval, .data = &n};
    g_autoptr(Analysis) analysis = NULL;
    uint64_t ticks = 1000;

    for (int i = 0; i < 60000; i++) {
        ticks += (uint64_t)g_test_rand_int_range(0, 30);
        add_random(scene, 3, ticks);
    }
    analysis = analyse_nested(scene, g_test_rand_bit(), &options);
    g_assert_cmpuint(n, >, 500);
}

#define ADD(path, func) \
    g_test_add("/analysis/" path, Scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("unknown-clock", test_unknown_clock);
    ADD("preempted", test_preempted);
    ADD("stopped", test_stopped);
    ADD("paused", test_paused);
    ADD("slow-exit", test_slow_exit);
    ADD("host-irq", test_host_irq);
    ADD("host-softirq", test_host_softirq);
    ADD("irqs-off", test_irqs_off);
    ADD("wakeup", test_wakeup);
    ADD("guest-preemption", test_guest_preemption);
    ADD("wakeup-of-runnable", test_wakeup_of_runnable);
    ADD("halt", test_halt);
    ADD("halt-poll", test_halt_poll);
    ADD("clock-step", test_clock_step);
    ADD("lost", test_lost);
    ADD("emulated", test_emulated);
    ADD("nested", test_nested);
    ADD("nested-twice", test_nested_twice);
    ADD("random", test_random);
    ADD("random-nested", test_random_nested);
    return g_test_run();
}
