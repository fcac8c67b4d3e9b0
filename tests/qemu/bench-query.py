#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: bench-query.py [VERSION]
#
# How long query-vcpu-tsc-offset takes, as a client sees it, next to
# query-status, the least that a query can do; and the longest time for
# which QEMU's main thread held the big lock meanwhile.

import re
import statistics
import sys
import time

import qmp_machine

VCPUS = (1, 8, 64)
QUERIES = 2000
TRACED_QUERIES = 200
LOCK = re.compile(r'^(\d+)@(\d+\.\d+):qemu_mutex_(locked|unlock) '
                  r'(?:released|taken) mutex (0x[0-9a-f]+) \(([^:)]*)')


def arguments(accel, vcpus):
    cpu = 'host,-arch-capabilities' if accel == 'kvm' else 'max'
    return ['-machine', 'q35', '-accel', accel, '-cpu', cpu, '-m', '64',
            '-smp', str(vcpus)]


def time_queries(machine, command):
    samples = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        machine.execute(command)
        samples.append((time.perf_counter() - began) * 1e6)
    return statistics.median(samples)


def longest_hold(text, main_thread):
    """In microseconds, of the lock that the main loop takes."""
    lines = [found.groups() for found in map(LOCK.match, text.splitlines())
             if found]
    big_locks = {mutex for _, _, what, mutex, place in lines
                 if what == 'locked' and place.endswith('util/main-loop.c')}
    held = {}
    longest = 0.0
    for thread, when, what, mutex, _ in lines:
        if mutex not in big_locks or int(thread) != main_thread:
            continue
        if what == 'locked':
            held[mutex] = float(when)
        elif mutex in held:
            longest = max(longest, float(when) - held.pop(mutex))
    return longest * 1e6


def measure_hold(qemu, accel, vcpus):
    with qmp_machine.Machine(
            qemu, *arguments(accel, vcpus), '-msg', 'timestamp=on',
            '-trace', 'qemu_mutex_locked', '-trace', 'qemu_mutex_unlock') \
            as machine:
        time.sleep(1)
        machine.log.flush()
        with open(machine.log.name, encoding='utf-8') as log:
            log.seek(0, 2)
            for _ in range(TRACED_QUERIES):
                machine.execute('query-vcpu-tsc-offset')
            return longest_hold(log.read(), machine.process.pid)


def main():
    version = sys.argv[1] if len(sys.argv) > 1 else '10.0'
    qemu = qmp_machine.find_qemu(version)
    accels = ['tcg']
    problem = qmp_machine.kvm_problem()
    if problem:
        print(f'without KVM: {problem}')
    else:
        accels.append('kvm')
    for accel in accels:
        for vcpus in VCPUS:
            with qmp_machine.Machine(qemu, *arguments(accel, vcpus)) \
                    as machine:
                time.sleep(1)
                least = time_queries(machine, 'query-status')
                query = time_queries(machine, 'query-vcpu-tsc-offset')
            hold = measure_hold(qemu, accel, vcpus)
            print(f'{accel}, {vcpus:2} vCPUs: {query:6.0f} us a query '
                  f'(query-status: {least:4.0f} us), big lock held for '
                  f'{hold:5.0f} us at most', flush=True)


main()
