/*
 * FilterExpression: the text of an event filter, parsed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/filter-expression.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>

/* A condition is typed by hand: deeper ones are mistakes or attacks. */
#define MAX_DEPTH 100

typedef enum TokenType {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_OPERATOR,
} TokenType;

typedef struct Parser {
    const char *whole; /* the filter, for errors */
    const char *next;  /* what is not read yet */
    unsigned depth;
    TokenType type; /* of the token in hand */
    char *token;    /* its text, without quotes */
    char quote;     /* of a string: ' or " */
    uint64_t number;
} Parser;

typedef struct Operator {
    const char *text;
    FilterNodeType type;
    unsigned level; /* binds closer the higher it is */
} Operator;

#define LEVEL_LOGIC      1
#define LEVEL_COMPARISON 2

/* Longer ones first: "<" is the start of "<<" and "<=". */
static const Operator operators[] = {
    {"&&", FILTER_NODE_AND, LEVEL_LOGIC},
    {"||", FILTER_NODE_OR, LEVEL_LOGIC},
    {"==", FILTER_NODE_EQUAL, LEVEL_COMPARISON},
    {"!=", FILTER_NODE_NOT_EQUAL, LEVEL_COMPARISON},
    {"<=", FILTER_NODE_LESS_EQUAL, LEVEL_COMPARISON},
    {">=", FILTER_NODE_GREATER_EQUAL, LEVEL_COMPARISON},
    {"=~", FILTER_NODE_MATCHES, LEVEL_COMPARISON},
    {"!~", FILTER_NODE_NOT_MATCHES, LEVEL_COMPARISON},
    {"<<", FILTER_NODE_SHIFT_LEFT, 6},
    {">>", FILTER_NODE_SHIFT_RIGHT, 6},
    {"<", FILTER_NODE_LESS, LEVEL_COMPARISON},
    {">", FILTER_NODE_GREATER, LEVEL_COMPARISON},
    {"|", FILTER_NODE_BIT_OR, 3},
    {"^", FILTER_NODE_BIT_XOR, 4},
    {"&", FILTER_NODE_BIT_AND, 5},
    {"+", FILTER_NODE_ADD, 7},
    {"-", FILTER_NODE_SUBTRACT, 7},
    {"*", FILTER_NODE_MULTIPLY, 8},
    {"/", FILTER_NODE_DIVIDE, 8},
    {"%", FILTER_NODE_MODULO, 8},
};

#define LEVEL_HIGHEST 8

static FilterNode *parse_logic(Parser *parser, GError **error);

static void regex_free(regex_t *regex)
{
    if (regex) {
        regfree(regex);
        g_free(regex);
    }
}

static void node_free(FilterNode *node)
{
    if (node) {
        node_free(node->left);
        node_free(node->right);
        regex_free(node->regex);
        g_free(node->text);
        g_free(node);
    }
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterNode, node_free)

static void events_free(gpointer data)
{
    FilterEvents *events = data;

    regex_free(events->system);
    regex_free(events->event);
    g_free(events->text);
    g_free(events);
}

void filter_expression_free(FilterExpression *expression)
{
    if (expression) {
        g_ptr_array_unref(expression->events);
        node_free(expression->root);
        g_free(expression->machine);
        g_free(expression->text);
        g_free(expression);
    }
}

static void *throw_parse(const Parser *parser, GError **error,
                         const char *format, ...) G_GNUC_PRINTF(3, 4);

static void *throw_parse(const Parser *parser, GError **error,
                         const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list arguments;

    va_start(arguments, format);
    what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "filter '%s': %s", parser->whole, what);
    return NULL;
}

static regex_t *compile_regex(const Parser *parser, const char *pattern,
                              GError **error)
{
    regex_t *regex = g_new0(regex_t, 1);
    int status = regcomp(regex, pattern, REG_ICASE | REG_NOSUB);
    char why[128];

    if (status == 0) {
        return regex;
    }
    regerror(status, regex, why, sizeof(why));
    g_free(regex);
    return throw_parse(parser, error, "'%s' is no regular expression: %s",
                       pattern, why);
}

static bool is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static bool take_string(Parser *parser, GError **error)
{
    GString *text = g_string_new(NULL);
    char quote = *parser->next;
    const char *c;

    for (c = parser->next + 1; *c != '\0' && *c != quote; c++) {
        if (*c == '\\' && c[1] == quote) {
            c++;
        }
        g_string_append_c(text, *c);
    }
    parser->token = g_string_free(text, FALSE);
    if (*c == '\0') {
        throw_parse(parser, error, "the string %c%s has no closing %c", quote,
                    parser->token, quote);
        return false;
    }
    parser->type = TOKEN_STRING;
    parser->quote = quote;
    parser->next = c + 1;
    return true;
}

