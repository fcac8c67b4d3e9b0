/*
 * EventFilter: which events of one file are wanted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-filter.h"

#include <string.h>
#include <traceevent/event-parse.h>

#include "trace-data/event-tep.h"
#include "trace-data/glob-match.h"

/* How a name of a condition is read from a record. */
typedef enum FieldKind {
    FIELD_NUMBER,
    FIELD_SYMBOL,   /* a number; as a string, the function at that address */
    FIELD_STRING,   /* characters in their place */
    FIELD_DATA_LOC, /* a word: where the string is from the record's start */
    FIELD_REL_LOC,  /* likewise, from the word's own end */
    FIELD_COMM,     /* the task's name */
    FIELD_CPU,      /* the CPU's number */
} FieldKind;

/* A FilterNode as it applies to one event type. */
typedef struct Test {
    FilterNodeType type;
    bool never;     /* a field that the event lacks: the comparison is false */
    bool is_signed; /* a comparison of signed numbers */
    bool simple;    /* a comparison of a FIELD_NUMBER and a constant */
    FieldKind kind;
    EventField field;
    uint64_t number;
    const char *text;     /* the expression's */
    size_t text_bytes;    /* without its NUL */
    const regex_t *regex; /* the expression's */
    struct Test *left;    /* owned, likewise right */
    struct Test *right;
} Test;

#define N_PID_FIELDS 3

/* What is asked of one event type. */
typedef struct Rule {
    bool exists;
    bool is_stack;
    bool unwanted;   /* not among the required events */
    GPtrArray *show; /* of Test, NULL entries for "always"; or NULL */
    GPtrArray *hide; /* likewise */
    EventField pid_fields[N_PID_FIELDS];
} Rule;

struct EventFilter {
    EventTable *table;
    GArray *rules;     /* of Rule, by event id */
    Rule unknown;      /* for ids that have no format */
    EventField pid;    /* common_pid */
    GPtrArray *pids;   /* of GArray of int32_t, sorted: each must be met */
    bool has_shows;    /* a filter must be met */
    bool has_required; /* events were named */
};

/* What a record is asked with. */
typedef struct Record {
    const EventFilter *filter;
    unsigned cpu;
    const uint8_t *data;
    size_t size_bytes;
} Record;

/* Part of a record, or of a table of names; not NUL-terminated. */
typedef struct Text {
    const char *start;
    size_t size_bytes;
} Text;

static void test_free(gpointer data)
{
    Test *test = data;

    if (test) {
        test_free(test->left);
        test_free(test->right);
        g_free(test);
    }
}

static void rule_clear(gpointer data)
{
    Rule *rule = data;

    g_clear_pointer(&rule->show, g_ptr_array_unref);
    g_clear_pointer(&rule->hide, g_ptr_array_unref);
}

static struct tep_event **list_events(const EventFilter *filter)
{
    return tep_list_events(event_table_tep(filter->table), TEP_EVENT_SORT_ID);
}

static Rule *rule_of(EventFilter *filter, const struct tep_event *event)
{
    guint id = (guint)event->id;

    /* Records have no room for more. */
    if (id > UINT16_MAX) {
        return NULL;
    }
    if (id >= filter->rules->len) {
        g_array_set_size(filter->rules, id + 1);
    }
    return &g_array_index(filter->rules, Rule, id);
}

EventFilter *event_filter_new(EventTable *table)
{
    EventFilter *filter = g_new0(EventFilter, 1);
    struct tep_event **events;

    filter->table = table;
    filter->pids =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    filter->rules = g_array_new(FALSE, TRUE, sizeof(Rule));
    g_array_set_clear_func(filter->rules, rule_clear);
    filter->pid = event_table_pid_field(table);
    events = list_events(filter);
    for (size_t i = 0; events && events[i]; i++) {
        Rule *rule = rule_of(filter, events[i]);

        if (rule) {
            rule->exists = true;
            rule->is_stack = strcmp(events[i]->system, "ftrace") == 0 &&
                             (strcmp(events[i]->name, "kernel_stack") == 0 ||
                              strcmp(events[i]->name, "user_stack") == 0);
        }
    }
    for (size_t i = 0; i < N_PID_FIELDS; i++) {
        filter->unknown.pid_fields[i].offset_bytes = -1;
    }
    return filter;
}

