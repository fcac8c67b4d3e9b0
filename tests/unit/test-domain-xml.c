/*
 * DomainXml: which channel of a domain is the trace's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "connection/connection-error.h"
#include "connection/domain-xml.h"

#define NAME "org.qemu.trace.0"

/* As libvirt 9.0 writes them, shortened. */
#define AGENT                                                         \
    "<channel type='unix'><source mode='bind' path='/run/a.0'/>"      \
    "<target type='virtio' name='org.qemu.guest_agent.0' "            \
    "state='connected'/><alias name='channel0'/>"                     \
    "<address type='virtio-serial' controller='0' bus='0' port='1'/>" \
    "</channel>"
#define TRACE(type, source)                                                \
    "<channel type='" type "'>" source "<target type='virtio' name='" NAME \
    "' state='disconnected'/><alias name='ua-x'/></channel>"
#define DOMAIN(devices)                                            \
    "<domain type='kvm' id='1' "                                   \
    "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"     \
    "<name>vm&amp;1</name><metadata><channel type='unix'><target " \
    "type='virtio' name='" NAME "'/></channel></metadata>"         \
    "<devices>" devices "</devices></domain>"

static void test_found(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DomainChannel) channel = domain_xml_find_channel(
        DOMAIN(
            AGENT TRACE("unix", "<source mode='bind' path='/run/t&apos;.0'/>")),
        NAME, &error);

    g_assert_no_error(error);
    g_assert_nonnull(channel);
    g_assert_cmpstr(channel->type, ==, "unix");
    g_assert_cmpstr(channel->path, ==, "/run/t'.0");
    g_assert_cmpstr(channel->alias, ==, "ua-x");
}

/* A channel of another kind has no path, and one that is none is no match. */
static void test_other_kind(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DomainChannel) channel =
        domain_xml_find_channel(DOMAIN(TRACE("spicevmc", "")), NAME, &error);

    g_assert_no_error(error);
    g_assert_nonnull(channel);
    g_assert_cmpstr(channel->type, ==, "spicevmc");
    g_assert_null(channel->path);
}

static void test_none(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(domain_xml_find_channel(DOMAIN(AGENT), NAME, &error));
    g_assert_no_error(error);
}

static void test_broken(void)
{
    static const char *const texts[] = {"", "<domain>", "no xml",
                                        "<domain><devices></domain>"};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(domain_xml_find_channel(texts[i], NAME, &error));
        g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-xml/found", test_found);
    g_test_add_func("/domain-xml/other-kind", test_other_kind);
    g_test_add_func("/domain-xml/none", test_none);
    g_test_add_func("/domain-xml/broken", test_broken);
    return g_test_run();
}
