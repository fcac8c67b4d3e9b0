/*
 * The perfetto format: Perfetto's trace of protobuf packets.
 *
 * One file with the host's packets and each guest's, told apart by machine_id;
 * all times are nanoseconds of the host's clock, which stands for Perfetto's
 * BOOTTIME.  What the vCPUs did is drawn by tracks below their host threads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <gio/gio.h>

#include "output/clean-text.h"
#include "output/output.h"
#include "output/perfetto-bundle.h"
#include "output/perfetto-types.h"
#include "output/vcpu-slices.h"

/* protos/perfetto/common/builtin_clock.proto */
#define CLOCK_REALTIME_ID 1
#define CLOCK_BOOTTIME_ID 6

/* TracePacket.SequenceFlags */
#define SEQ_INCREMENTAL_STATE_CLEARED 1

/* ftrace_tokenizer.cc refuses a trace with more (kMaxCpuCount). */
#define MAX_CPUS 1024

/* Of all CPUs' bundles together, and of one. */
#define BUNDLES_BYTES    (16u << 20)
#define MIN_BUNDLE_BYTES (4u << 10)
#define MAX_BUNDLE_BYTES (64u << 10)

#define HEADER_BYTES (4u << 10)

/* Tracks have numbers of their own: two for each vCPU. */
#define FIRST_TRACK_UUID UINT64_C(0x716d0001)

/* All buffers of one file are one machine's. */
typedef struct Machine {
    const TimelineInput *first;
    uint32_t id;       /* 0: the host, whose packets have none */
    uint32_t sequence; /* of its packets */
    PerfettoTypes *types;
    bool has_tracks; /* of vCPUs: their sequence has begun */
} Machine;

typedef struct Buffer {
    const TimelineInput *input;
    Machine *machine;
    PerfettoBundle **bundles; /* by CPU, made when first used */
    guint n_bundles;
} Buffer;

typedef struct PerfettoOutput {
    const OutputJob *job;
    GPtrArray *machines; /* of Machine, the host first */
    GHashTable *buffers; /* TimelineInput -> Buffer */
    Buffer *last;        /* of the event before */
    VcpuMap *vcpus;
    VcpuSlices *slices;
    Arena *arena; /* for packets that are no bundles */
    GByteArray *packed;
    uint32_t next_generic_id;
    gsize bundle_bytes;
    bool has_header;
    GError *failure; /* of a slice; its callback can't return one */
} PerfettoOutput;

static void machine_free(gpointer data)
{
    Machine *machine = data;

    perfetto_types_free(machine->types);
    g_free(machine);
}

static void buffer_free(gpointer data)
{
    Buffer *buffer = data;

    for (guint i = 0; i < buffer->n_bundles; i++) {
        perfetto_bundle_free(buffer->bundles[i]);
    }
    g_free(buffer->bundles);
    g_free(buffer);
}

static void perfetto_free(gpointer state)
{
    PerfettoOutput *output = state;

    vcpu_slices_free(output->slices);
    vcpu_map_free(output->vcpus);
    g_hash_table_unref(output->buffers);
    g_ptr_array_unref(output->machines);
    g_byte_array_unref(output->packed);
    arena_free(output->arena);
    g_clear_error(&output->failure);
    g_free(output);
}

/* A trace is a message of one repeated field, so packets just follow. */
static bool write_packet(PerfettoOutput *output, Perfetto__TracePacket *packet,
                         GError **error)
{
    Perfetto__Trace trace = PERFETTO__TRACE__INIT;
    size_t size;

    trace.n_packet = 1;
    trace.packet = &packet;
    size = perfetto__trace__get_packed_size(&trace);
    g_byte_array_set_size(output->packed, (guint)size);
    perfetto__trace__pack(&trace, output->packed->data);
    if (fwrite(output->packed->data, 1, size, output->job->stream) != size) {
        return output_fail_errno(output->job, error);
    }
    return true;
}

static Perfetto__TracePacket packet_of(const Machine *machine)
{
    Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;

    packet.has_trusted_packet_sequence_id = true;
    packet.trusted_packet_sequence_id = machine->sequence;
    packet.has_machine_id = machine->id != 0;
    packet.machine_id = machine->id;
    return packet;
}

static const Machine *host_machine(const PerfettoOutput *output)
{
    return output->machines->pdata[0];
}

