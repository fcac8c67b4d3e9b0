/*
 * Running query-vcpu-tsc-offset and checking its answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/offset-query.h"

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/json-read.h"

#define COMMAND    "query-vcpu-tsc-offset"
#define TIMEOUT_MS 10000
#define MAX_VCPUS  4096
#define MAX_PATH   1024
#define MAX_KHZ    (100u * 1000 * 1000)
#define MAX_CLOCKS 1024
/* As many as a ClockMap may have. */
#define MAX_FRAC_BITS 63

static void clear_reading(gpointer data)
{
    OffsetReading *reading = data;

    g_clear_pointer(&reading->qom_path, g_free);
    g_clear_pointer(&reading->clocks, g_array_unref);
}

static gboolean read_khz(json_object *object, uint32_t *khz)
{
    int64_t value;

    if (!json_object_object_get_ex(object, "tsc-khz", NULL)) {
        return TRUE;
    }
    if (!json_read_int64(object, "tsc-khz", 0, MAX_KHZ, &value)) {
        return FALSE;
    }
    *khz = value;
    return TRUE;
}

static gboolean read_source(json_object *vcpu, OffsetReading *reading)
{
    const char *source = json_read_string(vcpu, "source", 80);

    if (source && g_str_equal(source, "kvm-attribute")) {
        reading->source = OFFSET_SOURCE_KVM;
        return TRUE;
    }
    if (source && g_str_equal(source, "kvm-msr")) {
        reading->source = OFFSET_SOURCE_KVM_MSR;
        return TRUE;
    }
    if (source && g_str_equal(source, "tcg")) {
        reading->source = OFFSET_SOURCE_TCG;
        return json_read_uint64(vcpu, "effective-from", UINT64_MAX,
                                &reading->effective_from_guest_ticks);
    }
    return FALSE;
}

static gboolean read_clock(json_object *object, OffsetClock *clock)
{
    json_object *since = json_read_member(object, "since", json_type_object);

    return since &&
           json_read_int64(object, "offset", INT64_MIN, INT64_MAX,
                           &clock->offset_ticks) &&
           json_read_uint64(object, "error-ticks", INT64_MAX,
                            &clock->error_ticks) &&
           json_read_uint64(object, "ratio", UINT64_MAX, &clock->ratio) &&
           clock->ratio > 0 &&
           json_read_uint32(object, "frac-bits", &clock->frac_bits) &&
           clock->frac_bits <= MAX_FRAC_BITS &&
           json_read_uint64(since, "from", UINT64_MAX,
                            &clock->since_from_host_ticks) &&
           json_read_uint64(since, "to", UINT64_MAX,
                            &clock->since_to_host_ticks) &&
           clock->since_from_host_ticks <= clock->since_to_host_ticks;
}

static gboolean read_clocks(json_object *vcpu, OffsetReading *reading)
{
    json_object *history = json_read_array(vcpu, "history", MAX_CLOCKS);
    size_t n = history ? json_object_array_length(history) : 0;

    if (!history) {
        return FALSE;
    }
    reading->clocks = g_array_new(FALSE, TRUE, sizeof(OffsetClock));
    for (size_t i = 0; i <= n; i++) {
        OffsetClock clock = {0};

        if (!read_clock(i < n ? json_object_array_get_idx(history, i) : vcpu,
                        &clock)) {
            return FALSE;
        }
        g_array_append_val(reading->clocks, clock);
    }
    return TRUE;
}

/* What the command's first version doesn't have. */
static gboolean read_tracking(json_object *vcpu, OffsetReading *reading)
{
    const char *ratio_source = json_read_string(vcpu, "ratio-source", 80);
    const OffsetClock *clock;

    if (!json_object_object_get_ex(vcpu, "ratio", NULL)) {
        return TRUE;
    }
    if (!ratio_source || !read_clocks(vcpu, reading) ||
        !json_read_uint64(vcpu, "confirmed", UINT64_MAX,
                          &reading->confirmed_host_ticks)) {
        return FALSE;
    }
    clock =
        &g_array_index(reading->clocks, OffsetClock, reading->clocks->len - 1);
    reading->error_ticks = clock->error_ticks;
    reading->ratio = clock->ratio;
    reading->frac_bits = clock->frac_bits;
    reading->is_ratio_assumed = g_str_equal(ratio_source, "computed");
    return TRUE;
}

