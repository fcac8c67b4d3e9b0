/*
 * The json format: every line parses, and says what was recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <json-c/json.h>
#include <string.h>

#include "dat-builder.h"
#include "output/output.h"

/* What a hostile guest makes up. */
static const BuiltMany hostile = {
    .type = BUILT_MANY,
    .flags = 5,
    .pid = 7,
    .name = "a\"b\\\n\x1b\x7f",
    .few = {-1, 2, -32768},
    .byte = 200,
    .text = 8 << 16 | offsetof(BuiltMany, tail),
    .near = 0xffffffff,
    .list = 8 << 16 | offsetof(BuiltMany, big),
    .big = UINT64_MAX,
    /* C1's CSI as UTF-8, a character above U+FFFF, a byte that is no UTF-8 */
    .tail = "\xc2\x9b\xf0\x9f\x98\x80\xff\0",
};

static GPtrArray *make_inputs(DatBuilder *host, DatBuilder *guest)
{
    static const DatOptions options = {.trace_id = 1,
                                       .tsc_mult = 1,
                                       .tsc_shift = 1};
    GPtrArray *inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    TimelineInput *input = dat_builder_open(host, "host", &options);

    g_ptr_array_add(inputs, input);
    if (guest) {
        static const int32_t threads[] = {70, 0};

        input = dat_builder_open(guest, "vm\x1b\"1", &options);
        input->vcpu_threads = g_array_new(FALSE, TRUE, sizeof(int32_t));
        g_array_append_vals(input->vcpu_threads, threads, 2);
        g_ptr_array_add(inputs, input);
    }
    return inputs;
}

static void object_free(gpointer object)
{
    json_object_put(object);
}

/* All lines, each parsed; of struct json_object. */
static GPtrArray *write_json(GPtrArray *inputs)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(object_free);
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    g_autofree char *text = NULL;
    g_auto(GStrv) parts = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    const OutputJob job = {.inputs = inputs, .name = "it", .stream = stream};
    g_autoptr(GError) error = NULL;

    output_write(output_find("json", NULL), &job, timeline, &error);
    g_assert_no_error(error);
    fclose(stream);
    for (size_t i = 0; i < size; i++) {
        g_assert_true((text[i] >= 0x20 && text[i] < 0x7f) || text[i] == '\n');
    }
    g_assert_true(g_str_has_suffix(text, "}\n"));
    parts = g_strsplit(text, "\n", -1);
    for (guint i = 0; parts[i + 1]; i++) {
        struct json_object *object = json_tokener_parse(parts[i]);

        g_assert_nonnull(object);
        g_ptr_array_add(lines, object);
    }
    return lines;
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value)) {
        g_error("no member %s in %s", key, json_object_to_json_string(object));
    }
    return value;
}

static const char *get_string(struct json_object *object, const char *key)
{
    g_assert_true(json_object_is_type(get(object, key), json_type_string));
    return json_object_get_string(get(object, key));
}

static int64_t get_int(struct json_object *object, const char *key)
{
    g_assert_true(json_object_is_type(get(object, key), json_type_int));
    return json_object_get_int64(get(object, key));
}

static void test_frame(void)
{
    g_autoptr(DatBuilder) host = dat_builder_new(2);
    g_autoptr(GPtrArray) inputs = make_inputs(host, NULL);
    g_autoptr(GPtrArray) lines = write_json(inputs);

    g_assert_cmpuint(lines->len, ==, 3);
    g_assert_cmpstr(get_string(lines->pdata[0], "type"), ==, "header");
    g_assert_cmpint(get_int(lines->pdata[0], "format"), ==, 1);
    g_assert_cmpstr(get_string(lines->pdata[1], "machine"), ==, "host");
    g_assert_cmpstr(get_string(lines->pdata[1], "role"), ==, "host");
    g_assert_cmpint(get_int(lines->pdata[1], "cpus"), ==, 2);
    g_assert_cmpstr(get_string(lines->pdata[2], "type"), ==, "end");
    g_assert_cmpint(get_int(lines->pdata[2], "events"), ==, 0);
}

