/*
 * Makes host.dat and vm1.dat: a small recording in which everything happens
 * that the output formats must get right.
 *
 * Usage: make-sample DIR
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "dat-builder.h"

#define GUEST_TRACE_ID 77
#define VCPU_TID       70
#define OTHER_TID      80

/* libtraceevent's plugins print these by their names; fields as in Linux 6.1 */
#define COMMON                                                             \
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;"      \
    "\tsigned:0;\n"                                                        \
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

#define SWITCH_ID    200
#define WAKING_ID    201
#define EXIT_ID      101
#define USER_EXIT_ID 203
#define WIDE_ID      204

static const char switch_format[] =
    "name: sched_switch\nID: 200\nformat:\n" COMMON
    "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
    "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
    "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"
    "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
    "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n"
    "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"
    "\tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"prev_pid=%d\", REC->prev_pid\n";

static const char waking_format[] =
    "name: sched_waking\nID: 201\nformat:\n" COMMON
    "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
    "\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
    "\tfield:int prio;\toffset:28;\tsize:4;\tsigned:1;\n"
    "\tfield:int target_cpu;\toffset:32;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"comm=%s pid=%d prio=%d target_cpu=%03d\", REC->comm, "
    "REC->pid, REC->prio, REC->target_cpu\n";

static const char exit_format[] =
    "name: kvm_exit\nID: 101\nformat:\n" COMMON
    "\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:unsigned long guest_rip;\toffset:16;\tsize:8;\tsigned:0;\n"
    "\tfield:u32 isa;\toffset:24;\tsize:4;\tsigned:0;\n"
    "\tfield:u64 info1;\toffset:32;\tsize:8;\tsigned:0;\n"
    "\tfield:u64 info2;\toffset:40;\tsize:8;\tsigned:0;\n\n"
    "print fmt: \"reason %u\", REC->exit_reason\n";

static const char user_exit_format[] =
    "name: kvm_userspace_exit\nID: 203\nformat:\n" COMMON
    "\tfield:__u32 reason;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:int errno;\toffset:12;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"reason %s (%d)\", __print_symbolic(REC->reason, "
    "{ 2, \"KVM_EXIT_IO\" }), REC->reason\n";

typedef struct Common {
    uint16_t type;
    uint8_t flags;
    uint8_t preempt_count;
    int32_t pid;
} Common;

typedef struct Switch {
    Common common;
    char prev_comm[16];
    int32_t prev_pid;
    int32_t prev_prio;
    int64_t prev_state;
    char next_comm[16];
    int32_t next_pid;
    int32_t next_prio;
} Switch;

typedef struct Waking {
    Common common;
    char comm[16];
    int32_t pid;
    int32_t prio;
    int32_t target_cpu;
} Waking;

typedef struct Exit {
    Common common;
    uint32_t reason;
    uint64_t rip;
    uint32_t isa;
    uint64_t info1;
    uint64_t info2;
} Exit;

typedef struct UserExit {
    Common common;
    uint32_t reason;
    int32_t error;
} UserExit;

/* 40 fields of one byte: more than a generic event of Perfetto can have. */
#define N_WIDE_FIELDS 40

static char *wide_format(void)
{
    GString *text = g_string_new("name: wide\nID: 204\nformat:\n" COMMON);

    for (int i = 0; i < N_WIDE_FIELDS; i++) {
        g_string_append_printf(text,
                               "\tfield:u8 f%d;\toffset:%d;\tsize:1;"
                               "\tsigned:0;\n",
                               i, 8 + i);
    }
    g_string_append(text, "\nprint fmt: \"f0=%u\", REC->f0\n");
    return g_string_free(text, FALSE);
}

typedef struct Task {
    const char *comm;
    int32_t pid;
    int32_t prio;
} Task;