void event_filter_free(EventFilter *filter)
{
    if (filter) {
        g_array_unref(filter->rules);
        g_ptr_array_unref(filter->pids);
        g_free(filter);
    }
}

/* --- from an expression to tests --- */

static FieldKind kind_of(const struct tep_format_field *field)
{
    if (!(field->flags & TEP_FIELD_IS_STRING)) {
        return field->flags & (TEP_FIELD_IS_POINTER | TEP_FIELD_IS_LONG)
                   ? FIELD_SYMBOL
                   : FIELD_NUMBER;
    }
    if (!(field->flags & TEP_FIELD_IS_DYNAMIC)) {
        return FIELD_STRING;
    }
    return field->flags & TEP_FIELD_IS_RELATIVE ? FIELD_REL_LOC
                                                : FIELD_DATA_LOC;
}

static void bind_field(Test *test, FilterNode *node, struct tep_event *event)
{
    struct tep_format_field *field = tep_find_any_field(event, node->text);

    if (field) {
        test->kind = kind_of(field);
        test->field = (EventField){
            .offset_bytes = field->offset,
            .size_bytes = field->size,
            .is_signed = field->flags & TEP_FIELD_IS_SIGNED,
        };
    } else if (strcmp(node->text, "COMM") == 0) {
        test->kind = FIELD_COMM;
    } else if (strcmp(node->text, "CPU") == 0) {
        test->kind = FIELD_CPU;
    } else {
        test->never = true;
        return;
    }
    node->known = true;
}

static bool is_negative(const Test *test)
{
    return test->type == FILTER_NODE_SUBTRACT &&
           test->left->type == FILTER_NODE_NUMBER && test->left->number == 0;
}

static bool has_sign(const Test *test)
{
    if (!test) {
        return false;
    }
    if (test->type == FILTER_NODE_FIELD) {
        return test->field.is_signed;
    }
    return is_negative(test) || has_sign(test->left) || has_sign(test->right);
}

static bool is_comparison(FilterNodeType type)
{
    return type >= FILTER_NODE_EQUAL;
}

static bool is_logic(FilterNodeType type)
{
    return type == FILTER_NODE_AND || type == FILTER_NODE_OR ||
           type == FILTER_NODE_NOT;
}

static bool is_plain_number(const Test *test)
{
    return test->type == FILTER_NODE_FIELD &&
           (test->kind == FIELD_NUMBER || test->kind == FIELD_SYMBOL);
}

static Test *bind(FilterNode *node, struct tep_event *event)
{
    Test *test;

    if (!node) {
        return NULL;
    }
    test = g_new0(Test, 1);
    test->type = node->type;
    test->number = node->number;
    test->text = node->text;
    test->text_bytes = node->text ? strlen(node->text) : 0;
    test->regex = node->regex;
    if (node->type == FILTER_NODE_FIELD) {
        bind_field(test, node, event);
    }
    test->left = bind(node->left, event);
    test->right = bind(node->right, event);
    /* What is unknown makes its comparison false, not all of the condition. */
    if (!is_logic(test->type)) {
        test->never |= (test->left && test->left->never) ||
                       (test->right && test->right->never);
    }
    if (is_comparison(test->type)) {
        test->is_signed = has_sign(test->left) || has_sign(test->right);
        test->simple = !test->never && is_plain_number(test->left) &&
                       test->right->type == FILTER_NODE_NUMBER;
    }
    return test;
}

static bool regex_matches(const regex_t *regex, const char *text)
{
    return regexec(regex, text, 0, NULL, 0) == 0;
}

/* A single name is a system's or an event's. */
static bool is_named(const FilterEvents *names, const struct tep_event *event)
{
    if (names->system) {
        return regex_matches(names->system, event->system) &&
               regex_matches(names->event, event->name);
    }
    return regex_matches(names->event, event->system) ||
           regex_matches(names->event, event->name);
}

/* Marks all that name it, not only the first. */
static bool any_is_named(const GPtrArray *events, const struct tep_event *event)
{
    bool any = false;

    for (guint i = 0; i < events->len; i++) {
        FilterEvents *names = events->pdata[i];

        if (is_named(names, event)) {
            names->known = any = true;
        }
    }
    return any;
}

