/*
 * OffsetSearch and WindowList: offsets from when a vCPU ran.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "dat-builder.h"
#include "merge/offset-search.h"
#include "merge/window-list.h"
#include "trace-data/dat-open.h"

#define VCPU_THREAD  42
#define OTHER_THREAD 43

static GArray *new_windows(const HostWindow *windows, guint n)
{
    GArray *array = g_array_new(FALSE, FALSE, sizeof(HostWindow));

    g_array_append_vals(array, windows, n);
    return array;
}

/* Events in windows of uneven lengths leave one small interval. */
static void test_one_interval(void)
{
    const HostWindow windows[] = {{100, 110}, {150, 180}, {300, 304}};
    const int64_t offsets[] = {5000, -70};
    g_autoptr(GArray) list = new_windows(windows, G_N_ELEMENTS(windows));

    for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_autoptr(OffsetSearch) search =
            offset_search_new(list, offsets[i] - 90, 200);
        OffsetBound bound;

        offset_search_event(search, (uint64_t)(101 + offsets[i]));
        offset_search_event(search, (uint64_t)(175 + offsets[i]));
        offset_search_event(search, (uint64_t)(301 + offsets[i]));
        bound = offset_search_result(search);
        g_assert_cmpuint(bound.n_events, ==, 3);
        g_assert_cmpuint(bound.n_outside, ==, 0);
        g_assert_cmpuint(bound.error_ticks, <=, 2);
        g_assert_cmpint(ABS(bound.offset_ticks - offsets[i]), <=,
                        bound.error_ticks);
    }
}

/* Where two offsets explain all, the bound spans both. */
static void test_ambiguous(void)
{
    const HostWindow windows[] = {{100, 102}, {200, 202}, {300, 302}};
    g_autoptr(GArray) list = new_windows(windows, G_N_ELEMENTS(windows));
    g_autoptr(OffsetSearch) search = offset_search_new(list, -150, 300);
    OffsetBound bound;

    offset_search_event(search, 201);
    bound = offset_search_result(search);
    g_assert_cmpuint(bound.n_outside, ==, 0);
    g_assert_cmpuint(bound.error_ticks, >=, 100);
}

/* A clock that was set in between is noticed. */
static void test_contradiction(void)
{
    const HostWindow windows[] = {{100, 101}, {200, 201}};
    g_autoptr(GArray) list = new_windows(windows, G_N_ELEMENTS(windows));
    g_autoptr(OffsetSearch) search = offset_search_new(list, -10, 20);

    offset_search_event(search, 100);
    offset_search_event(search, 205);
    g_assert_cmpuint(offset_search_result(search).n_outside, ==, 1);
}

/* A random guest, whose offset the search never loses. */
static void test_random(void)
{
    for (guint round = 0; round < 200; round++) {
        int64_t offset = g_test_rand_int_range(-1000000, 1000000);
        g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(HostWindow));
        g_autoptr(OffsetSearch) search =
            offset_search_new(list, offset - 50000, 100000);
        uint64_t at = 5000000;
        OffsetBound bound;

        for (guint i = 0; i < 300; i++) {
            HostWindow window;

            at += g_test_rand_int_range(1, 500);
            window.from_ticks = at;
            at += g_test_rand_int_range(0, 500);
            window.to_ticks = at++;
            g_array_append_val(list, window);
        }
        for (guint i = 0; i < list->len; i++) {
            const HostWindow *window = &g_array_index(list, HostWindow, i);
            uint64_t room = window->to_ticks - window->from_ticks;
            uint64_t inside =
                room ? (uint64_t)g_test_rand_int_range(0, (int)room + 1) : 0;

            offset_search_event(search,
                                window->from_ticks + inside + (uint64_t)offset);
        }
        bound = offset_search_result(search);
        g_assert_cmpuint(bound.n_outside, ==, 0);
        g_assert_cmpint(ABS(bound.offset_ticks - offset), <=,
                        bound.error_ticks);
    }
}

static GArray *read_windows(DatBuilder *builder)
{
    g_autofree char *path =
        dat_builder_write(builder, "x.dat", &(DatOptions){.trace_id = 1});
    g_autoptr(DatFile) dat = dat_file_open(path, NULL);
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    int32_t thread = VCPU_THREAD;
    g_autoptr(EventTable) table = NULL;
    g_autoptr(GPtrArray) lists = NULL;
    WindowSource source;

    g_array_append_val(threads, thread);
    dat_builder_forget(path);
    g_assert_nonnull(dat);
    table = event_table_new(dat);
    source = (WindowSource){.dat = dat, .events = table};
    lists = window_list_read(&source, WINDOW_KVM, threads);
    g_assert_cmpuint(lists->len, ==, 1);
    return g_array_ref(lists->pdata[0]);
}

/* Windows follow the vCPU from one host CPU to another. */
static void test_windows(void)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    g_autoptr(GArray) windows = NULL;

    dat_builder_add(builder, 0, 100, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 0, 150, BUILT_KVM_ENTRY, OTHER_THREAD, 0);
    dat_builder_add(builder, 0, 200, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    dat_builder_add(builder, 1, 300, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 1, 400, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    windows = read_windows(builder);
    /* All before the first and after the last edge may be one, too. */
    g_assert_true(window_list_has(windows, 50));
    g_assert_true(window_list_has(windows, 150));
    g_assert_false(window_list_has(windows, 250));
    g_assert_true(window_list_has(windows, 300));
    g_assert_true(window_list_has(windows, 350));
    g_assert_true(window_list_has(windows, 500));
}

/* Where the host lost events, the vCPU may have run. */
static void test_lost(void)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(1);
    g_autoptr(GArray) windows = NULL;

    dat_builder_add(builder, 0, 100, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 0, 200, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    dat_builder_end_page(builder, 0, 5);
    dat_builder_add(builder, 0, 300, BUILT_NUMBER, 1, 0);
    dat_builder_add(builder, 0, 400, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 0, 500, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    windows = read_windows(builder);
    g_assert_true(window_list_has(windows, 250));
    g_assert_false(window_list_has(windows, 350));
    g_assert_true(window_list_has(windows, 450));
}

/* After a CPU's last event it may have run there, unseen. */
static void test_lost_at_end(void)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    g_autoptr(GArray) windows = NULL;

    dat_builder_add(builder, 0, 100, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 0, 200, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    dat_builder_end_page(builder, 0, 5);
    dat_builder_add(builder, 1, 300, BUILT_KVM_ENTRY, VCPU_THREAD, 0);
    dat_builder_add(builder, 1, 400, BUILT_KVM_EXIT, VCPU_THREAD, 0);
    windows = read_windows(builder);
    g_assert_true(window_list_has(windows, 250));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/offset-search/one-interval", test_one_interval);
    g_test_add_func("/offset-search/ambiguous", test_ambiguous);
    g_test_add_func("/offset-search/contradiction", test_contradiction);
    g_test_add_func("/offset-search/random", test_random);
    g_test_add_func("/window-list/windows", test_windows);
    g_test_add_func("/window-list/lost", test_lost);
    g_test_add_func("/window-list/lost-at-end", test_lost_at_end);
    return g_test_run();
}
