/*
 * RunList: what a lane of the page shows, as runs of columns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/run-list.h"

#include <stdbool.h>

/* Of one column; what comes after so many others is not told apart. */
#define MAX_SHARES 16

typedef struct Share {
    guint item;
    uint64_t length;
} Share;

struct RunList {
    uint64_t from;
    uint64_t to;
    uint64_t column;
    guint max_runs;
    uint64_t now; /* what was added reaches to here */
    Share shares[MAX_SHARES];
    guint n_shares; /* of the column that is not complete */
    guint run_item; /* the run that may still grow */
    uint64_t run_columns;
    guint n_runs;
    GByteArray *bytes;
};

RunList *run_list_new(uint64_t from, uint64_t to, uint64_t column,
                      guint max_runs)
{
    RunList *list = g_new0(RunList, 1);

    list->from = from;
    list->to = to;
    list->column = column;
    list->max_runs = max_runs;
    list->now = from;
    list->bytes = g_byte_array_new();
    return list;
}

void run_list_free(RunList *list)
{
    if (list) {
        g_byte_array_unref(list->bytes);
        g_free(list);
    }
}

static void append_number(GByteArray *bytes, uint64_t value)
{
    do {
        guint8 byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);

        g_byte_array_append(bytes, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void flush_run(RunList *list)
{
    if (list->run_columns > 0) {
        append_number(list->bytes, list->run_columns);
        append_number(list->bytes, list->run_item);
        list->run_columns = 0;
        list->n_runs++;
    }
}

static void append_columns(RunList *list, uint64_t n_columns, guint item)
{
    if (item != list->run_item) {
        flush_run(list);
        list->run_item = item;
    }
    list->run_columns += n_columns;
}

static void add_share(RunList *list, guint item, uint64_t length)
{
    guint i;

    for (i = 0; i < list->n_shares && list->shares[i].item != item; i++) {
    }
    if (i == MAX_SHARES) {
        return;
    }
    if (i == list->n_shares) {
        list->shares[list->n_shares++] = (Share){.item = item};
    }
    list->shares[i].length += length;
}

/* A complete column shows what took the most of it. */
static void end_column(RunList *list)
{
    const Share *most = &list->shares[0];

    for (guint i = 1; i < list->n_shares; i++) {
        if (list->shares[i].length > most->length) {
            most = &list->shares[i];
        }
    }
    append_columns(list, 1, most->item);
    list->n_shares = 0;
}

static void advance(RunList *list, uint64_t to, guint item)
{
    while (list->now < to && list->n_runs < list->max_runs) {
        uint64_t into = (list->now - list->from) % list->column;
        uint64_t left = to - list->now;

        if (into == 0 && left >= list->column) {
            append_columns(list, left / list->column, item);
            list->now += left / list->column * list->column;
            continue;
        }
        left = MIN(left, list->column - into);
        add_share(list, item, left);
        list->now += left;
        if (into + left == list->column) {
            end_column(list);
        }
    }
}

void run_list_add(RunList *list, uint64_t from, uint64_t to, guint item)
{
    from = MIN(from, list->to);
    to = MIN(to, list->to);
    if (to > list->now) {
        advance(list, from, RUN_ITEM_NONE);
        advance(list, to, item);
    }
}

void run_list_end(RunList *list)
{
    advance(list, list->to, RUN_ITEM_NONE);
    if (list->n_shares > 0) {
        end_column(list);
    }
    flush_run(list);
    list->to = list->now;
}

uint64_t run_list_from(const RunList *list)
{
    return list->from;
}

uint64_t run_list_to(const RunList *list)
{
    return list->to;
}

uint64_t run_list_column(const RunList *list)
{
    return list->column;
}

const GByteArray *run_list_bytes(const RunList *list)
{
    return list->bytes;
}
