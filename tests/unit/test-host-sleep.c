/*
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "session/host-sleep.h"

static void test_awake(void)
{
    HostSleep first = host_sleep_read();
    HostSleep second;

    g_assert_cmpint(first.before_ns, <=, first.after_ns);
    g_usleep(20000);
    second = host_sleep_read();
    g_assert_cmpint(second.before_ns - first.after_ns, >=, 20000000);
    g_assert_cmpuint(host_sleep_between_ns(&first, &second), ==, 0);
}

static void test_asleep(void)
{
    /* The clocks had been 1000 apart. */
    const HostSleep first = {5000, 6010, 5020};
    const HostSleep second = {7000, 7000 + 1000 + 500 + 10, 7030};

    /* Of 500, the 10 and 20 are not certain. */
    g_assert_cmpuint(host_sleep_between_ns(&first, &second), ==, 470);
}

/* Where reading them took long, nothing is taken for sleep. */
static void test_slow_reading(void)
{
    const HostSleep first = {5000, 6000, 5000};
    const HostSleep slow_second = {7000, 8900, 8000};
    const HostSleep slow_first = {4000, 6000, 6000};

    g_assert_cmpuint(host_sleep_between_ns(&first, &slow_second), ==, 0);
    g_assert_cmpuint(host_sleep_between_ns(&slow_first, &first), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-sleep/awake", test_awake);
    g_test_add_func("/host-sleep/asleep", test_asleep);
    g_test_add_func("/host-sleep/slow-reading", test_slow_reading);
    return g_test_run();
}