static bool take_word(Parser *parser, GError **error)
{
    const char *end = parser->next;
    char *rest;

    while (is_name_char(*end)) {
        end++;
    }
    parser->token = g_strndup(parser->next, (gsize)(end - parser->next));
    parser->next = end;
    if (!g_ascii_isdigit(parser->token[0])) {
        parser->type = TOKEN_NAME;
        return true;
    }
    parser->type = TOKEN_NUMBER;
    errno = 0;
    parser->number = g_ascii_strtoull(parser->token, &rest, 0);
    if (errno != 0 || *rest != '\0') {
        throw_parse(parser, error, "'%s' is not a number of 64 bits",
                    parser->token);
        return false;
    }
    return true;
}

static bool take_operator(Parser *parser, GError **error)
{
    static const char single[] = "!~()";

    parser->type = TOKEN_OPERATOR;
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (g_str_has_prefix(parser->next, operators[i].text)) {
            parser->token = g_strdup(operators[i].text);
            parser->next += strlen(parser->token);
            return true;
        }
    }
    if (strchr(single, *parser->next)) {
        parser->token = g_strndup(parser->next++, 1);
        return true;
    }
    if (*parser->next == '=') {
        throw_parse(parser, error,
                    "'=' is no comparison; write '==' for equal");
        return false;
    }
    throw_parse(parser, error, "'%s' cannot be understood", parser->next);
    return false;
}

/* Reads the next token. */
static bool advance(Parser *parser, GError **error)
{
    g_clear_pointer(&parser->token, g_free);
    while (g_ascii_isspace(*parser->next)) {
        parser->next++;
    }
    if (*parser->next == '\0') {
        parser->type = TOKEN_END;
        return true;
    }
    if (*parser->next == '"' || *parser->next == '\'') {
        return take_string(parser, error);
    }
    return is_name_char(*parser->next) ? take_word(parser, error)
                                       : take_operator(parser, error);
}

static bool is_operator(const Parser *parser, const char *text)
{
    return parser->type == TOKEN_OPERATOR && strcmp(parser->token, text) == 0;
}

static const Operator *operator_at_level(const Parser *parser, unsigned level)
{
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (operators[i].level == level &&
            is_operator(parser, operators[i].text)) {
            return &operators[i];
        }
    }
    return NULL;
}

/* Owns both sides, even when it fails. */
static FilterNode *node_new(FilterNodeType type, FilterNode *left,
                            FilterNode *right)
{
    FilterNode *node = g_new0(FilterNode, 1);

    node->type = type;
    node->left = left;
    node->right = right;
    return node;
}

static FilterNode *parse_parentheses(Parser *parser, GError **error)
{
    g_autoptr(FilterNode) inner = NULL;

    if (!advance(parser, error)) {
        return NULL;
    }
    inner = parse_logic(parser, error);
    if (!inner) {
        return NULL;
    }
    if (!is_operator(parser, ")")) {
        return throw_parse(parser, error,
                           parser->type == TOKEN_END
                               ? "a '(' has no ')'%s"
                               : "expected ')' or an operator before '%s'",
                           parser->type == TOKEN_END ? "" : parser->token);
    }
    return advance(parser, error) ? g_steal_pointer(&inner) : NULL;
}

static FilterNode *parse_unary(Parser *parser, GError **error);

/* - and ~ in front of a value. */
static FilterNode *parse_sign(Parser *parser, GError **error)
{
    bool negative = is_operator(parser, "-");
    FilterNode *value;

    if (!advance(parser, error)) {
        return NULL;
    }
    value = parse_unary(parser, error);
    if (!value) {
        return NULL;
    }
    if (value->type == FILTER_NODE_STRING) {
        throw_parse(parser, error, "'%s' needs a number, not a string",
                    negative ? "-" : "~");
        node_free(value);
        return NULL;
    }
    return negative ? node_new(FILTER_NODE_SUBTRACT,
                               node_new(FILTER_NODE_NUMBER, NULL, NULL), value)
                    : node_new(FILTER_NODE_INVERT, value, NULL);
}