void event_filter_add(EventFilter *filter, FilterExpression *expression,
                      EventFilterSense sense)
{
    struct tep_event **events = list_events(filter);

    for (size_t i = 0; events && events[i]; i++) {
        Rule *rule;
        GPtrArray **tests;

        if (!any_is_named(expression->events, events[i])) {
            continue;
        }
        rule = rule_of(filter, events[i]);
        if (!rule) {
            continue;
        }
        tests = sense == EVENT_FILTER_SHOW ? &rule->show : &rule->hide;
        if (!*tests) {
            *tests = g_ptr_array_new_with_free_func(test_free);
        }
        g_ptr_array_add(*tests, bind(expression->root, events[i]));
    }
    filter->has_shows |= sense == EVENT_FILTER_SHOW;
}

static bool glob_names(const char *pattern, const struct tep_event *event)
{
    size_t system_bytes = strcspn(pattern, "/:");
    g_autofree char *system = NULL;

    if (pattern[system_bytes] == '\0') {
        return glob_match(pattern, event->system) ||
               glob_match(pattern, event->name);
    }
    system = g_strndup(pattern, system_bytes);
    return glob_match(system, event->system) &&
           glob_match(pattern + system_bytes + 1, event->name);
}

void event_filter_require_events(EventFilter *filter,
                                 const char *const *patterns, bool *matched)
{
    struct tep_event **events = list_events(filter);

    filter->has_required = true;
    filter->unknown.unwanted = true;
    for (size_t i = 0; events && events[i]; i++) {
        Rule *rule = rule_of(filter, events[i]);
        bool wanted = false;

        for (size_t n = 0; patterns[n]; n++) {
            if (glob_names(patterns[n], events[i])) {
                wanted = matched[n] = true;
            }
        }
        if (rule) {
            rule->unwanted = !wanted;
        }
    }
}

static EventField field_named(struct tep_event *event, const char *name)
{
    struct tep_format_field *field = tep_find_field(event, name);

    if (!field || field->flags & TEP_FIELD_IS_STRING) {
        return (EventField){.offset_bytes = -1};
    }
    return (EventField){field->offset, field->size, true};
}

static int compare_pids(gconstpointer a, gconstpointer b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;

    return left < right ? -1 : left > right;
}

void event_filter_require_pids(EventFilter *filter, const int32_t *pids,
                               size_t n_pids)
{
    struct tep_event **events = list_events(filter);
    GArray *set = g_array_new(FALSE, FALSE, sizeof(int32_t));

    g_array_append_vals(set, pids, (guint)n_pids);
    g_array_sort(set, compare_pids);
    g_ptr_array_add(filter->pids, set);
    filter->unknown.pid_fields[0] = filter->pid;
    for (size_t i = 0; events && events[i]; i++) {
        Rule *rule = rule_of(filter, events[i]);

        if (rule) {
            rule->pid_fields[0] = filter->pid;
            rule->pid_fields[1] = field_named(events[i], "pid");
            rule->pid_fields[2] = field_named(events[i], "next_pid");
        }
    }
}

/* --- from a record to an answer --- */

static int64_t field_of(const Record *record, const EventField *field)
{
    return event_field_read(field, record->data, record->size_bytes);
}

static const char *comm_of(const Record *record)
{
    int pid = (int)field_of(record, &record->filter->pid);

    return event_table_comm(record->filter->table, pid);
}

/* At most size_bytes from offset_bytes on, as far as there are any. */
static Text text_at(const Record *record, size_t offset_bytes,
                    size_t size_bytes)
{
    Text text = {.start = ""};

    if (offset_bytes < record->size_bytes) {
        text.start = (const char *)record->data + offset_bytes;
        text.size_bytes =
            strnlen(text.start,
                    MIN(size_bytes, record->size_bytes - offset_bytes));
    }
    return text;
}

/* The string behind a __data_loc or __rel_loc word. */
static Text located_text(const Record *record, const Test *test)
{
    EventField word = test->field;
    uint32_t location;
    size_t base = 0;

    word.is_signed = false;
    location = (uint32_t)field_of(record, &word);
    if (test->kind == FIELD_REL_LOC) {
        base = (size_t)(word.offset_bytes + word.size_bytes);
    }
    return text_at(record, base + (location & 0xffff), location >> 16);
}

