/*
 * Rule: a verdict over an analysis.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/rule.h"

#include <math.h>
#include <string.h>

#include "explain/exit-reason.h"

typedef enum Metric {
    METRIC_TIMER,
    METRIC_WAKEUP,
    METRIC_PREEMPTION,
    METRIC_INJECTION,
    METRIC_HALT_WAKEUP,
    METRIC_STEAL,
    METRIC_EXITS,
    METRIC_LOST,
    METRIC_OUTSIDE,
    N_METRICS,
} Metric;

static const char *const metric_names[N_METRICS] = {
    "timer", "wakeup", "preemption", "injection", "halt-wakeup",
    "steal", "exits",  "lost",       "outside",
};

typedef enum Statistic {
    STATISTIC_DEFAULT,
    STATISTIC_COUNT,
    STATISTIC_TOTAL,
    STATISTIC_MIN,
    STATISTIC_MEAN,
    STATISTIC_MAX,
    STATISTIC_PERCENTILE,
} Statistic;

static const char *const statistic_names[] = {
    NULL, "count", "total", "min", "mean", "max", NULL,
};

static const struct {
    const char *name;
    double ns;
} units[] = {
    {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9},
};

static const char *const operators[] = {"<=", ">=", "==", "!=", "<", ">"};

struct Rule {
    char *text;
    char *left; /* up to the operator */
    Metric metric;
    char *vcpu, *guest, *reason, *vector, *task; /* filters, or NULL */
    Statistic statistic;
    double share; /* of PERCENTILE */
    const char *operator;
    double limit;
};

static bool fail(GError **error, const char *rule, const char *what)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "rule '%s': %s", rule, what);
    return false;
}

static bool parse_metric(Rule *rule, const char *name, GError **error)
{
    g_autofree char *all = NULL;
    g_autofree char *what = NULL;

    for (int i = 0; i < N_METRICS; i++) {
        if (strcmp(name, metric_names[i]) == 0) {
            rule->metric = (Metric)i;
            return true;
        }
    }
    all = g_strjoin(", ", "timer", "wakeup", "preemption", "injection",
                    "halt-wakeup", "steal", "exits", "lost", "outside", NULL);
    what = g_strdup_printf("there is no '%s'; use one of %s", name, all);
    return fail(error, rule->text, what);
}

static char **filter_slot(Rule *rule, const char *name)
{
    if (rule->metric == METRIC_LOST || rule->metric == METRIC_OUTSIDE) {
        return NULL;
    }
    if (strcmp(name, "vcpu") == 0) {
        return &rule->vcpu;
    }
    if (strcmp(name, "guest") == 0) {
        return &rule->guest;
    }
    if (strcmp(name, "reason") == 0 && rule->metric == METRIC_EXITS) {
        return &rule->reason;
    }
    if (strcmp(name, "vector") == 0 && rule->metric == METRIC_INJECTION) {
        return &rule->vector;
    }
    if (strcmp(name, "task") == 0 && rule->metric == METRIC_WAKEUP) {
        return &rule->task;
    }
    return NULL;
}

static bool parse_filters(Rule *rule, const char *text, GError **error)
{
    g_auto(GStrv) filters = g_strsplit(text, ",", 0);

    for (char **filter = filters; *filter; filter++) {
        char *value = strchr(*filter, '=');
        char **slot;

        if (!value) {
            return fail(error, rule->text,
                        "a filter is NAME=VALUE, as in exits(vcpu=2)");
        }
        *value++ = '\0';
        slot = filter_slot(rule, g_strstrip(*filter));
        if (!slot || *slot) {
            return fail(error, rule->text,
                        "filters are vcpu and guest, reason of exits, vector "
                        "of injection, task of wakeup, each once");
        }
        *slot = g_strdup(g_strstrip(value));
    }
    if (rule->task && rule->vcpu) {
        return fail(error, rule->text,
                    "a task's wake-ups are not kept by vCPU: leave one out");
    }
    return true;
}

static bool parse_statistic(Rule *rule, const char *name, GError **error)
{
    char *end;

    for (size_t i = 0; i < G_N_ELEMENTS(statistic_names); i++) {
        if (g_strcmp0(name, statistic_names[i]) == 0) {
            rule->statistic = (Statistic)i;
            return true;
        }
    }
    if (name[0] == 'p' && g_ascii_isdigit(name[1])) {
        rule->statistic = STATISTIC_PERCENTILE;
        rule->share = g_ascii_strtod(name + 1, &end) / 100;
        if (*end == '\0' && rule->share <= 1) {
            return true;
        }
    }
    return fail(error, rule->text,
                "statistics are count, total, min, mean, max, and "
                "percentiles such as p99.99");
}