static FilterNode *parse_value(Parser *parser, GError **error)
{
    static const FilterNodeType types[] = {
        [TOKEN_NUMBER] = FILTER_NODE_NUMBER,
        [TOKEN_NAME] = FILTER_NODE_FIELD,
        [TOKEN_STRING] = FILTER_NODE_STRING,
    };
    g_autoptr(FilterNode) node = NULL;

    if (parser->type == TOKEN_END) {
        return throw_parse(parser, error,
                           "a field or value is missing at its end");
    }
    if (parser->type == TOKEN_OPERATOR) {
        return throw_parse(parser, error, "expected a field or value, not '%s'",
                           parser->token);
    }
    node = node_new(types[parser->type], NULL, NULL);
    node->number = parser->number;
    if (parser->type == TOKEN_STRING) {
        node->is_character =
            parser->quote == '\'' && strlen(parser->token) == 1;
        node->number = (uint8_t)parser->token[0];
    }
    node->text = g_steal_pointer(&parser->token);
    return advance(parser, error) ? g_steal_pointer(&node) : NULL;
}

static FilterNode *parse_unary(Parser *parser, GError **error)
{
    FilterNode *node;

    if (++parser->depth > MAX_DEPTH) {
        return throw_parse(parser, error, "it is nested too deep");
    }
    if (is_operator(parser, "(")) {
        node = parse_parentheses(parser, error);
    } else if (is_operator(parser, "-") || is_operator(parser, "~")) {
        node = parse_sign(parser, error);
    } else {
        node = parse_value(parser, error);
    }
    parser->depth--;
    return node;
}

/* Sums, products, masks: from left to right within a level. */
static FilterNode *parse_arithmetic(Parser *parser, unsigned level,
                                    GError **error)
{
    g_autoptr(FilterNode) left = NULL;
    const Operator *op;

    if (level > LEVEL_HIGHEST) {
        return parse_unary(parser, error);
    }
    left = parse_arithmetic(parser, level + 1, error);
    while (left && (op = operator_at_level(parser, level)) != NULL) {
        FilterNode *right;

        if (!advance(parser, error)) {
            return NULL;
        }
        right = parse_arithmetic(parser, level + 1, error);
        if (!right) {
            return NULL;
        }
        if (left->type == FILTER_NODE_STRING ||
            right->type == FILTER_NODE_STRING) {
            throw_parse(parser, error, "'%s' needs numbers, not strings",
                        op->text);
            node_free(right);
            return NULL;
        }
        left = node_new(op->type, g_steal_pointer(&left), right);
    }
    return g_steal_pointer(&left);
}

/* What a comparison's sides must be. */
static bool check_comparison(Parser *parser, const Operator *op,
                             FilterNode *node, GError **error)
{
    FilterNode *left = node->left;
    FilterNode *right = node->right;
    bool regex =
        op->type == FILTER_NODE_MATCHES || op->type == FILTER_NODE_NOT_MATCHES;

    if (left->type == FILTER_NODE_STRING) {
        throw_parse(parser, error,
                    "\"%s\" stands left of '%s'; name the field first",
                    left->text, op->text);
        return false;
    }
    if (right->type != FILTER_NODE_STRING) {
        if (regex) {
            throw_parse(parser, error,
                        "'%s' needs a regular expression in quotes", op->text);
        }
        return !regex;
    }
    if (right->is_character && !regex) {
        right->type = FILTER_NODE_NUMBER;
        return true;
    }
    if (left->type != FILTER_NODE_FIELD) {
        throw_parse(parser, error,
                    "only a field can be compared with the string \"%s\"",
                    right->text);
        return false;
    }
    if (regex) {
        node->regex = compile_regex(parser, right->text, error);
        return node->regex != NULL;
    }
    if (op->type != FILTER_NODE_EQUAL && op->type != FILTER_NODE_NOT_EQUAL) {
        throw_parse(parser, error, "'%s' cannot compare with the string \"%s\"",
                    op->text, right->text);
        return false;
    }
    return true;
}

static FilterNode *parse_comparison(Parser *parser, GError **error)
{
    g_autoptr(FilterNode) node =
        parse_arithmetic(parser, LEVEL_COMPARISON + 1, error);
    const Operator *op;
    FilterNode *right;

    if (!node) {
        return NULL;
    }
    op = operator_at_level(parser, LEVEL_COMPARISON);
    if (!op) {
        if (node->type == FILTER_NODE_STRING) {
            return throw_parse(parser, error,
                               "the string \"%s\" is compared with nothing",
                               node->text);
        }
        return g_steal_pointer(&node);
    }
    if (!advance(parser, error)) {
        return NULL;
    }
    right = parse_arithmetic(parser, LEVEL_COMPARISON + 1, error);
    if (!right) {
        return NULL;
    }
    node = node_new(op->type, g_steal_pointer(&node), right);
    return check_comparison(parser, op, node, error) ? g_steal_pointer(&node)
                                                     : NULL;
}

