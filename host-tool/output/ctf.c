/*
 * The ctf format: a directory of Common Trace Format 1.8 traces.
 *
 * Each machine is a trace of its own with one stream for each CPU.  They have
 * one clock in common, the host's in nanoseconds, so that readers put them
 * together.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>

#include "output/ctf-stream.h"
#include "output/ctf-types.h"
#include "output/output.h"
#include "output/vcpu-map.h"

/* Of all CPUs' packets together, and of one. */
#define PACKETS_BYTES    (16u << 20)
#define MIN_PACKET_BYTES (4u << 10)
#define MAX_PACKET_BYTES (256u << 10)

/* One input, with a directory of its own. */
typedef struct CtfTrace {
    const TimelineInput *input;
    const char *name; /* the output's */
    uint8_t uuid[CTF_UUID_BYTES];
    CtfTypes *types;
    CtfStream **streams; /* by CPU, made when first used */
    guint n_streams;
} CtfTrace;

typedef struct CtfOutput {
    const OutputJob *job;
    GHashTable *traces; /* TimelineInput -> CtfTrace */
    CtfTrace *last;     /* of the event before */
    GHashTable *names;  /* of the directories, owned */
    VcpuMap *vcpus;
    GPtrArray *vcpu_names; /* of char *, by the vCPU's index */
    gsize packet_bytes;
} CtfOutput;

static void trace_free(gpointer data)
{
    CtfTrace *trace = data;

    for (guint i = 0; i < trace->n_streams; i++) {
        ctf_stream_free(trace->streams[i]);
    }
    g_free(trace->streams);
    ctf_types_free(trace->types);
    g_free(trace);
}

static void ctf_free(gpointer state)
{
    CtfOutput *output = state;

    g_hash_table_unref(output->traces);
    g_hash_table_unref(output->names);
    g_ptr_array_unref(output->vcpu_names);
    vcpu_map_free(output->vcpus);
    g_free(output);
}

/* The same input gives the same output: no random numbers. */
static void make_uuid(uint8_t uuid[CTF_UUID_BYTES], const char *what,
                      uint64_t trace_id)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_MD5);
    gsize size = CTF_UUID_BYTES;

    g_checksum_update(checksum, (const guchar *)&trace_id, sizeof(trace_id));
    g_checksum_update(checksum, (const guchar *)what, (gssize)strlen(what));
    g_checksum_get_digest(checksum, uuid, &size);
    /* RFC 4122: version 3, by name and MD5 */
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x30);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static void append_uuid(GString *to, const uint8_t uuid[CTF_UUID_BYTES])
{
    g_string_append_c(to, '"');
    for (int i = 0; i < CTF_UUID_BYTES; i++) {
        g_string_append_printf(to, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               uuid[i]);
    }
    g_string_append_c(to, '"');
}

/* A machine's name, or its file's, as that of a directory. */
static char *directory_name(CtfOutput *output, const TimelineInput *input)
{
    g_autofree char *base = g_path_get_basename(input->label);
    char *name;

    g_strcanon(base, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-+.", '_');
    if (base[0] == '.') {
        base[0] = '_';
    }
    name = g_strdup(base);
    for (guint n = 2; g_hash_table_contains(output->names, name); n++) {
        g_free(name);
        name = g_strdup_printf("%s-%u", base, n);
    }
    g_hash_table_add(output->names, name);
    return name;
}

static void add_trace(CtfOutput *output, const TimelineInput *input)
{
    const char *name = directory_name(output, input);
    CtfTrace *trace = g_new0(CtfTrace, 1);

    trace->input = input;
    trace->name = name;
    trace->types = ctf_types_new(input->events);
    trace->n_streams = input->dat->cpus->len;
    trace->streams = g_new0(CtfStream *, trace->n_streams);
    make_uuid(trace->uuid, name, input->dat->options.trace_id);
    g_hash_table_insert(output->traces, (gpointer)input, trace);
}

static gpointer ctf_begin(const OutputJob *job, G_GNUC_UNUSED GError **error)
{
    CtfOutput *output = g_new0(CtfOutput, 1);
    gsize n_cpus = 1;

    output->job = job;
    output->traces = g_hash_table_new_full(NULL, NULL, NULL, trace_free);
    output->names =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    output->vcpus = vcpu_map_new(job->inputs);
    output->vcpu_names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < vcpu_map_size(output->vcpus); i++) {
        const Vcpu *vcpu = vcpu_map_at(output->vcpus, i);

        g_ptr_array_add(output->vcpu_names,
                        g_strdup_printf("%s:%u", vcpu->guest->label,
                                        vcpu->cpu));
    }
    for (guint i = 0; i < job->inputs->len; i++) {
        const TimelineInput *input = job->inputs->pdata[i];

        n_cpus += input->dat->cpus->len;
        if (!input->is_hidden) {
            add_trace(output, input);
        }
    }
    output->packet_bytes =
        CLAMP(PACKETS_BYTES / n_cpus, MIN_PACKET_BYTES, MAX_PACKET_BYTES);
    return output;
}

static CtfTrace *find_trace(CtfOutput *output, const TimelineInput *input)
{
    if (!output->last || output->last->input != input) {
        output->last = g_hash_table_lookup(output->traces, input);
    }
    return output->last;
}

static CtfStream *find_stream(const CtfOutput *output, CtfTrace *trace,
                              unsigned cpu)
{
    if (!trace->streams[cpu]) {
        g_autofree char *name = g_strdup_printf("%s/cpu%u", trace->name, cpu);

        trace->streams[cpu] = ctf_stream_new(&output->job->files, name, cpu,
                                             trace->uuid, output->packet_bytes);
    }
    return trace->streams[cpu];
}