#define HEX_BYTES 24

/* A number as libtraceevent compares it with a string. */
static Text number_text(const Record *record, const Test *test, char *hex)
{
    uint64_t value = (uint64_t)field_of(record, &test->field);
    const char *name = NULL;

    if (test->kind == FIELD_SYMBOL) {
        name = event_table_function(record->filter->table, value);
    }
    if (!name) {
        g_snprintf(hex, HEX_BYTES, "0x%" G_GINT64_MODIFIER "x", value);
        name = hex;
    }
    return (Text){name, strlen(name)};
}

static Text text_of(const Record *record, const Test *test, char *hex)
{
    const char *name;

    switch (test->kind) {
    case FIELD_STRING:
        return test->field.offset_bytes < 0
                   ? (Text){.start = ""}
                   : text_at(record, (size_t)test->field.offset_bytes,
                             (size_t)MAX(test->field.size_bytes, 0));
    case FIELD_DATA_LOC:
    case FIELD_REL_LOC:
        return located_text(record, test);
    case FIELD_COMM:
        name = comm_of(record);
        return (Text){name ? name : "", name ? strlen(name) : 0};
    case FIELD_CPU:
        g_snprintf(hex, HEX_BYTES, "%u", record->cpu);
        return (Text){hex, strlen(hex)};
    default:
        return number_text(record, test, hex);
    }
}

/* Names are shorter than this. */
#define SHORT_TEXT_BYTES 256

/* regexec() wants a NUL, which a record need not have. */
static bool regex_finds(const regex_t *regex, const Text *text)
{
    char brief[SHORT_TEXT_BYTES];
    g_autofree char *whole = NULL;

    if (text->size_bytes >= sizeof(brief)) {
        whole = g_strndup(text->start, text->size_bytes);
        return regex_matches(regex, whole);
    }
    memcpy(brief, text->start, text->size_bytes);
    brief[text->size_bytes] = '\0';
    return regex_matches(regex, brief);
}

static bool text_matches(const Record *record, const Test *test)
{
    char hex[HEX_BYTES];
    Text text = text_of(record, test->left, hex);
    bool equal;

    if (test->regex) {
        equal = regex_finds(test->regex, &text);
    } else {
        equal = text.size_bytes == test->right->text_bytes &&
                memcmp(text.start, test->right->text, text.size_bytes) == 0;
    }
    return equal == (test->type == FILTER_NODE_EQUAL ||
                     test->type == FILTER_NODE_MATCHES);
}

static uint64_t evaluate(const Record *record, const Test *test);

static bool compare(const Test *test, uint64_t left, uint64_t right)
{
    int order;

    if (test->is_signed) {
        order = (int64_t)left < (int64_t)right   ? -1
                : (int64_t)left > (int64_t)right ? 1
                                                 : 0;
    } else {
        order = left < right ? -1 : left > right;
    }
    switch (test->type) {
    case FILTER_NODE_EQUAL:
        return order == 0;
    case FILTER_NODE_NOT_EQUAL:
        return order != 0;
    case FILTER_NODE_LESS:
        return order < 0;
    case FILTER_NODE_GREATER:
        return order > 0;
    case FILTER_NODE_LESS_EQUAL:
        return order <= 0;
    default:
        return order >= 0;
    }
}

static bool evaluate_comparison(const Record *record, const Test *test)
{
    if (test->right->type == FILTER_NODE_STRING) {
        return text_matches(record, test);
    }
    return compare(test, evaluate(record, test->left),
                   evaluate(record, test->right));
}

static uint64_t evaluate_arithmetic(const Test *test, uint64_t left,
                                    uint64_t right)
{
    switch (test->type) {
    case FILTER_NODE_ADD:
        return left + right;
    case FILTER_NODE_SUBTRACT:
        return left - right;
    case FILTER_NODE_MULTIPLY:
        return left * right;
    case FILTER_NODE_DIVIDE:
        return right == 0 ? 0 : left / right;
    case FILTER_NODE_MODULO:
        return right == 0 ? 0 : left % right;
    case FILTER_NODE_SHIFT_LEFT:
        return right > 63 ? 0 : left << right;
    case FILTER_NODE_SHIFT_RIGHT:
        return right > 63 ? 0 : left >> right;
    case FILTER_NODE_BIT_AND:
        return left & right;
    case FILTER_NODE_BIT_OR:
        return left | right;
    default:
        return left ^ right;
    }
}