static gboolean read_vcpu(json_object *vcpu, OffsetReading *reading)
{
    const char *qom_path = json_read_string(vcpu, "qom-path", MAX_PATH);
    int64_t thread_id;

    if (!qom_path ||
        !json_read_uint32(vcpu, "cpu-index", &reading->cpu_index) ||
        !json_read_uint32(vcpu, "apic-id", &reading->apic_id) ||
        !json_read_int64(vcpu, "thread-id", 1, INT32_MAX, &thread_id) ||
        !json_read_int64(vcpu, "offset", INT64_MIN, INT64_MAX,
                         &reading->offset_ticks) ||
        !read_khz(vcpu, &reading->guest_khz) || !read_source(vcpu, reading) ||
        !read_tracking(vcpu, reading)) {
        return FALSE;
    }
    reading->thread_id = thread_id;
    reading->qom_path = g_strdup(qom_path);
    return TRUE;
}

static gint compare_readings(gconstpointer a, gconstpointer b)
{
    uint32_t first = ((const OffsetReading *)a)->cpu_index;
    uint32_t second = ((const OffsetReading *)b)->cpu_index;

    return first < second ? -1 : first > second;
}

static OffsetQuery *throw_nonsense(const char *what, GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                "QEMU's answer to " COMMAND " has %s; is its command the one "
                "of this program's version?",
                what);
    return NULL;
}

OffsetQuery *offset_query_new(void)
{
    OffsetQuery *query = g_new0(OffsetQuery, 1);

    query->readings = g_array_new(FALSE, TRUE, sizeof(OffsetReading));
    g_array_set_clear_func(query->readings, clear_reading);
    return query;
}

gboolean offset_source_is_tcg(OffsetSource source)
{
    return source == OFFSET_SOURCE_TCG || source == OFFSET_SOURCE_NONE_TCG;
}

gboolean offset_source_has_offset(OffsetSource source)
{
    return source != OFFSET_SOURCE_NONE_KVM && source != OFFSET_SOURCE_NONE_TCG;
}

OffsetQuery *offset_query_parse(json_object *answer, GError **error)
{
    g_autoptr(OffsetQuery) query = offset_query_new();
    json_object *host = json_read_member(answer, "host", json_type_object);
    json_object *list = json_read_array(answer, "vcpus", MAX_VCPUS);
    size_t n = list ? json_object_array_length(list) : 0;

    if (!host || !read_khz(host, &query->host_khz)) {
        return throw_nonsense("no valid host", error);
    }
    if (n == 0) {
        return throw_nonsense("no vCPUs", error);
    }
    for (size_t i = 0; i < n; i++) {
        json_object *vcpu = json_object_array_get_idx(list, i);
        OffsetReading reading = {0};

        if (!read_vcpu(vcpu, &reading)) {
            clear_reading(&reading);
            return throw_nonsense("an invalid vCPU", error);
        }
        if (offset_query_find(query, reading.apic_id)) {
            clear_reading(&reading);
            return throw_nonsense("an APIC id twice", error);
        }
        g_array_append_val(query->readings, reading);
    }
    g_array_sort(query->readings, compare_readings);
    return g_steal_pointer(&query);
}

static json_object *execute(GuestLink *link, OffsetFreshness freshness,
                            GError **error)
{
    json_object *arguments = NULL;

    if (freshness == OFFSET_FRESH) {
        arguments = json_object_new_object();
        json_object_object_add(arguments, "refresh",
                               json_object_new_boolean(TRUE));
    }
    return guest_link_qmp_execute(link, COMMAND, arguments, TIMEOUT_MS, error);
}

OffsetQuery *offset_query_run(GuestLink *link, OffsetFreshness freshness,
                              GError **error)
{
    g_autoptr(GError) cause = NULL;
    uint64_t from_host_ticks = host_ticks_now();
    g_autoptr(json_object) answer = execute(link, freshness, &cause);
    uint64_t to_host_ticks;
    OffsetQuery *query;

    /* The first version takes no argument. */
    if (freshness == OFFSET_FRESH &&
        g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED)) {
        g_clear_error(&cause);
        answer = execute(link, OFFSET_TRACKED, &cause);
    }
    to_host_ticks = host_ticks_now();

    if (g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_NO_COMMAND)) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_NO_COMMAND,
                    "this QEMU has no " COMMAND "; run the guest with a QEMU "
                    "that has the patches in qemu-patches/");
        return NULL;
    }
    if (!answer) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    query = offset_query_parse(answer, error);
    if (query) {
        query->from_host_ticks = from_host_ticks;
        query->to_host_ticks = to_host_ticks;
    }
    return query;
}

void offset_query_free(OffsetQuery *query)
{
    if (query) {
        g_array_unref(query->readings);
        g_free(query);
    }
}

const OffsetReading *offset_query_find(const OffsetQuery *query,
                                       uint32_t apic_id)
{
    for (guint i = 0; i < query->readings->len; i++) {
        const OffsetReading *reading =
            &g_array_index(query->readings, OffsetReading, i);

        if (reading->apic_id == apic_id) {
            return reading;
        }
    }
    return NULL;
}