static bool is_count(const Rule *rule)
{
    return rule->metric == METRIC_LOST || rule->metric == METRIC_OUTSIDE ||
           rule->statistic == STATISTIC_COUNT;
}

static bool parse_limit(Rule *rule, const char *text, GError **error)
{
    char *end;
    double number = g_ascii_strtod(text, &end);
    g_autofree char *unit = g_strstrip(g_strdup(end));

    if (end == text || !isfinite(number) || number < 0) {
        return fail(error, rule->text, "there is no number to compare with");
    }
    rule->limit = number;
    if (is_count(rule)) {
        return *unit == '\0' || fail(error, rule->text, "a count has no unit");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(unit, units[i].name) == 0) {
            rule->limit = number * units[i].ns;
            return true;
        }
    }
    return (number == 0 && *unit == '\0') ||
           fail(error, rule->text, "a time needs a unit: ns, us, ms or s");
}

/* "METRIC(FILTERS).STATISTIC" */
static bool parse_left(Rule *rule, GError **error)
{
    g_autofree char *left = g_strdup(rule->left);
    char *open = strchr(left, '(');
    char *close = open ? strchr(open, ')') : NULL;
    char *statistic;

    if (open && !close) {
        return fail(error, rule->text, "a ')' is missing");
    }
    statistic = strchr(close ? close : left, '.');
    if (close && close[1] != '\0' && statistic != close + 1) {
        return fail(error, rule->text,
                    "only .STATISTIC may follow the filters");
    }
    if (statistic) {
        *statistic++ = '\0';
    }
    if (open) {
        *open++ = '\0';
        *close = '\0';
    }
    if (!parse_metric(rule, g_strstrip(left), error) ||
        (open && !parse_filters(rule, open, error)) ||
        (statistic && !parse_statistic(rule, statistic, error))) {
        return false;
    }
    if (rule->statistic == STATISTIC_DEFAULT) {
        rule->statistic =
            rule->metric == METRIC_EXITS ? STATISTIC_COUNT : STATISTIC_MAX;
    }
    return true;
}

Rule *rule_parse(const char *text, GError **error)
{
    g_autoptr(Rule) rule = g_new0(Rule, 1);
    const char *at = NULL;

    rule->text = g_strdup(text);
    for (size_t i = 0; i < G_N_ELEMENTS(operators) && !at; i++) {
        /* Behind the filters, where '=' means something else. */
        const char *from = strchr(text, ')');

        at = strstr(from ? from : text, operators[i]);
        rule->operator= operators[i];
    }
    if (!at) {
        fail(error, text, "there is no comparison, as in 'timer.max <= 50us'");
        return NULL;
    }
    rule->left = g_strstrip(g_strndup(text, (gsize)(at - text)));
    if (!parse_left(rule, error)) {
        return NULL;
    }
    if (!parse_limit(rule, at + strlen(rule->operator), error)) {
        return NULL;
    }
    return g_steal_pointer(&rule);
}

void rule_free(Rule *rule)
{
    if (rule) {
        g_free(rule->text);
        g_free(rule->left);
        g_free(rule->vcpu);
        g_free(rule->guest);
        g_free(rule->reason);
        g_free(rule->vector);
        g_free(rule->task);
        g_free(rule);
    }
}

static bool matches_number(const char *filter, uint64_t number)
{
    guint64 wanted;

    return !filter || (g_ascii_string_to_unsigned(filter, 10, 0, G_MAXUINT64,
                                                  &wanted, NULL) &&
                       wanted == number);
}

static void add_keyed(Histogram *sum, const GArray *array, const char *reason,
                      const char *vector)
{
    for (guint i = 0; i < array->len; i++) {
        const KeyedHistogram *keyed = &g_array_index(array, KeyedHistogram, i);

        if ((!reason ||
             g_ascii_strcasecmp(reason, exit_reason_text(keyed->key)) == 0) &&
            matches_number(vector, keyed->key)) {
            histogram_merge(sum, &keyed->times);
        }
    }
}

