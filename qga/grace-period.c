/*
 * GracePeriod: by the one system call that waits for RCU, membarrier(2).
 *
 * The ring buffer's writers run with preemption off, from reserving an event to
 * committing it, and those are readers for RCU [read:
 * kernel/trace/ring_buffer.c ring_buffer_lock_reserve,
 * kernel/sched/membarrier.c].  No fixed time will do: a virtual CPU may be
 * taken off its core in between for any time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grace-period.h"

#include <glib.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where RCU isn't told to, an idle CPU may write events, and does so at once.
 */
#define IDLE_EVENT_US 10000

static long membarrier(int command)
{
    return syscall(__NR_membarrier, command, 0, 0);
}

static gpointer wait_for_mutex(gpointer mutex)
{
    g_mutex_lock(mutex);
    g_mutex_unlock(mutex);
    return NULL;
}

/*
 * With nohz_full the kernel refuses the command as such, but it also waits when
 * a process with threads registers for another one, for the first time.
 */
static void wait_by_registering(void)
{
    GThread *thread;
    GMutex mutex;

    g_mutex_init(&mutex);
    g_mutex_lock(&mutex);
    thread = g_thread_try_new("grace-period", wait_for_mutex, &mutex, NULL);
    membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
    g_mutex_unlock(&mutex);
    if (thread) {
        g_thread_join(thread);
    }
    g_mutex_clear(&mutex);
}

void grace_period_wait(void)
{
    g_usleep(IDLE_EVENT_US);
    if (membarrier(MEMBARRIER_CMD_GLOBAL) < 0) {
        wait_by_registering();
    }
}
