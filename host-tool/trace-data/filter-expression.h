/*
 * FilterExpression: the text of an event filter, parsed.
 *
 * The syntax is that of `trace-cmd report -F` (libtraceevent's
 * src/parse-filter.c):
 *
 *     EVENTS [':' CONDITION]
 *     EVENTS     SYSTEM/EVENT | SYSTEM | EVENT | EVENTS ',' EVENTS
 *     CONDITION  FIELD OP VALUE | CONDITION && CONDITION |
 *                CONDITION || CONDITION | ! CONDITION | (CONDITION)
 *
 * && and || have no precedence over each other: they are taken from left to
 * right, as there.  Beyond it, a third name in front (MACHINE/SYSTEM/EVENT)
 * restricts a filter to machines, values may be sums, masks and negative
 * numbers on either side, and a field alone is true where it is not 0.
 *
 * What a name means in a file is found by event-filter.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FILTER_EXPRESSION_H
#define FILTER_EXPRESSION_H

#include <glib.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum FilterNodeType {
    FILTER_NODE_NUMBER,
    FILTER_NODE_FIELD,
    FILTER_NODE_STRING, /* only as the right side of a comparison */
    FILTER_NODE_NOT,    /* of left */
    FILTER_NODE_INVERT, /* ~ left */
    FILTER_NODE_AND,
    FILTER_NODE_OR,
    FILTER_NODE_ADD,
    FILTER_NODE_SUBTRACT,
    FILTER_NODE_MULTIPLY,
    FILTER_NODE_DIVIDE,
    FILTER_NODE_MODULO,
    FILTER_NODE_SHIFT_LEFT,
    FILTER_NODE_SHIFT_RIGHT,
    FILTER_NODE_BIT_AND,
    FILTER_NODE_BIT_OR,
    FILTER_NODE_BIT_XOR,
    FILTER_NODE_EQUAL,
    FILTER_NODE_NOT_EQUAL,
    FILTER_NODE_LESS,
    FILTER_NODE_GREATER,
    FILTER_NODE_LESS_EQUAL,
    FILTER_NODE_GREATER_EQUAL,
    FILTER_NODE_MATCHES,     /* =~ */
    FILTER_NODE_NOT_MATCHES, /* !~ */
} FilterNodeType;

typedef struct FilterNode {
    FilterNodeType type;
    struct FilterNode *left;  /* owned; NULL where there is none */
    struct FilterNode *right; /* likewise */
    uint64_t number;          /* of NUMBER, and of a STRING of one character */
    char *text;               /* of FIELD and STRING */
    bool is_character;        /* a STRING in single quotes, of one character */
    bool known;               /* a FIELD that some event was found to have */
    regex_t *regex;           /* of MATCHES and NOT_MATCHES */
} FilterNode;

/* One of the names in front of the colon; regular expressions as regcomp(3)
 * has them, anchored, upper and lower case alike. */
typedef struct FilterEvents {
    char *text;
    regex_t *system; /* NULL: event may name either */
    regex_t *event;
    bool known; /* some file has such an event */
} FilterEvents;

typedef struct FilterExpression {
    char *text;
    char *machine;     /* a glob, or NULL: any */
    GPtrArray *events; /* of FilterEvents */
    FilterNode *root;  /* NULL: no condition */
} FilterExpression;

/* The error names the word at which it went wrong. */
FilterExpression *filter_expression_parse(const char *text, GError **error);
void filter_expression_free(FilterExpression *expression);

/*
 * The first field, from left to right, that no event was found to have, or
 * NULL.  *alone tells that it is the whole condition.
 */
const char *filter_expression_unknown_field(const FilterExpression *expression,
                                            bool *alone);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterExpression, filter_expression_free)

#endif