static uint64_t evaluate_field(const Record *record, const Test *test)
{
    switch (test->kind) {
    case FIELD_CPU:
        return record->cpu;
    case FIELD_NUMBER:
    case FIELD_SYMBOL:
        return (uint64_t)field_of(record, &test->field);
    default: {
        char hex[HEX_BYTES];

        /* A string alone asks whether there is one. */
        return text_of(record, test, hex).size_bytes;
    }
    }
}

static uint64_t evaluate(const Record *record, const Test *test)
{
    if (test->simple) {
        return compare(test, (uint64_t)field_of(record, &test->left->field),
                       test->right->number);
    }
    if (test->never) {
        return 0;
    }
    switch (test->type) {
    case FILTER_NODE_NUMBER:
        return test->number;
    case FILTER_NODE_FIELD:
        return evaluate_field(record, test);
    case FILTER_NODE_NOT:
        return evaluate(record, test->left) == 0;
    case FILTER_NODE_INVERT:
        return ~evaluate(record, test->left);
    case FILTER_NODE_AND:
        return evaluate(record, test->left) && evaluate(record, test->right);
    case FILTER_NODE_OR:
        return evaluate(record, test->left) || evaluate(record, test->right);
    default:
        return is_comparison(test->type)
                   ? evaluate_comparison(record, test)
                   : evaluate_arithmetic(test, evaluate(record, test->left),
                                         evaluate(record, test->right));
    }
}

static bool meets_any(const Record *record, const GPtrArray *tests)
{
    for (guint i = 0; tests && i < tests->len; i++) {
        const Test *test = tests->pdata[i];

        if (!test || evaluate(record, test)) {
            return true;
        }
    }
    return false;
}

static bool has_pid(const Record *record, const EventField *field,
                    const GArray *set)
{
    int32_t pid;

    if (field->offset_bytes < 0) {
        return false;
    }
    pid = (int32_t)field_of(record, field);
    return bsearch(&pid, set->data, set->len, sizeof(pid), compare_pids);
}

static bool is_of_tasks(const Record *record, const Rule *rule,
                        const GArray *set)
{
    for (size_t i = 0; i < N_PID_FIELDS; i++) {
        if (has_pid(record, &rule->pid_fields[i], set)) {
            return true;
        }
    }
    return false;
}

static bool meets_pids(const Record *record, const Rule *rule)
{
    const GPtrArray *sets = record->filter->pids;

    for (guint i = 0; i < sets->len; i++) {
        if (!is_of_tasks(record, rule, sets->pdata[i])) {
            return false;
        }
    }
    return true;
}

/* Do all restrictions let it through? */
static bool is_wanted(const Record *record, const Rule *rule)
{
    const EventFilter *filter = record->filter;

    return !rule->unwanted && meets_pids(record, rule) &&
           (!filter->has_shows || meets_any(record, rule->show));
}

static bool is_restricted(const EventFilter *filter)
{
    return filter->has_shows || filter->has_required || filter->pids->len > 0;
}

bool event_filter_match(const EventFilter *filter, EventFilterState *state,
                        unsigned cpu, const uint8_t *data, size_t size_bytes)
{
    const Record record = {filter, cpu, data, size_bytes};
    int id = event_record_id(data, size_bytes);
    const Rule *rule = &filter->unknown;
    bool wanted;

    if (id >= 0 && (guint)id < filter->rules->len) {
        rule = &g_array_index(filter->rules, Rule, id);
        rule = rule->exists ? rule : &filter->unknown;
    }
    if (rule->is_stack && state->has_last) {
        wanted = state->showed_last ||
                 (is_restricted(filter) && is_wanted(&record, rule));
    } else {
        wanted = is_wanted(&record, rule);
    }
    wanted = wanted && !meets_any(&record, rule->hide);
    state->has_last = true;
    state->showed_last = wanted;
    return wanted;
}