static bool write_clocks(PerfettoOutput *output, uint64_t time, GError **error)
{
    Perfetto__TracePacket packet = packet_of(host_machine(output));
    Perfetto__ClockSnapshot snapshot = PERFETTO__CLOCK_SNAPSHOT__INIT;
    Perfetto__ClockSnapshot__Clock clocks[] = {
        PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT,
        PERFETTO__CLOCK_SNAPSHOT__CLOCK__INIT,
    };
    Perfetto__ClockSnapshot__Clock *list[] = {&clocks[0], &clocks[1]};

    clocks[0].has_clock_id = clocks[0].has_timestamp = true;
    clocks[0].clock_id = CLOCK_BOOTTIME_ID;
    clocks[0].timestamp = time;
    clocks[1].has_clock_id = clocks[1].has_timestamp = true;
    clocks[1].clock_id = CLOCK_REALTIME_ID;
    clocks[1].timestamp = time + (uint64_t)output->job->wall_offset_ns;
    snapshot.n_clocks = output->job->has_wall_offset ? 2 : 1;
    snapshot.clocks = list;
    snapshot.has_primary_trace_clock = true;
    snapshot.primary_trace_clock = CLOCK_BOOTTIME_ID;
    packet.has_timestamp = true;
    packet.timestamp = time;
    packet.clock_snapshot = &snapshot;
    return write_packet(output, &packet, error);
}

static char *clean(PerfettoOutput *output, const char *text)
{
    const EventSpan span = {(const uint8_t *)text, strlen(text)};

    return perfetto_text(&span, output->arena);
}

/* "Linux HOST RELEASE MACHINE", as trace-cmd writes it. */
static void fill_utsname(PerfettoOutput *output, Perfetto__Utsname *to,
                         const char *uname)
{
    g_auto(GStrv) words = g_strsplit(uname ? uname : "", " ", -1);
    guint n = g_strv_length(words);

    to->sysname = (char *)"Linux";
    if (n > 2) {
        to->release = clean(output, words[2]);
    }
    if (n > 3) {
        to->machine = clean(output, words[3]);
    }
}

static bool write_system_info(PerfettoOutput *output, const Machine *machine,
                              GError **error)
{
    const DatFile *dat = machine->first->dat;
    Perfetto__TracePacket packet = packet_of(machine);
    Perfetto__SystemInfo info = PERFETTO__SYSTEM_INFO__INIT;
    Perfetto__Utsname utsname = PERFETTO__UTSNAME__INIT;

    fill_utsname(output, &utsname, dat->uname);
    info.utsname = &utsname;
    info.has_num_cpus = true;
    info.num_cpus = dat->cpus->len;
    info.machine_name = clean(output, machine->first->label);
    packet.system_info = &info;
    return write_packet(output, &packet, error);
}

static void add_process(PerfettoOutput *output, GPtrArray *processes,
                        GPtrArray *threads, const Machine *machine, int32_t pid)
{
    Perfetto__ProcessTree__Process *process =
        arena_take(output->arena, sizeof(*process));
    Perfetto__ProcessTree__Thread *thread =
        arena_take(output->arena, sizeof(*thread));
    char **cmdline = arena_take(output->arena, sizeof(*cmdline));

    cmdline[0] = clean(output, event_table_comm(machine->first->events, pid));
    perfetto__process_tree__process__init(process);
    process->has_pid = process->has_ppid = true;
    process->pid = pid;
    process->n_cmdline = 1;
    process->cmdline = cmdline;
    g_ptr_array_add(processes, process);
    perfetto__process_tree__thread__init(thread);
    thread->has_tid = thread->has_tgid = true;
    thread->tid = thread->tgid = pid;
    thread->name = cmdline[0];
    g_ptr_array_add(threads, thread);
}

/*
 * A trace.dat file does not tell which threads belong to which process.  Known
 * as processes are init, and kthreadd; the vCPUs' threads are listed as such,
 * so that their tracks have names.
 */
static void list_processes(PerfettoOutput *output, const Machine *machine,
                           GPtrArray *processes, GPtrArray *threads)
{
    for (int32_t pid = 1; pid <= 2; pid++) {
        if (strcmp(event_table_comm(machine->first->events, pid), "<...>") !=
            0) {
            add_process(output, processes, threads, machine, pid);
        }
    }
    for (guint i = 0; i < vcpu_map_size(output->vcpus); i++) {
        const Vcpu *vcpu = vcpu_map_at(output->vcpus, i);

        if (vcpu->host == machine->first) {
            add_process(output, processes, threads, machine, vcpu->thread_id);
        }
    }
}

