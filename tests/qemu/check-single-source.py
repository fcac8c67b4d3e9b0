#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: check-single-source.py PROJECT-ROOT [QEMU-VERSION QEMU-SOURCE]
#
# qapi/ and qga/commands-trace.c are the source of what the QEMU series
# adds. This checks that each series in qemu-patches/ adds exactly them,
# but for what its adapt.py changes for its version; and, given a QEMU
# source with a series applied, that they stand there.

import pathlib
import subprocess
import sys

# Our files, and the file of QEMU that they go to. Of a schema, what stands
# from the first line "##" on goes to the end of a file of QEMU's.
COMMAND = 'qapi/vcpu-tsc-offset.json'
EVENT = 'qapi/vcpu-tsc-offset-event.json'
AGENT = {
    ('qapi/guest-trace.json',): 'qga/qapi-schema.json',
    ('qga/commands-trace.c',): 'qga/commands-trace.c',
}
UP_TO_10_0 = AGENT | {
    (COMMAND,): 'qapi/misc-target.json',
    (EVENT,): 'qapi/machine.json',
}
TARGETS = {
    '7.2': UP_TO_10_0,
    '10.0': UP_TO_10_0,
    '10.2': AGENT | {(COMMAND, EVENT): 'qapi/misc-i386.json'},
}


def source_text(root, version, name):
    path = root / name
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.json':
        text = text[text.index('\n##\n') + 1:]
    adapt = root / 'qemu-patches' / version / 'adapt.py'
    if adapt.exists():
        text = subprocess.run([sys.executable, adapt], input=text,
                              stdout=subprocess.PIPE, check=True,
                              text=True).stdout
    return text


def sources_text(root, version, names):
    return '\n'.join(source_text(root, version, name) for name in names)


def added_lines(series, target):
    """All that the patches of a series add to QEMU's file target."""
    added = []
    for patch in series:
        current = None
        for line in patch.read_text(encoding='utf-8').split('\n'):
            if line.startswith('diff --git '):
                current = None
            elif line.startswith('+++ b/'):
                current = line[len('+++ b/'):]
            elif current == target and line.startswith('+'):
                added.append(line[1:])
            elif current == target and line.startswith('-') and \
                    not line.startswith('-- '):
                raise SystemExit(f'{patch}: removes lines from {target}; '
                                 'expected only additions')
    return '\n'.join(added) + '\n'


def report_difference(what, expected, got):
    expected_lines = expected.split('\n')
    got_lines = got.split('\n')
    for number, pair in enumerate(zip(expected_lines, got_lines), 1):
        if pair[0] != pair[1]:
            print(f'{what}: line {number} differs\n'
                  f'  expected: {pair[0]}\n  got:      {pair[1]}')
            return
    print(f'{what}: expected {len(expected_lines)} lines, '
          f'got {len(got_lines)}')


def check_series(root, version):
    good = True
    series = sorted((root / 'qemu-patches' / version).glob(
        '[0-9][0-9][0-9][0-9]-*.patch'))
    for names, target in TARGETS[version].items():
        expected = sources_text(root, version, names)
        got = added_lines(series, target).lstrip('\n')
        if got != expected:
            report_difference(f'{" ".join(names)} in {version}', expected,
                              got)
            good = False
    return good


def check_tree(root, version, tree):
    good = True
    for names, target in TARGETS[version].items():
        expected = sources_text(root, version, names)
        got = (tree / target).read_text(encoding='utf-8')
        if expected not in got or (target in names and expected != got):
            print(f'{tree / target}: expected {" ".join(names)} as '
                  'adapted to this version')
            good = False
    return good


def main():
    root = pathlib.Path(sys.argv[1])
    versions = [path.name for path in (root / 'qemu-patches').iterdir()
                if path.is_dir()]
    if sorted(versions) != sorted(TARGETS):
        raise SystemExit('expected series for ' + ', '.join(TARGETS) +
                         ', found ' + ', '.join(versions))
    good = all([check_series(root, version) for version in versions])
    if len(sys.argv) > 2:
        good = check_tree(root, sys.argv[2],
                          pathlib.Path(sys.argv[3])) and good
    sys.exit(0 if good else 1)


main()
