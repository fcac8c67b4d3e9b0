/*
 * Page: what a guest is called cannot leave the page's data.
 *
 * tests/page/ uses a page in a browser; this is about its bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dat-builder.h"
#include "explain/make-analysis.h"
#include "output/page.h"

#define VCPU    7
#define HLT     0x78
#define ISA_SVM 2

/* What ends a script element, whatever stands in it. */
#define HOSTILE "</script><script>alert(1)</script><!--"

static TimelineInput *open_host(void)
{
    const DatOptions options = {.tsc_mult = 1 << 20,
                                .tsc_shift = 20,
                                .trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(1);

    dat_builder_use_words(builder);
    for (uint64_t ticks = 1000; ticks < 100000; ticks += 1000) {
        const int64_t entry[] = {0, 0, 0}, leave[] = {0, HLT, ISA_SVM};

        dat_builder_add_words(builder, 0, ticks, BUILT_KVM_ENTRY, VCPU, entry,
                              3);
        dat_builder_add_words(builder, 0, ticks + 600, BUILT_EXIT, VCPU, leave,
                              3);
    }
    return dat_builder_open(builder, "host", &options);
}

static TimelineInput *open_guest(void)
{
    const DatOptions options = {.tsc_mult = 1 << 20,
                                .tsc_shift = 20,
                                .trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(1);
    TimelineInput *input;
    int32_t tid = VCPU;

    for (uint64_t ticks = 1100; ticks < 100000; ticks += 1000) {
        dat_builder_add(builder, 0, ticks, BUILT_NUMBER, 1, 1);
    }
    input = dat_builder_open(builder, "vm1", &options);
    g_free(input->label);
    input->label = g_strdup(HOSTILE);
    input->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_array_append_val(input->vcpu_threads, tid);
    return input;
}

static char *make_page(void)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    const PageOptions options = {.title = HOSTILE, .n_shown = 5, .n_lines = 9};
    g_autoptr(Analysis) analysis = NULL;
    char *page = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&page, &size);

    g_ptr_array_add(inputs, open_host());
    g_ptr_array_add(inputs, open_guest());
    analysis = analysis_make(inputs, NULL);
    page_write(analysis, inputs, &options, stream);
    fclose(stream);
    return page;
}

/* The JSON in the element with this id. */
static json_object *data_of(const char *page, const char *id)
{
    g_autofree char *start =
        g_strdup_printf("<script type=\"application/json\" id=\"%s\">", id);
    const char *found = strstr(page, start);
    const char *end = found ? strstr(found, "</script>") : NULL;
    g_autofree char *text = NULL;
    json_object *object;

    g_assert_nonnull(end);
    found += strlen(start);
    text = g_strndup(found, (gsize)(end - found));
    g_assert_null(strchr(text, '<'));
    object = json_tokener_parse(text);
    g_assert_nonnull(object);
    return object;
}

static const char *string_at(json_object *object, const char *path)
{
    json_object *found = NULL;

    g_assert_cmpint(json_pointer_get(object, path, &found), ==, 0);
    return json_object_get_string(found);
}

static void test_hostile_names(void)
{
    char *page = make_page();
    json_object *recording = data_of(page, "recording");
    json_object *analysis = data_of(page, "analysis");

    g_assert_null(strstr(page, HOSTILE));
    g_assert_cmpstr(string_at(recording, "/title"), ==, HOSTILE);
    g_assert_cmpstr(string_at(recording, "/lanes/1/machine"), ==, HOSTILE);
    g_assert_cmpstr(string_at(recording, "/lanes/1/type"), ==, "vcpu");
    g_assert_cmpstr(string_at(analysis, "/vcpus/0/guest"), ==, HOSTILE);
    json_object_put(recording);
    json_object_put(analysis);
    free(page);
}

/* A page that asks the network for something is not self-contained. */
static void test_self_contained(void)
{
    static const char *const outside[] = {"http:", "src=", "@import", "url("};
    char *page = make_page();

    g_assert_nonnull(strstr(page, "default-src 'none'"));
    for (size_t i = 0; i < G_N_ELEMENTS(outside); i++) {
        const char *found = strstr(page, outside[i]);

        /* The name space of SVG is no address that is asked. */
        if (found && g_str_has_prefix(found, "http://www.w3.org/2000/svg")) {
            found = strstr(found + 1, outside[i]);
        }
        g_assert_cmpstr(found, ==, NULL);
    }
    free(page);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page/hostile-names", test_hostile_names);
    g_test_add_func("/page/self-contained", test_self_contained);
    return g_test_run();
}