static void test_fields(void)
{
    g_autoptr(DatBuilder) host = dat_builder_new(1);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GPtrArray) lines = NULL;
    struct json_object *event, *fields;

    dat_builder_add_record(host, 0, UINT64_C(1) << 63, &hostile,
                           sizeof(hostile));
    inputs = make_inputs(host, NULL);
    lines = write_json(inputs);
    event = lines->pdata[2];
    g_assert_cmpstr(get_string(event, "type"), ==, "event");
    g_assert_cmpstr(get_string(event, "system"), ==, "test");
    g_assert_cmpstr(get_string(event, "event"), ==, "many");
    g_assert_cmpuint(json_object_get_uint64(get(event, "ticks")), ==,
                     UINT64_C(1) << 63);
    g_assert_cmpint(get_int(event, "time_ns"), ==, INT64_C(1) << 62);
    g_assert_cmpint(get_int(event, "pid"), ==, 7);
    g_assert_cmpstr(get_string(event, "comm"), ==, "worker");
    g_assert_cmpint(get_int(event, "flags"), ==, 5);
    fields = get(event, "fields");
    g_assert_cmpint(json_object_object_length(fields), ==, 7);
    g_assert_cmpstr(get_string(fields, "name"), ==, hostile.name);
    g_assert_cmpint(get_int(fields, "byte"), ==, 200);
    g_assert_cmpuint(json_object_get_uint64(get(fields, "big")), ==,
                     UINT64_MAX);
    g_assert_cmpstr(get_string(fields, "text"), ==,
                    "\xc2\x9b\xf0\x9f\x98\x80\xef\xbf\xbd");
    g_assert_cmpstr(get_string(fields, "near"), ==, "");
    g_assert_cmpstr(json_object_to_json_string_ext(get(fields, "few"), 0), ==,
                    "[-1,2,-32768]");
    g_assert_cmpstr(json_object_to_json_string_ext(get(fields, "list"), 0), ==,
                    "[4294967295,4294967295]");
}

static void test_unknown_event(void)
{
    static const uint16_t record[] = {999, 1};
    g_autoptr(DatBuilder) host = dat_builder_new(1);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GPtrArray) lines = NULL;

    dat_builder_add_record(host, 0, 10, record, sizeof(record));
    inputs = make_inputs(host, NULL);
    lines = write_json(inputs);
    g_assert_null(get(lines->pdata[2], "event"));
    g_assert_cmpstr(get_string(lines->pdata[2], "bytes"), ==, "e7030100");
}

static void test_loss(void)
{
    g_autoptr(DatBuilder) host = dat_builder_new(1);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GPtrArray) lines = NULL;

    dat_builder_add(host, 0, 10, BUILT_NUMBER, 1, 1);
    dat_builder_end_page(host, 0, 42);
    dat_builder_add(host, 0, 20, BUILT_NUMBER, 1, 2);
    dat_builder_end_page(host, 0, -1);
    dat_builder_add(host, 0, 30, BUILT_NUMBER, 1, 3);
    inputs = make_inputs(host, NULL);
    lines = write_json(inputs);
    g_assert_cmpuint(lines->len, ==, 8);
    g_assert_cmpstr(get_string(lines->pdata[3], "type"), ==, "loss");
    g_assert_cmpint(get_int(lines->pdata[3], "events"), ==, 42);
    g_assert_cmpint(get_int(lines->pdata[3], "ticks"), ==, 20);
    g_assert_null(get(lines->pdata[5], "events"));
    g_assert_cmpint(get_int(lines->pdata[7], "losses"), ==, 2);
    g_assert_cmpint(get_int(lines->pdata[7], "events"), ==, 3);
}

static void expect_vcpu(struct json_object *event)
{
    struct json_object *vcpu = get(event, "vcpu");

    g_assert_cmpstr(get_string(vcpu, "machine"), ==, "vm\x1b\"1");
    g_assert_cmpint(get_int(vcpu, "cpu"), ==, 0);
    g_assert_cmpint(get_int(vcpu, "thread_id"), ==, 70);
}

/* Both sides of a vCPU are marked as its own. */
static void test_vcpu(void)
{
    g_autoptr(DatBuilder) host = dat_builder_new(1);
    g_autoptr(DatBuilder) guest = dat_builder_new(2);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GPtrArray) lines = NULL;

    dat_builder_add(host, 0, 10, BUILT_KVM_ENTRY, 70, 0);
    dat_builder_add(guest, 0, 20, BUILT_NUMBER, 5, 0);
    dat_builder_add(host, 0, 30, BUILT_NUMBER, 71, 0);
    dat_builder_add(guest, 1, 40, BUILT_NUMBER, 70, 0);
    inputs = make_inputs(host, guest);
    lines = write_json(inputs);
    g_assert_cmpstr(get_string(lines->pdata[2], "role"), ==, "guest");
    g_assert_cmpstr(get_string(lines->pdata[2], "host"), ==, "host");
    expect_vcpu(lines->pdata[3]);
    expect_vcpu(lines->pdata[4]);
    g_assert_cmpstr(get_string(lines->pdata[4], "machine"), ==, "vm\x1b\"1");
    for (int i = 5; i <= 6; i++) {
        g_assert_false(
            json_object_object_get_ex(lines->pdata[i], "vcpu", NULL));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-output/frame", test_frame);
    g_test_add_func("/json-output/fields", test_fields);
    g_test_add_func("/json-output/unknown-event", test_unknown_event);
    g_test_add_func("/json-output/loss", test_loss);
    g_test_add_func("/json-output/vcpu", test_vcpu);
    return g_test_run();
}