static void add_vcpu(const Rule *rule, const VcpuStats *stats, Histogram *sum)
{
    switch (rule->metric) {
    case METRIC_TIMER:
        histogram_merge(sum, &stats->timers);
        break;
    case METRIC_WAKEUP:
        histogram_merge(sum, &stats->wakeups);
        break;
    case METRIC_PREEMPTION:
        histogram_merge(sum, &stats->preemptions);
        break;
    case METRIC_INJECTION:
        add_keyed(sum, stats->injections, NULL, rule->vector);
        break;
    case METRIC_HALT_WAKEUP:
        histogram_merge(sum, &stats->halt_wakes);
        break;
    case METRIC_STEAL:
        histogram_merge(sum, &stats->steals);
        break;
    default:
        add_keyed(sum, stats->exits, rule->reason, NULL);
        break;
    }
}

static void add_tasks(const Rule *rule, const Analysis *analysis,
                      Histogram *sum)
{
    for (guint i = 0; i < analysis->tasks->len; i++) {
        const TaskStats *task = &g_array_index(analysis->tasks, TaskStats, i);

        if ((!rule->guest || strcmp(rule->guest, task->machine) == 0) &&
            strcmp(names_get(analysis->names, task->name)->text, rule->task) ==
                0) {
            histogram_merge(sum, &task->wakeups);
        }
    }
}

/* Whether the filters leave any vCPU, too. */
static bool add_all(const Rule *rule, const Analysis *analysis, Histogram *sum)
{
    bool found = false;

    if (rule->task) {
        add_tasks(rule, analysis, sum);
        return true;
    }
    for (guint i = 0; i < analysis->vcpus->len; i++) {
        const VcpuStats *stats = analysis->vcpus->pdata[i];

        if ((!rule->guest || strcmp(rule->guest, stats->machine) == 0) &&
            matches_number(rule->vcpu, stats->cpu)) {
            found = true;
            add_vcpu(rule, stats, sum);
        }
    }
    return found;
}

static uint64_t pick(const Rule *rule, const Histogram *sum)
{
    switch (rule->statistic) {
    case STATISTIC_TOTAL:
        return sum->sum_ticks;
    case STATISTIC_MIN:
        return sum->min_ticks;
    case STATISTIC_MEAN:
        return sum->count ? sum->sum_ticks / sum->count : 0;
    case STATISTIC_PERCENTILE:
        return histogram_percentile(sum, rule->share);
    default:
        return sum->max_ticks;
    }
}

static bool compare(const char *operator, double value, double limit)
{
    switch (operator[0]) {
    case '<':
        return operator[1] ? value <= limit : value<limit;
    case '>':
        return operator[1] ? value >= limit : value> limit;
    case '!':
        return value != limit;
    default:
        return value == limit;
    }
}

static void measure(const Rule *rule, const Analysis *analysis,
                    RuleResult *result)
{
    Histogram sum = {0};

    if (rule->metric == METRIC_LOST) {
        /* Losses of unknown number are at least one. */
        result->value = (double)MAX(analysis->n_lost, analysis->has_lost);
        return;
    }
    if (rule->metric == METRIC_OUTSIDE) {
        CertificateVcpu total = certificate_total(analysis->certificate);

        result->value = (double)total.outside;
        result->measured = total.inside + total.outside > 0;
        return;
    }
    result->measured =
        add_all(rule, analysis, &sum) &&
        (sum.count > 0 || is_count(rule) || rule->statistic == STATISTIC_TOTAL);
    result->value = is_count(rule)
                        ? (double)sum.count
                        : (double)analysis_span(analysis, pick(rule, &sum));
    result->n_values = sum.count;
    histogram_clear(&sum);
}

static char *judgement(const Rule *rule, const RuleResult *result)
{
    if (!result->measured) {
        return g_strdup_printf("%s was not seen in the recording", rule->left);
    }
    if (!result->is_time) {
        return g_strdup_printf("%s is %.0f", rule->left, result->value);
    }
    if (rule->statistic == STATISTIC_PERCENTILE &&
        !histogram_tells(result->n_values, rule->share)) {
        return g_strdup_printf("%s is at most %.3f us, the largest of only "
                               "%" G_GUINT64_FORMAT " values",
                               rule->left, result->value / 1e3,
                               result->n_values);
    }
    return g_strdup_printf("%s is %.3f us", rule->left, result->value / 1e3);
}

RuleResult *rule_judge(const Rule *rule, const Analysis *analysis)
{
    RuleResult *result = g_new0(RuleResult, 1);

    result->rule = rule->text;
    result->measured = true;
    result->is_time = !is_count(rule);
    result->limit = rule->limit;
    measure(rule, analysis, result);
    result->passed =
        result->measured && compare(rule->operator, result->value, rule->limit);
    result->sentence = judgement(rule, result);
    return result;
}

void rule_result_free(RuleResult *result)
{
    if (result) {
        g_free(result->sentence);
        g_free(result);
    }
}