static bool write_process_tree(PerfettoOutput *output, const Machine *machine,
                               uint64_t time, GError **error)
{
    g_autoptr(GPtrArray) processes = g_ptr_array_new();
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    Perfetto__TracePacket packet = packet_of(machine);
    Perfetto__ProcessTree tree = PERFETTO__PROCESS_TREE__INIT;

    list_processes(output, machine, processes, threads);
    tree.n_processes = processes->len;
    tree.processes = (Perfetto__ProcessTree__Process **)processes->pdata;
    tree.n_threads = threads->len;
    tree.threads = (Perfetto__ProcessTree__Thread **)threads->pdata;
    packet.has_timestamp = true;
    packet.timestamp = time;
    packet.process_tree = &tree;
    return write_packet(output, &packet, error);
}

static Machine *find_machine(const PerfettoOutput *output,
                             const TimelineInput *input)
{
    for (guint i = 0; i < output->machines->len; i++) {
        Machine *machine = output->machines->pdata[i];

        if (strcmp(machine->first->dat->path, input->dat->path) == 0) {
            return machine;
        }
    }
    return NULL;
}

/* A vCPU's thread is its own host's, which may be a guest itself. */
static Machine *machine_of_tracks(const PerfettoOutput *output,
                                  const Vcpu *vcpu)
{
    Machine *machine = find_machine(output, vcpu->host);

    return machine ? machine : output->machines->pdata[0];
}

static Perfetto__TracePacket packet_of_tracks(const PerfettoOutput *output,
                                              const Machine *machine)
{
    Perfetto__TracePacket packet = packet_of(machine);

    packet.trusted_packet_sequence_id =
        output->machines->len + machine->sequence;
    return packet;
}

static uint64_t thread_uuid(const Vcpu *vcpu)
{
    return FIRST_TRACK_UUID + 2 * (uint64_t)vcpu->index;
}

static uint64_t vcpu_uuid(const Vcpu *vcpu)
{
    return thread_uuid(vcpu) + 1;
}

static bool write_thread_track(PerfettoOutput *output, const Vcpu *vcpu,
                               GError **error)
{
    Machine *machine = machine_of_tracks(output, vcpu);
    Perfetto__TracePacket packet = packet_of_tracks(output, machine);
    Perfetto__TrackDescriptor track = PERFETTO__TRACK_DESCRIPTOR__INIT;
    Perfetto__ThreadDescriptor thread = PERFETTO__THREAD_DESCRIPTOR__INIT;

    thread.has_pid = thread.has_tid = true;
    thread.pid = thread.tid = vcpu->thread_id;
    thread.thread_name =
        clean(output, event_table_comm(vcpu->host->events, vcpu->thread_id));
    track.has_uuid = true;
    track.uuid = thread_uuid(vcpu);
    track.thread = &thread;
    packet.track_descriptor = &track;
    if (!machine->has_tracks) {
        machine->has_tracks = true;
        packet.has_sequence_flags = true;
        packet.sequence_flags = SEQ_INCREMENTAL_STATE_CLEARED;
    }
    return write_packet(output, &packet, error);
}

static bool write_vcpu_track(PerfettoOutput *output, const Vcpu *vcpu,
                             GError **error)
{
    g_autofree char *name =
        g_strdup_printf("%s vCPU %u", vcpu->guest->label, vcpu->cpu);
    Perfetto__TracePacket packet =
        packet_of_tracks(output, machine_of_tracks(output, vcpu));
    Perfetto__TrackDescriptor track = PERFETTO__TRACK_DESCRIPTOR__INIT;

    track.has_uuid = track.has_parent_uuid = true;
    track.uuid = vcpu_uuid(vcpu);
    track.parent_uuid = thread_uuid(vcpu);
    track.name = clean(output, name);
    packet.track_descriptor = &track;
    return write_packet(output, &packet, error);
}

static bool write_header(PerfettoOutput *output, uint64_t time, GError **error)
{
    bool ok = write_clocks(output, time, error);

    for (guint i = 0; ok && i < output->machines->len; i++) {
        ok = write_system_info(output, output->machines->pdata[i], error);
    }
    for (guint i = 0; ok && i < output->machines->len; i++) {
        ok =
            write_process_tree(output, output->machines->pdata[i], time, error);
    }
    for (guint i = 0; ok && i < vcpu_map_size(output->vcpus); i++) {
        const Vcpu *vcpu = vcpu_map_at(output->vcpus, i);

        ok = write_thread_track(output, vcpu, error) &&
             write_vcpu_track(output, vcpu, error);
    }
    arena_reset(output->arena);
    output->has_header = true;
    return ok;
}

