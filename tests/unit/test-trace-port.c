/*
 * TracePort: when QEMU is believed to have none any more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "connection/json-read.h"
#include "connection/trace-port.h"

#define CONTAINER   "{\"name\": \"type\", \"type\": \"string\"}"
#define TRACE_PORT  "{\"name\": \"p7\", \"type\": \"child<virtserialport>\"}"
#define OTHER_PORT  "{\"name\": \"p8\", \"type\": \"child<virtserialport>\"}"
#define CONSOLE     "{\"name\": \"p7\", \"type\": \"child<virtconsole>\"}"
#define NETWORK     "{\"name\": \"p7\", \"type\": \"child<virtio-net-pci>\"}"
#define LIST(items) "[" CONTAINER items "]"

/* A QEMU with these devices; NULL: it doesn't answer. */
typedef struct FakeQemu {
    GuestLink link;
    const char *with_id;
    const char *without_id;
    const char *no_name; /* the port that doesn't tell its name */
} FakeQemu;

static json_object *fake_execute(GuestLink *link, const char *command,
                                 json_object *arguments,
                                 G_GNUC_UNUSED unsigned timeout_ms,
                                 G_GNUC_UNUSED GError **error)
{
    FakeQemu *qemu = (FakeQemu *)link;
    g_autoptr(json_object) consumed = arguments;
    const char *path = json_read_string(arguments, "path", 100);
    const char *answer;

    if (g_str_equal(command, "qom-list")) {
        answer = g_str_equal(path, "/machine/peripheral") ? qemu->with_id
                                                          : qemu->without_id;
        return answer ? json_tokener_parse(answer) : NULL;
    }
    g_assert_cmpstr(command, ==, "qom-get");
    g_assert_cmpstr(json_read_string(arguments, "property", 100), ==, "name");
    if (qemu->no_name && g_str_has_suffix(path, qemu->no_name)) {
        return NULL;
    }
    return json_object_new_string(
        g_str_has_suffix(path, "/p7") ? GUEST_LINK_TRACE_PORT : "org.other.0");
}

static const GuestLinkOps fake_ops = {.qmp_execute = fake_execute};

static gboolean is_gone(const char *with_id, const char *without_id,
                        const char *no_name)
{
    FakeQemu qemu = {.link.ops = &fake_ops,
                     .with_id = with_id,
                     .without_id = without_id,
                     .no_name = no_name};

    return trace_port_is_gone(&qemu.link);
}

static void test_there(void)
{
    g_assert_false(is_gone(LIST("," OTHER_PORT "," TRACE_PORT), "[]", NULL));
    g_assert_false(is_gone("[]", LIST("," TRACE_PORT), NULL));
    g_assert_false(is_gone("[]", LIST("," CONSOLE), NULL));
}

static void test_gone(void)
{
    g_assert_true(is_gone("[]", "[]", NULL));
    g_assert_true(is_gone(LIST(""), LIST("," OTHER_PORT), NULL));
    g_assert_true(is_gone(LIST("," NETWORK), "[]", NULL));
}

/* Nothing follows from what QEMU doesn't say. */
static void test_unknown(void)
{
    g_assert_false(is_gone(NULL, "[]", NULL));
    g_assert_false(is_gone("[]", NULL, NULL));
    g_assert_false(is_gone("[]", "{}", NULL));
    g_assert_false(is_gone(LIST("," OTHER_PORT), "[]", "/p8"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trace-port/there", test_there);
    g_test_add_func("/trace-port/gone", test_gone);
    g_test_add_func("/trace-port/unknown", test_unknown);
    return g_test_run();
}
