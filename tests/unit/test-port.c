/*
 * Port: found by name with and without udev, in a made-up root.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "port.h"
#include "scratch-dir.h"

static void check_found(const char *root, const char *name, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *found = port_find(root, name, &error);
    g_autofree char *expected = g_strconcat(root, path, NULL);

    g_assert_no_error(error);
    g_assert_cmpstr(found, ==, expected);
}

static void test_find(void)
{
    char *root = scratch_dir_new();
    g_autoptr(GError) error = NULL;

    scratch_dir_write(root, "sys/class/virtio-ports/vport1p1/name",
                      "org.qemu.guest_agent.0\n");
    scratch_dir_write(root, "sys/class/virtio-ports/vport1p2/name",
                      "org.qemu.trace.0\n");
    scratch_dir_write(root, "sys/class/virtio-ports/vport1p3/name", "\n");
    check_found(root, "org.qemu.trace.0", "/dev/vport1p2");
    scratch_dir_write(root, "dev/virtio-ports/org.qemu.trace.0", "");
    check_found(root, "org.qemu.trace.0", "/dev/virtio-ports/org.qemu.trace.0");
    check_found(root, "org.qemu.guest_agent.0", "/dev/vport1p1");
    g_assert_null(port_find(root, "org.qemu.trace", &error));
    g_assert_nonnull(strstr(error->message, "\"org.qemu.trace\""));
    scratch_dir_remove(root);
}

static void test_no_ports(void)
{
    char *root = scratch_dir_new();
    g_autoptr(GError) error = NULL;

    g_assert_null(port_find(root, "org.qemu.trace.0", &error));
    g_assert_nonnull(error);
    scratch_dir_remove(root);
}

static void test_path(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = port_find("", "/dev/null", NULL);

    g_assert_cmpstr(path, ==, "/dev/null");
    g_assert_cmpint(port_open("/nonexistent/port", &error), ==, -1);
    g_assert_nonnull(strstr(error->message, "/nonexistent/port"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/port/find", test_find);
    g_test_add_func("/port/no-ports", test_no_ports);
    g_test_add_func("/port/path", test_path);
    return g_test_run();
}