static void write_slice(PerfettoOutput *output, const Vcpu *vcpu, uint64_t time,
                        const char *name)
{
    Perfetto__TracePacket packet =
        packet_of_tracks(output, machine_of_tracks(output, vcpu));
    Perfetto__TrackEvent event = PERFETTO__TRACK_EVENT__INIT;

    if (output->failure) {
        return;
    }
    event.has_type = event.has_track_uuid = true;
    event.type = name ? PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN
                      : PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END;
    event.track_uuid = vcpu_uuid(vcpu);
    event.name = (char *)name;
    packet.has_timestamp = true;
    packet.timestamp = time;
    packet.track_event = &event;
    write_packet(output, &packet, &output->failure);
}

static void begin_slice(gpointer data, const Vcpu *vcpu, uint64_t time,
                        const char *name)
{
    write_slice(data, vcpu, time, name);
}

static void end_slice(gpointer data, const Vcpu *vcpu, uint64_t time)
{
    write_slice(data, vcpu, time, NULL);
}

static const VcpuSliceOps slice_ops = {.begin = begin_slice, .end = end_slice};

static void add_machine(PerfettoOutput *output, const TimelineInput *input)
{
    Machine *machine = g_new0(Machine, 1);

    machine->first = input;
    machine->id = output->machines->len;
    machine->sequence = machine->id + 1;
    machine->types =
        perfetto_types_new(input->events, &output->next_generic_id);
    g_ptr_array_add(output->machines, machine);
}

/* Perfetto takes the first packet's machine for the host. */
static void add_machines(PerfettoOutput *output)
{
    const GPtrArray *inputs = output->job->inputs;

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        if (!input->vcpu_threads) {
            add_machine(output, input);
            break;
        }
    }
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        if (!input->is_hidden && !find_machine(output, input)) {
            add_machine(output, input);
        }
    }
}

static void add_buffers(PerfettoOutput *output)
{
    const GPtrArray *inputs = output->job->inputs;
    gsize n_cpus = 1;

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];
        Buffer *buffer;

        if (input->is_hidden) {
            continue;
        }
        buffer = g_new0(Buffer, 1);
        buffer->input = input;
        buffer->machine = find_machine(output, input);
        buffer->n_bundles = input->dat->cpus->len;
        buffer->bundles = g_new0(PerfettoBundle *, buffer->n_bundles);
        g_hash_table_insert(output->buffers, (gpointer)input, buffer);
        n_cpus += buffer->n_bundles;
    }
    output->bundle_bytes =
        CLAMP(BUNDLES_BYTES / n_cpus, MIN_BUNDLE_BYTES, MAX_BUNDLE_BYTES);
}

static gpointer perfetto_begin(const OutputJob *job,
                               G_GNUC_UNUSED GError **error)
{
    PerfettoOutput *output = g_new0(PerfettoOutput, 1);

    output->job = job;
    output->machines = g_ptr_array_new_with_free_func(machine_free);
    output->buffers = g_hash_table_new_full(NULL, NULL, NULL, buffer_free);
    output->vcpus = vcpu_map_new(job->inputs);
    output->slices = vcpu_slices_new(output->vcpus, &slice_ops, output);
    output->arena = arena_new(HEADER_BYTES);
    output->packed = g_byte_array_new();
    output->next_generic_id = PERFETTO_FIRST_GENERIC_ID;
    add_machines(output);
    add_buffers(output);
    return output;
}

static bool write_bundle(PerfettoOutput *output, const Buffer *buffer,
                         PerfettoBundle *bundle, GError **error)
{
    Perfetto__TracePacket packet = packet_of(buffer->machine);

    packet.ftrace_events = perfetto_bundle_take(bundle);
    return write_packet(output, &packet, error);
}

static PerfettoBundle *find_bundle(PerfettoOutput *output,
                                   const TimelineEvent *event, GError **error)
{
    Buffer *buffer = output->last;

    if (!buffer || buffer->input != event->input) {
        buffer = g_hash_table_lookup(output->buffers, event->input);
        output->last = buffer;
    }
    if (event->cpu >= MAX_CPUS || event->cpu >= buffer->n_bundles) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: Perfetto shows CPUs up to %d, and there are events "
                    "of CPU %u; leave that one out with --cpu",
                    event->input->label, MAX_CPUS - 1, event->cpu);
        return NULL;
    }
    if (!buffer->bundles[event->cpu]) {
        buffer->bundles[event->cpu] =
            perfetto_bundle_new(event->cpu, output->bundle_bytes);
    }
    return buffer->bundles[event->cpu];
}

