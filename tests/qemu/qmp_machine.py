# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU of a test's own, its monitor, and this machine's TSC."""

import ctypes
import json
import mmap
import os
import pathlib
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77

# rdtsc; shl rdx, 32; or rax, rdx; ret
RDTSC_CODE = bytes.fromhex('0f3148c1e2204809d0c3')


def make_rdtsc():
    """A function that returns the host's TSC."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ |
                     mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(RDTSC_CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    function = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
    function.page = page
    return function


rdtsc = make_rdtsc()


def find_qemu(version):
    """The directory of the patched QEMU, built when it isn't there."""
    return subprocess.run([ROOT / 'qemu-patches/build-qemu.sh', version],
                          stdout=subprocess.PIPE, check=True,
                          text=True).stdout.splitlines()[-1]


def kvm_problem():
    """Why /dev/kvm can't be used, or None."""
    try:
        os.close(os.open('/dev/kvm', os.O_RDWR))
    except OSError as error:
        return f'/dev/kvm: {error.strerror}'
    return None


class Machine:
    """Runs while the "with" block does."""

    def __init__(self, qemu, *arguments):
        self.directory = tempfile.TemporaryDirectory()
        path = f'{self.directory.name}/qmp'
        self.log = open(f'{self.directory.name}/log', 'w+b')
        self.process = subprocess.Popen(
            [f'{qemu}/bin/qemu-system-x86_64', '-L', f'{qemu}/share/qemu',
             '-nodefaults', '-no-user-config', '-display', 'none',
             '-qmp', f'unix:{path},server=on,wait=off', *arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket = socket.socket(socket.AF_UNIX)
        self.connect(path)
        self.file = self.socket.makefile('rwb')
        self.file.readline()
        self.execute('qmp_capabilities')

    def connect(self, path):
        while True:
            try:
                self.socket.connect(path)
                return
            except OSError:
                if self.process.poll() is not None:
                    self.log.seek(0)
                    raise SystemExit('QEMU ended: ' +
                                     self.log.read().decode()) from None
                time.sleep(0.02)

    def execute(self, command, **arguments):
        request = {'execute': command, 'arguments': arguments}
        self.file.write(json.dumps(request).encode() + b'\n')
        self.file.flush()
        while True:
            reply = json.loads(self.file.readline())
            if 'event' not in reply:
                break
        if 'error' in reply:
            raise SystemExit(f'{command}: {reply["error"]["desc"]}')
        return reply['return']

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.log.close()
        self.directory.cleanup()
