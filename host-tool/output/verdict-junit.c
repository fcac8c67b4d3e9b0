/*
 * Verdict as JUnit's XML, which CI systems read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/verdict.h"

#include "explain/sentence.h"

VerdictStatus verdict_certificate(const Analysis *analysis)
{
    CertificateVcpu total = certificate_total(analysis->certificate);

    return total.outside > 0  ? VERDICT_BROKEN
           : total.inside > 0 ? VERDICT_OK
                              : VERDICT_UNPROVED;
}

/* failure NULL: it passed. */
static void print_case(const char *name, const char *failure, FILE *stream)
{
    g_autofree char *plain_name = g_markup_escape_text(name, -1);
    g_autofree char *plain = failure ? g_markup_escape_text(failure, -1) : NULL;

    fprintf(stream, "    <testcase classname=\"qemu-trace-merge\" name=\"%s\"",
            plain_name);
    if (plain) {
        fprintf(stream, ">\n      <failure message=\"%s\"/>\n    </testcase>\n",
                plain);
    } else {
        fputs("/>\n", stream);
    }
}

void verdict_junit(const Analysis *analysis, const GPtrArray *results,
                   FILE *stream)
{
    bool proved = verdict_certificate(analysis) == VERDICT_OK;
    g_autofree char *certificate = certificate_sentence(analysis);
    unsigned n_failures = !proved;

    for (guint i = 0; i < results->len; i++) {
        n_failures += !((const RuleResult *)results->pdata[i])->passed;
    }
    fprintf(stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
            "  <testsuite name=\"qemu-trace-merge check\" tests=\"%u\" "
            "failures=\"%u\" errors=\"0\">\n",
            results->len + 1, n_failures);
    print_case("synchronisation", proved ? NULL : certificate, stream);
    for (guint i = 0; i < results->len; i++) {
        const RuleResult *result = results->pdata[i];

        print_case(result->rule, result->passed ? NULL : result->sentence,
                   stream);
    }
    fputs("  </testsuite>\n</testsuites>\n", stream);
}