static const Task idle = {"swapper/0", 0, 120};
static const Task vcpu = {"CPU 0/KVM", VCPU_TID, 120};
static const Task other = {"other", OTHER_TID, 120};
static const Task renamed = {"renamed", OTHER_TID, 120};
static const Task boosted = {"other", OTHER_TID, 1};
/* What a hostile guest calls its tasks. */
static const Task hostile = {"\x1b[2J\n\"\\\x7f\xff\xc2\x9b]: ", 90, 120};

static void add_switch(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                       const Task *from, int64_t state, const Task *to)
{
    Switch record = {
        .common = {.type = SWITCH_ID, .flags = 1, .pid = from->pid},
        .prev_pid = from->pid,
        .prev_prio = from->prio,
        .prev_state = state,
        .next_pid = to->pid,
        .next_prio = to->prio,
    };

    g_strlcpy(record.prev_comm, from->comm, sizeof(record.prev_comm));
    g_strlcpy(record.next_comm, to->comm, sizeof(record.next_comm));
    dat_builder_add_record(builder, cpu, ticks, &record, sizeof(record));
}

static void add_waking(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                       const Task *waker, const Task *task)
{
    Waking record = {
        .common = {.type = WAKING_ID, .flags = 9, .pid = waker->pid},
        .pid = task->pid,
        .prio = task->prio,
        .target_cpu = 1,
    };

    g_strlcpy(record.comm, task->comm, sizeof(record.comm));
    dat_builder_add_record(builder, cpu, ticks, &record, sizeof(record));
}

static void add_exit(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                     uint32_t reason)
{
    const Exit record = {
        .common = {.type = EXIT_ID, .pid = VCPU_TID},
        .reason = reason,
        .rip = UINT64_MAX,
        .isa = 2,
    };

    dat_builder_add_record(builder, cpu, ticks, &record, sizeof(record));
}

static void add_user_exit(DatBuilder *builder, unsigned cpu, uint64_t ticks)
{
    const UserExit record = {
        .common = {.type = USER_EXIT_ID, .pid = VCPU_TID},
        .reason = 2,
    };

    dat_builder_add_record(builder, cpu, ticks, &record, sizeof(record));
}

static void add_formats(DatBuilder *builder)
{
    g_autofree char *wide = wide_format();

    dat_builder_add_format(builder, "sched/sched_switch", switch_format);
    dat_builder_add_format(builder, "sched/sched_waking", waking_format);
    dat_builder_add_format(builder, "kvm/kvm_exit", exit_format);
    dat_builder_add_format(builder, "kvm/kvm_userspace_exit", user_exit_format);
    dat_builder_add_format(builder, "test/wide", wide);
}

/* The vCPU runs, exits, is preempted, sleeps, goes to QEMU, moves. */
static void add_vcpu_life(DatBuilder *host)
{
    add_waking(host, 0, 100, &idle, &vcpu); /* before the first switch */
    add_switch(host, 0, 110, &idle, 0, &vcpu);
    dat_builder_add(host, 0, 120, BUILT_KVM_ENTRY, VCPU_TID, 0);
    add_exit(host, 0, 200, 0x7c);
    dat_builder_add(host, 0, 210, BUILT_KVM_ENTRY, VCPU_TID, 0);
    add_exit(host, 0, 300, 0x78);
    add_waking(host, 0, 305, &vcpu, &other); /* compact */
    add_switch(host, 0, 310, &vcpu, 1, &other);
    add_switch(host, 0, 320, &other, 0x100, &vcpu);
    dat_builder_add(host, 0, 330, BUILT_KVM_ENTRY, VCPU_TID, 0);
    add_exit(host, 0, 400, 0x60);
    add_user_exit(host, 0, 410);
    add_switch(host, 0, 420, &vcpu, 0, &other);
    add_switch(host, 1, 420, &other, 0, &vcpu);
    add_switch(host, 1, 425, &vcpu, 0, &idle);
    add_switch(host, 1, 430, &idle, 0, &vcpu);
    dat_builder_add(host, 1, 440, BUILT_KVM_ENTRY, VCPU_TID, 0);
    /* Lost: where the guest was left. */
    dat_builder_end_page(host, 1, 42);
    add_switch(host, 1, 600, &vcpu, 2, &other);
    dat_builder_end_page(host, 1, -1);
    add_switch(host, 1, 700, &other, 0, &vcpu);
    dat_builder_add(host, 1, 710, BUILT_KVM_ENTRY, VCPU_TID, 0);
}