/* The event's bundle, with the header before the first one. */
static PerfettoBundle *take_bundle(PerfettoOutput *output,
                                   const TimelineEvent *event, GError **error)
{
    PerfettoBundle *bundle = find_bundle(output, event, error);

    if (!bundle ||
        (!output->has_header && !write_header(output, event->time, error))) {
        return NULL;
    }
    return bundle;
}

static bool perfetto_loss(gpointer state, const TimelineEvent *event,
                          GError **error)
{
    PerfettoOutput *output = state;
    PerfettoBundle *bundle = take_bundle(output, event, error);

    if (!bundle) {
        return false;
    }
    vcpu_slices_lose(output->slices, event);
    if (!perfetto_bundle_is_empty(bundle) &&
        !write_bundle(output, output->last, bundle, error)) {
        return false;
    }
    perfetto_bundle_lose(bundle);
    return true;
}

/* In a bundle of its own, before any that has such an event. */
static bool write_descriptor(PerfettoOutput *output, const PerfettoType *type,
                             unsigned cpu, GError **error)
{
    Perfetto__TracePacket packet = packet_of(output->last->machine);
    Perfetto__FtraceEventBundle bundle = PERFETTO__FTRACE_EVENT_BUNDLE__INIT;
    Perfetto__FtraceEventBundle__GenericEventDescriptor *descriptor =
        perfetto_type_describe(type, output->arena);
    bool ok;

    bundle.has_cpu = true;
    bundle.cpu = cpu;
    bundle.n_generic_event_descriptors = 1;
    bundle.generic_event_descriptors = &descriptor;
    packet.ftrace_events = &bundle;
    ok = write_packet(output, &packet, error);
    arena_reset(output->arena);
    return ok;
}

static bool add_to_bundle(PerfettoOutput *output, PerfettoBundle *bundle,
                          const TimelineEvent *event, GError **error)
{
    const CpuEvent *record = &event->event;
    bool is_new;
    const PerfettoType *type =
        perfetto_types_find(output->last->machine->types,
                            event_record_id(record->data, record->size_bytes),
                            &is_new);

    if (!type) {
        return true; /* without a format there is nothing to show */
    }
    if (is_new && !type->native &&
        !write_descriptor(output, type, event->cpu, error)) {
        return false;
    }
    if (perfetto_bundle_must_end(bundle, event) &&
        !write_bundle(output, output->last, bundle, error)) {
        return false;
    }
    perfetto_bundle_add(bundle, type, event);
    return true;
}

static bool perfetto_event(gpointer state, const TimelineEvent *event,
                           GError **error)
{
    PerfettoOutput *output = state;
    PerfettoBundle *bundle = take_bundle(output, event, error);

    if (!bundle) {
        return false;
    }
    vcpu_slices_event(output->slices, event);
    if (output->failure) {
        g_propagate_error(error, g_steal_pointer(&output->failure));
        return false;
    }
    return add_to_bundle(output, bundle, event, error);
}

static bool perfetto_end(gpointer state, GError **error)
{
    PerfettoOutput *output = state;
    bool ok = output->has_header || write_header(output, 0, error);

    for (guint i = 0; i < output->job->inputs->len; i++) {
        const Buffer *buffer =
            g_hash_table_lookup(output->buffers, output->job->inputs->pdata[i]);
        guint n_bundles = buffer ? buffer->n_bundles : 0;

        for (guint cpu = 0; ok && cpu < n_bundles; cpu++) {
            PerfettoBundle *bundle = buffer->bundles[cpu];

            ok = !bundle || perfetto_bundle_is_empty(bundle) ||
                 write_bundle(output, buffer, bundle, error);
        }
    }
    return ok;
}

const OutputOps perfetto_output_ops = {
    .name = "perfetto",
    .summary = "a trace for ui.perfetto.dev and trace_processor",
    .is_binary = true,
    .needs_ns = true,
    .begin = perfetto_begin,
    .loss = perfetto_loss,
    .event = perfetto_event,
    .end = perfetto_end,
    .free = perfetto_free,
};
