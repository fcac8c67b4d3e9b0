/*
 * RingPage: layouts and sub-buffers made by hand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "ring-page.h"

#define HEADER_64                                               \
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"  \
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n" \
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"  \
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n"
#define HEADER_32                                               \
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"  \
    "\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n" \
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"  \
    "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:1;\n"

#define MISSED_EVENTS (1u << 31)
#define MISSED_STORED (1u << 30)

static void test_layout(void)
{
    g_autoptr(GError) error = NULL;
    RingPageLayout layout;

    g_assert_true(ring_page_parse_layout(HEADER_64, &layout, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(layout.page_bytes, ==, 4096);
    g_assert_cmpuint(layout.data_offset_bytes, ==, 16);
    g_assert_cmpuint(layout.commit_offset_bytes, ==, 8);
    g_assert_cmpuint(layout.commit_bytes, ==, 8);
    g_assert_true(ring_page_parse_layout(HEADER_32, &layout, &error));
    g_assert_cmpuint(layout.page_bytes, ==, 4096);
    g_assert_cmpuint(layout.data_offset_bytes, ==, 12);
    g_assert_cmpuint(layout.commit_bytes, ==, 4);
}

static void test_bad_layout(void)
{
    const char *const texts[] = {
        "",
        "field: char data;\toffset:16;\tsize:4080;\n",
        "\tfield: local_t commit;\toffset:8;\tsize:8;\n"
        "\tfield: char data;\toffset:16;\tsize:4000000000;\n",
        "\tfield: local_t commit;\toffset:20;\tsize:8;\n"
        "\tfield: char data;\toffset:16;\tsize:4080;\n",
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        RingPageLayout layout;

        g_assert_false(ring_page_parse_layout(texts[i], &layout, &error));
        g_assert_nonnull(error);
    }
}

static void put(char *page, gsize offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof(value));
}

static void test_used_bytes(void)
{
    RingPageLayout layout;
    char page[4096] = {0};

    ring_page_parse_layout(HEADER_64, &layout, NULL);
    g_assert_cmpuint(ring_page_used_bytes(&layout, page), ==, 16);
    put(page, 8, 100);
    g_assert_cmpuint(ring_page_used_bytes(&layout, page), ==, 116);
    put(page, 8, 100 | MISSED_EVENTS);
    g_assert_cmpuint(ring_page_used_bytes(&layout, page), ==, 116);
    put(page, 8, 100 | MISSED_EVENTS | MISSED_STORED);
    g_assert_cmpuint(ring_page_used_bytes(&layout, page), ==, 124);
    put(page, 8, 100000);
    g_assert_cmpuint(ring_page_used_bytes(&layout, page), ==, 4096);
}

/* One event of each kind; the kernel counts those with data. */
static void test_count_events(void)
{
    RingPageLayout layout;
    char page[4096] = {0};
    gsize at = 16;

    ring_page_parse_layout(HEADER_64, &layout, NULL);
    put(page, at, 3 | 7 << 5); /* data: 3 words */
    at += 4 + 3 * 4;
    put(page, at, 0 | 7 << 5); /* data: length in the next word */
    put(page, at + 4, 204);
    at += 4 + 204;
    put(page, at, 30); /* time extend */
    at += 8;
    put(page, at, 31); /* time stamp */
    at += 8;
    put(page, at, 29 | 1 << 5); /* a discarded event */
    put(page, at + 4, 36);
    at += 4 + 36;
    put(page, at, 28); /* the largest short one */
    at += 4 + 28 * 4;
    put(page, 8, at - 16);
    g_assert_cmpuint(ring_page_count_events(&layout, page, 4096), ==, 3);
    g_assert_cmpuint(ring_page_count_events(&layout, page, at), ==, 3);
    g_assert_cmpuint(ring_page_count_events(&layout, page, 32), ==, 1);
    g_assert_cmpuint(ring_page_count_events(&layout, page, 16), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ring-page/layout", test_layout);
    g_test_add_func("/ring-page/bad-layout", test_bad_layout);
    g_test_add_func("/ring-page/used-bytes", test_used_bytes);
    g_test_add_func("/ring-page/count-events", test_count_events);
    return g_test_run();
}