/* What the compact form of switches can't say. */
static void add_odd_switches(DatBuilder *host)
{
    add_switch(host, 0, 500, &renamed, 0, &idle); /* another comm */
    add_switch(host, 0, 510, &idle, 0, &other);
    add_switch(host, 0, 520, &boosted, 0, &idle); /* another priority */
    add_switch(host, 0, 530, &other, 0, &idle);   /* another task */
    add_waking(host, 0, 535, &other, &vcpu);      /* another waker */
    /* Nested events have one time: a waking inside of a switch. */
    add_waking(host, 0, 540, &idle, &vcpu);
    add_switch(host, 0, 540, &idle, 0, &other);
    dat_builder_add(host, 0, 540, BUILT_NUMBER, OTHER_TID, -5);
    add_waking(host, 0, 540, &other, &hostile);
    add_switch(host, 0, 550, &other, 64, &hostile);
    add_switch(host, 0, 560, &hostile, 16, &idle);
}

static void add_guest_events(DatBuilder *guest)
{
    struct {
        Common common;
        uint8_t fields[N_WIDE_FIELDS];
    } wide = {.common = {.type = WIDE_ID, .pid = 1}};

    for (int i = 0; i < N_WIDE_FIELDS; i++) {
        wide.fields[i] = (uint8_t)(200 + i);
    }
    add_waking(guest, 0, 130, &idle, &hostile);
    add_switch(guest, 0, 140, &idle, 0, &hostile);
    dat_builder_add_record(guest, 0, 150, &wide, sizeof(wide));
    add_switch(guest, 0, 160, &hostile, 1, &idle);
    for (int i = 0; i < 2000; i++) { /* more than one packet */
        add_switch(guest, 0, 1000 + 10 * (uint64_t)i, &idle, 0, &other);
        add_switch(guest, 0, 1005 + 10 * (uint64_t)i, &other, 1, &idle);
    }
    add_switch(guest, 1, 170, &idle, 0, &other);
}

static void write_file(DatBuilder *builder, const char *dir, const char *name,
                       const DatOptions *options)
{
    g_autofree char *made = dat_builder_write(builder, name, options);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *content = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(made, &content, &size, NULL));
    g_assert_true(g_file_set_contents(path, content, (gssize)size, NULL));
    dat_builder_forget(made);
}

int main(int argc, char **argv)
{
    static const int32_t threads[] = {VCPU_TID, 0};
    g_autoptr(DatBuilder) host = dat_builder_new(2);
    g_autoptr(DatBuilder) guest = dat_builder_new(2);
    g_autoptr(GPtrArray) guests = g_ptr_array_new();
    DatGuest of_host = {.name = (char *)"vm1", .trace_id = GUEST_TRACE_ID};
    DatOptions options = {.tsc_mult = 3, .tsc_shift = 1};

    g_assert_cmpint(argc, ==, 2);
    add_formats(host);
    add_formats(guest);
    add_vcpu_life(host);
    add_odd_switches(host);
    add_guest_events(guest);
    of_host.threads = g_array_new(FALSE, TRUE, sizeof(int32_t));
    g_array_append_vals(of_host.threads, threads, 2);
    g_ptr_array_add(guests, &of_host);
    options.trace_id = 1;
    options.guests = guests;
    write_file(host, argv[1], "host.dat", &options);
    g_array_unref(of_host.threads);
    options.guests = NULL;
    options.trace_id = GUEST_TRACE_ID;
    write_file(guest, argv[1], "vm1.dat", &options);
    return 0;
}