/* ! takes all of the comparison that follows. */
static FilterNode *parse_not(Parser *parser, GError **error)
{
    FilterNode *node;

    if (!is_operator(parser, "!")) {
        return parse_comparison(parser, error);
    }
    if (++parser->depth > MAX_DEPTH) {
        return throw_parse(parser, error, "it is nested too deep");
    }
    node = advance(parser, error) ? parse_not(parser, error) : NULL;
    parser->depth--;
    return node ? node_new(FILTER_NODE_NOT, node, NULL) : NULL;
}

static FilterNode *parse_logic(Parser *parser, GError **error)
{
    g_autoptr(FilterNode) left = parse_not(parser, error);
    const Operator *op;

    while (left && (op = operator_at_level(parser, LEVEL_LOGIC)) != NULL) {
        FilterNode *right =
            advance(parser, error) ? parse_not(parser, error) : NULL;

        if (!right) {
            return NULL;
        }
        left = node_new(op->type, g_steal_pointer(&left), right);
    }
    return g_steal_pointer(&left);
}

static bool parse_condition(Parser *parser, FilterExpression *expression,
                            GError **error)
{
    if (!advance(parser, error)) {
        return false;
    }
    if (parser->type == TOKEN_END) {
        throw_parse(parser, error, "there is no condition after the ':'");
        return false;
    }
    expression->root = parse_logic(parser, error);
    if (expression->root && parser->type != TOKEN_END) {
        throw_parse(parser, error, "expected an operator before '%s'",
                    parser->token);
        return false;
    }
    return expression->root != NULL;
}

static regex_t *compile_name(const Parser *parser, const char *name,
                             GError **error)
{
    g_autofree char *anchored = g_strdup_printf("^%s$", name);

    return compile_regex(parser, anchored, error);
}

/* [[MACHINE/]SYSTEM/]EVENT */
static bool parse_events(const Parser *parser, FilterExpression *expression,
                         const char *text, GError **error)
{
    g_auto(GStrv) names = g_strsplit(text, "/", -1);
    guint n = g_strv_length(names);
    FilterEvents *events;

    for (guint i = 0; i < n; i++) {
        if (*g_strstrip(names[i]) == '\0') {
            n = 0;
        }
    }
    if (n == 0 || n > 3) {
        throw_parse(parser, error,
                    "'%s' names no event; write SYSTEM/EVENT, SYSTEM or EVENT",
                    text);
        return false;
    }
    if (n == 3) {
        if (expression->machine && strcmp(expression->machine, names[0]) != 0) {
            throw_parse(parser, error,
                        "it names two machines, '%s' and '%s'; give each a "
                        "filter of its own",
                        expression->machine, names[0]);
            return false;
        }
        g_free(expression->machine);
        expression->machine = g_strdup(names[0]);
    }
    events = g_new0(FilterEvents, 1);
    events->text = g_strdup(text);
    g_ptr_array_add(expression->events, events);
    events->event = compile_name(parser, names[n - 1], error);
    if (!events->event) {
        return false;
    }
    if (n > 1) {
        events->system = compile_name(parser, names[n - 2], error);
    }
    return n == 1 || events->system;
}

FilterExpression *filter_expression_parse(const char *text, GError **error)
{
    g_autoptr(FilterExpression) expression = g_new0(FilterExpression, 1);
    Parser parser = {.whole = text};
    const char *colon = strchr(text, ':');
    g_autofree char *names =
        colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    g_auto(GStrv) list = g_strsplit(names, ",", -1);
    bool good;

    expression->text = g_strdup(text);
    expression->events = g_ptr_array_new_with_free_func(events_free);
    if (!list[0]) {
        return throw_parse(&parser, error, "it names no event");
    }
    for (guint i = 0; list[i]; i++) {
        if (!parse_events(&parser, expression, g_strstrip(list[i]), error)) {
            return NULL;
        }
    }
    if (!colon) {
        return g_steal_pointer(&expression);
    }
    parser.next = colon + 1;
    good = parse_condition(&parser, expression, error);
    g_free(parser.token);
    return good ? g_steal_pointer(&expression) : NULL;
}

static const FilterNode *find_unknown(const FilterNode *node)
{
    const FilterNode *found;

    if (!node) {
        return NULL;
    }
    if (node->type == FILTER_NODE_FIELD && !node->known) {
        return node;
    }
    found = find_unknown(node->left);
    return found ? found : find_unknown(node->right);
}

const char *filter_expression_unknown_field(const FilterExpression *expression,
                                            bool *alone)
{
    const FilterNode *node = find_unknown(expression->root);

    *alone = node && node == expression->root;
    return node ? node->text : NULL;
}