static bool ctf_loss(gpointer state, const TimelineEvent *event, GError **error)
{
    CtfOutput *output = state;
    CtfTrace *trace = find_trace(output, event->input);
    int64_t missed = event->event.missed_events;

    /* CTF has no word for an unknown number: at least one. */
    return ctf_stream_lose(find_stream(output, trace, event->cpu),
                           missed > 0 ? (uint64_t)missed : 1) ||
           output_fail_errno(output->job, error);
}

static const char *vcpu_name(const CtfOutput *output,
                             const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    const EventField pid = event_table_pid_field(event->input->events);
    const Vcpu *vcpu = vcpu_map_of_cpu(output->vcpus, event->input, event->cpu);

    if (!vcpu) {
        vcpu = vcpu_map_of_thread(
            output->vcpus, event->input,
            (int32_t)event_field_read(&pid, record->data, record->size_bytes));
    }
    return vcpu ? output->vcpu_names->pdata[vcpu->index] : "";
}

static bool ctf_event(gpointer state, const TimelineEvent *event,
                      GError **error)
{
    CtfOutput *output = state;
    const CpuEvent *record = &event->event;
    CtfTrace *trace = find_trace(output, event->input);
    GByteArray *packet =
        ctf_stream_begin(find_stream(output, trace, event->cpu),
                         ctf_types_id(trace->types, record), event->time);

    if (!packet) {
        return output_fail_errno(output->job, error);
    }
    ctf_types_append_context(trace->types, packet, record,
                             vcpu_name(output, event));
    ctf_types_append_fields(trace->types, packet, record);
    return true;
}

static void append_trace(const CtfTrace *trace, GString *to)
{
    g_string_append(to, "/* CTF 1.8 */\n\n"
                        "typealias integer { size = 8; align = 8; "
                        "signed = false; } := uuid_byte;\n"
                        "typealias integer { size = 32; align = 8; "
                        "signed = false; } := header_word;\n\n"
                        "trace {\n    major = 1;\n    minor = 8;\n    uuid = ");
    append_uuid(to, trace->uuid);
    g_string_append(to, ";\n    byte_order = le;\n"
                        "    packet.header := struct {\n"
                        "        header_word magic;\n"
                        "        uuid_byte uuid[16];\n"
                        "        header_word stream_id;\n"
                        "    };\n};\n\n");
}

static void append_environment(const CtfTrace *trace, GString *to)
{
    const TimelineInput *input = trace->input;

    g_string_append(to, "env {\n    hostname = ");
    ctf_append_quoted(to, input->label);
    g_string_append_printf(to, ";\n    role = \"%s\";\n",
                           input->vcpu_threads ? "guest" : "host");
    if (input->dat->uname) {
        g_string_append(to, "    uname = ");
        ctf_append_quoted(to, input->dat->uname);
        g_string_append(to, ";\n");
    }
    g_string_append(to, "    domain = \"kernel\";\n"
                        "    tracer_name = \"qemu-trace-merge\";\n};\n\n");
}

/* One clock for all machines: the same name and the same uuid. */
static void append_clock(const CtfOutput *output, GString *to)
{
    const TimelineInput *first = output->job->inputs->pdata[0];
    uint8_t uuid[CTF_UUID_BYTES];

    make_uuid(uuid, "clock", first->dat->options.trace_id);
    g_string_append(to, "clock {\n    name = \"host\";\n    uuid = ");
    append_uuid(to, uuid);
    g_string_append(to, ";\n    description = \"the host's trace clock\";\n"
                        "    freq = 1000000000;\n"
                        "    precision = 1;\n"
                        "    offset_s = 0;\n    offset = 0;\n"
                        "    absolute = FALSE;\n};\n\n");
}

static bool write_metadata(const CtfOutput *output, const CtfTrace *trace,
                           GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *name = g_strconcat(trace->name, "/metadata", NULL);
    const OutputFiles *files = &output->job->files;
    int fd = files->create(name, files->data);
    bool ok;

    if (fd < 0) {
        return output_fail_errno(output->job, error);
    }
    append_trace(trace, text);
    append_environment(trace, text);
    append_clock(output, text);
    g_string_append(text, ctf_stream_metadata);
    g_string_append(text, ctf_types_context_metadata);
    ctf_types_append_metadata(trace->types, text);
    ok = ctf_write_all(fd, text->str, text->len);
    if (close(fd) < 0 || !ok) {
        return output_fail_errno(output->job, error);
    }
    return true;
}

static bool end_trace(const CtfOutput *output, const CtfTrace *trace,
                      GError **error)
{
    for (guint i = 0; i < trace->n_streams; i++) {
        if (trace->streams[i] && !ctf_stream_flush(trace->streams[i])) {
            return output_fail_errno(output->job, error);
        }
    }
    return write_metadata(output, trace, error);
}

static bool ctf_end(gpointer state, GError **error)
{
    CtfOutput *output = state;

    for (guint i = 0; i < output->job->inputs->len; i++) {
        const TimelineInput *input = output->job->inputs->pdata[i];

        if (!input->is_hidden &&
            !end_trace(output, find_trace(output, input), error)) {
            return false;
        }
    }
    return true;
}

const OutputOps ctf_output_ops = {
    .name = "ctf",
    .summary = "a directory of Common Trace Format 1.8 traces, for babeltrace2",
    .is_directory = true,
    .needs_ns = true,
    .begin = ctf_begin,
    .loss = ctf_loss,
    .event = ctf_event,
    .end = ctf_end,
    .free = ctf_free,
};
