#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0007-query-boot-sector.py kvm|tcg [VERSION]
#
# What query-vcpu-tsc-offset says agrees with what a guest sees: one that
# does nothing but read its TSC and write it to a port. Each reading was made
# between two of the host's, and must lie between what the answer makes of
# these.

import os
import sys
import tempfile

import qmp_machine

PORT = 0x402
BIOS_BYTES = 64 * 1024
READINGS = 300
MODULUS = 1 << 64


def bios():
    """Writes its TSC, 8 bytes each, for ever."""
    next_byte = 'ee' '66c1e808'             # out dx, al; shr eax, 8
    half = next_byte * 4
    loop = ('0f31'                          # rdtsc
            '6689d3'                        # mov ebx, edx
            f'ba{PORT & 0xff:02x}{PORT >> 8:02x}' + half +
            '6689d8' + half)                # mov eax, ebx
    code = bytes.fromhex(loop)
    code += b'\xeb' + (256 - len(code) - 2).to_bytes(1, 'little')
    image = bytearray(BIOS_BYTES)
    image[:len(code)] = code
    image[0xfff0:0xfff5] = bytes.fromhex('ea000000f0')
    return bytes(image)


def map_host(clock, host):
    return ((host * clock['ratio']) >> clock['frac-bits']) + clock['offset']


class Stream:
    """The guest's readings as they come."""

    def __init__(self, fd):
        self.fd = fd
        self.total_bytes = 0

    def read(self, size):
        data = os.read(self.fd, size)
        self.total_bytes += len(data)
        return data

    def drain(self):
        os.set_blocking(self.fd, False)
        try:
            while self.read(65536):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(self.fd, True)

    def read_value(self):
        """The next one that begins here: what is cut is left out."""
        rest = -self.total_bytes % 8
        while rest:
            rest -= len(self.read(rest))
        data = b''
        while len(data) < 8:
            data += self.read(8 - len(data))
        return int.from_bytes(data, 'little')


def check_readings(machine, stream):
    """Compares one clock with the guest's readings; the widest bracket."""
    clock = machine.execute('query-vcpu-tsc-offset')['vcpus'][0]
    widest = 0
    for _ in range(READINGS):
        before = qmp_machine.rdtsc()
        # What comes after this was read later, but for the first.
        stream.drain()
        stream.read_value()
        value = stream.read_value()
        after = qmp_machine.rdtsc()
        low = map_host(clock, before) - clock['error-ticks']
        high = map_host(clock, after) + clock['error-ticks']
        if (value - low) % MODULUS > high - low:
            sys.exit(f'expected a guest TSC between {low} and {high}, got '
                     f'{value}; the answer: {clock}')
        widest = max(widest, after - before)
    print(f'{READINGS} readings agree with {clock["source"]}, offset '
          f'{clock["offset"]}, error {clock["error-ticks"]} ticks; read '
          f'within {widest} ticks each')
    return clock


def main():
    accel = sys.argv[1]
    version = sys.argv[2] if len(sys.argv) > 2 else '10.0'
    problem = qmp_machine.kvm_problem() if accel == 'kvm' else None
    if problem:
        print(f'skipped: {problem}')
        sys.exit(qmp_machine.SKIPPED)
    # Not every host that runs KVM can give its guests this feature.
    cpu = 'host,-arch-capabilities' if accel == 'kvm' else 'max'
    qemu = qmp_machine.find_qemu(version)

    with tempfile.TemporaryDirectory() as directory:
        with open(f'{directory}/bios', 'wb') as file:
            file.write(bios())
        os.mkfifo(f'{directory}/pipe')
        fd = os.open(f'{directory}/pipe', os.O_RDWR)
        with qmp_machine.Machine(
                qemu, '-machine', 'pc', '-accel', accel, '-cpu', cpu,
                '-m', '16', '-bios', f'{directory}/bios',
                '-chardev', f'file,id=out,path={directory}/pipe',
                '-device', f'isa-debugcon,iobase={PORT},chardev=out') \
                as machine:
            stream = Stream(fd)
            clocks = [check_readings(machine, stream)]
            machine.execute('stop')
            machine.execute('cont')
            clocks.append(check_readings(machine, stream))
    changed = clocks[0]['offset'] != clocks[1]['offset']
    if changed != (accel == 'tcg'):
        sys.exit(f'expected stop and cont to {"" if changed else "not "}'
                 f'leave the offset alone: {clocks}')


main()
