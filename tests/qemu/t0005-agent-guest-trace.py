#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0005-agent-guest-trace.py [VERSION]
#
# The patched guest agent runs qga-trace as told, hands on what it says,
# and copes with one that misbehaves. A script stands in for qga-trace, at
# its real place, in a mount namespace of the test's own: this needs root.

import ctypes
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM_DIR = '/usr/local/bin'
SKIPPED = 77

STATUS = {
    'state': 'finished', 'pid': 7, 'port': 'org.qemu.trace.0',
    'instance': 'qga-trace', 'bytes-sent': 2 ** 63 + 1,
    'cpus': [{'cpu': 0, 'read-events': 1, 'overrun-events': 2,
              'commit-overrun-events': 3, 'dropped-events': 4,
              'unread-events': 5, 'pages': 6}],
}
IDLE = {'state': 'idle', 'bytes-sent': 0, 'cpus': []}


class Agent:
    """A qemu-ga of our own, on a socket of its own."""

    def __init__(self, binary, directory, *options):
        self.path = f'{directory}/agent'
        # Not to connect to what another agent has left
        pathlib.Path(self.path).unlink(missing_ok=True)
        self.log = open(f'{directory}/log', 'wb')
        pathlib.Path(f'{directory}/config').touch()
        self.process = subprocess.Popen(
            [binary, '-m', 'unix-listen', '-p', self.path, '-t', directory,
             '-f', f'{directory}/pid', *options],
            env=os.environ | {'QGA_CONF': f'{directory}/config'},
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                time.sleep(0.05)
        else:
            with open(f'{directory}/log', encoding='utf-8') as log:
                sys.exit(f'expected a running agent; it said: {log.read()}')
        self.file = self.socket.makefile('rw', encoding='utf-8')

    def execute(self, command, **arguments):
        request = {'execute': command,
                   'arguments': {key.replace('_', '-'): value
                                 for key, value in arguments.items()}}
        self.file.write(json.dumps(request) + '\n')
        self.file.flush()
        return json.loads(self.file.readline())

    def children(self):
        found = []
        for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
            try:
                fields = path.read_text().rpartition(')')[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found.append(f'{path.parent.name} in state {fields[0]}')
        return found

    def stop(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()


class Test:
    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.agent = Agent(binary, directory)
        self.program = pathlib.Path(PROGRAM_DIR) / 'qga-trace'
        self.arguments = directory / 'arguments'
        self.failures = 0

    def expect(self, what, expected, got):
        if expected != got:
            print(f'{what}:\n  expected: {expected}\n  got:      {got}')
            self.failures += 1

    def expect_error(self, what, part, answer):
        error = answer.get('error', {})
        if error.get('class') != 'GenericError' or \
                part not in error.get('desc', ''):
            print(f'{what}:\n  expected: an error with "{part}"\n'
                  f'  got:      {answer}')
            self.failures += 1

    def install(self, script, mode=0o755):
        self.program.write_text(f'#!/bin/bash\n{script}\n')
        self.program.chmod(mode)

    def install_answer(self, answer):
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.install(f"printf '%s\\0' \"$@\" >{self.arguments}\n"
                     f"cat <<'END'\n{text}\nEND")

    def expect_arguments(self, what, expected):
        got = self.arguments.read_text().split('\0')[:-1]
        self.expect(what, expected, got)

    def test_missing(self):
        if os.path.exists('/usr/bin/qga-trace'):
            return
        self.expect_error('no qga-trace', 'install qga-trace',
                          self.agent.execute('guest-trace-status'))

    def test_forbidden(self):
        self.install('exit 0', mode=0o644)
        self.expect_error('qga-trace not executable', 'not allowed to run',
                          self.agent.execute('guest-trace-status'))

    def test_answers(self):
        for answer in (STATUS, IDLE, {**IDLE, 'state': 'failed',
                                      'error': 'no "port" \u00e4'}):
            self.install_answer(answer)
            self.expect('status', {'return': answer},
                        self.agent.execute('guest-trace-status'))
            self.expect_arguments('status arguments', ['status'])

    def test_start_arguments(self):
        self.install_answer(IDLE)
        self.agent.execute('guest-trace-start')
        self.expect_arguments('start without arguments', ['start'])
        self.agent.execute(
            'guest-trace-start', events=['sched', 'irq/irq_handler_entry'],
            filters=['sched/sched_switch:prev_comm != "$(id); \'x\'"'],
            tracer='function', functions=['kvm_*', '!kvm_a b'],
            buffer_size=4096, port='org.qemu.trace.1')
        self.expect_arguments('start with all arguments', [
            'start', '-e', 'sched', '-e', 'irq/irq_handler_entry',
            '-f', 'sched/sched_switch:prev_comm != "$(id); \'x\'"',
            '-p', 'function', '-l', 'kvm_*', '-l', '!kvm_a b',
            '--buffer-size', '4096', '--port', 'org.qemu.trace.1'])

    def test_stop_arguments(self):
        self.install_answer({**IDLE, 'state': 'stopping'})
        self.agent.execute('guest-trace-stop')
        self.expect_arguments('stop', ['stop', '--timeout', '10'])
        answer = self.agent.execute('guest-trace-stop', timeout=0)
        self.expect_arguments('stop at once', ['stop', '--timeout', '0'])
        self.expect('stop', 'stopping', answer['return']['state'])

    def test_refused_arguments(self):
        self.install_answer(IDLE)
        for arguments in ({'events': ['']}, {'events': ['-e']},
                          {'events': ['a\nb']}, {'events': ['x' * 1025]},
                          {'events': ['x'] * 257}, {'filters': ['sched']},
                          {'filters': ['sched:']}, {'functions': ['a']},
                          {'buffer_size': 0}, {'buffer_size': 2 ** 32},
                          {'port': ''}, {'tracer': '-x'}):
            self.expect_error(f'{arguments}'[:60], "Parameter '",
                              self.agent.execute('guest-trace-start',
                                                 **arguments))
        self.expect_error('stop for too long', "Parameter 'timeout'",
                          self.agent.execute('guest-trace-stop', timeout=31))

    def test_sentences(self):
        sentence = 'A recording is already running: stop it first.'
        self.install(f'echo "{sentence}" >&2; exit 1')
        self.expect('failure',
                    {'error': {'class': 'GenericError', 'desc': sentence}},
                    self.agent.execute('guest-trace-start'))
        self.install(r'printf "a\e[1mb\377\n" >&2; exit 3')
        self.expect('failure with control characters', 'a [1mb\ufffd',
                    self.agent.execute('guest-trace-start')['error']['desc'])
        self.install('exit 3')
        self.expect_error('silent failure', 'exit status 3',
                          self.agent.execute('guest-trace-start'))
        self.install('kill -9 $$')
        self.expect_error('killed', 'killed by signal 9',
                          self.agent.execute('guest-trace-start'))

    def test_nonsense(self):
        missing = dict(IDLE)
        del missing['cpus']
        for answer in ('', 'hello', '{', '[]', '{}\n{}',
                       json.dumps(IDLE) + '\n{}', {**IDLE, 'more': 1},
                       missing, {**IDLE, 'state': 'happy'},
                       {**IDLE, 'bytes-sent': 1.5},
                       {**IDLE, 'cpus': [{'cpu': 0}]}, '[' * 100000):
            self.install_answer(answer)
            self.expect_error(f'{answer}'[:60], "Can't understand",
                              self.agent.execute('guest-trace-status'))
        self.install(r'printf "{}\0"')
        self.expect_error('NUL', 'not JSON',
                          self.agent.execute('guest-trace-status'))

    def test_floods(self):
        for target in ('1', '2'):
            self.install(f'exec cat /dev/zero >&{target}')
            self.expect_error(f'flood of fd {target}', 'said more',
                              self.agent.execute('guest-trace-status'))

    def test_recorder_keeps_pipes(self):
        self.install(f"sleep 60 &\necho '{json.dumps(IDLE)}'")
        before = time.monotonic()
        self.expect('recorder in the background', {'return': IDLE},
                    self.agent.execute('guest-trace-start'))
        self.expect('answered at once', True, time.monotonic() - before < 5)

    def test_silence(self):
        self.install('exec sleep 300')
        before = time.monotonic()
        self.expect_error('no answer', 'did not answer in time',
                          self.agent.execute('guest-trace-status'))
        self.expect('waited a minute', True,
                    59 < time.monotonic() - before < 90)

    def test_agent_restarted(self):
        """The state is the recorder's, and no agent takes it along."""
        recorder = self.directory / 'recorder'
        self.install(f'if [ "$1" = start ]; then\n'
                     f'    sleep 60 & echo $! >{recorder}\nfi\n'
                     f'kill -0 $(cat {recorder}) || exit 1\n'
                     f"echo '{json.dumps(STATUS)}'")
        self.expect('start', {'return': STATUS},
                    self.agent.execute('guest-trace-start'))
        self.restart_agent()
        self.expect('status by the next agent', {'return': STATUS},
                    self.agent.execute('guest-trace-status'))

    def test_blocked(self):
        self.install_answer(STATUS)
        self.restart_agent('-b', 'guest-trace-start,guest-trace-stop')
        answer = self.agent.execute('guest-trace-start')
        self.expect('start where it is blocked', 'CommandNotFound',
                    answer.get('error', {}).get('class'))
        self.expect('qga-trace was not run', False, self.arguments.exists())
        self.expect('status, which is not blocked', {'return': STATUS},
                    self.agent.execute('guest-trace-status'))
        told = self.agent.execute('guest-info')['return']
        enabled = {each['name']: each['enabled']
                   for each in told['supported_commands']
                   if each['name'].startswith('guest-trace-')}
        self.expect('guest-info', {'guest-trace-start': False,
                                   'guest-trace-stop': False,
                                   'guest-trace-status': True}, enabled)
        self.restart_agent()

    def restart_agent(self, *options):
        self.agent.stop()
        self.agent = Agent(self.binary, self.directory, *options)

    def run(self):
        for name in [name for name in dir(self) if name.startswith('test_')]:
            self.program.unlink(missing_ok=True)
            self.arguments.unlink(missing_ok=True)
            getattr(self, name)()
        self.expect('agent answers in the end', {'return': {}},
                    self.agent.execute('guest-ping'))
        self.expect('children of the agent', [], self.agent.children())


def hide_program_dir(directory):
    """Only this process and its children see directory there."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_bind, ms_rec, ms_private = 0x20000, 0x1000, 0x4000, 1 << 18
    if libc.unshare(clone_newns) or \
            libc.mount(b'none', b'/', None, ms_rec | ms_private, None) or \
            libc.mount(os.fsencode(directory), PROGRAM_DIR.encode(), None,
                       ms_bind, None):
        print(f'skipped: {os.strerror(ctypes.get_errno())} on making a mount '
              'namespace')
        sys.exit(SKIPPED)


def main():
    version = sys.argv[1] if len(sys.argv) > 1 else '10.0'
    if os.geteuid() != 0:
        print('skipped: needs root for a mount namespace')
        sys.exit(SKIPPED)
    qemu = subprocess.run([ROOT / 'qemu-patches/build-qemu.sh', version],
                          stdout=subprocess.PIPE, check=True,
                          text=True).stdout.splitlines()[-1]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / 'bin').mkdir()
        hide_program_dir(directory / 'bin')
        test = Test(f'{qemu}/bin/qemu-ga', directory)
        try:
            test.run()
        finally:
            test.agent.stop()
    sys.exit(1 if test.failures else 0)


main()
