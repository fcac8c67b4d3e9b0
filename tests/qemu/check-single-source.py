#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: check-single-source.py PROJECT-ROOT [QEMU-SOURCE]
#
# qapi/ and qga/commands-trace.c are the source of what the QEMU series
# adds. This checks that each series in qemu-patches/ adds exactly them;
# and, given a QEMU source with the series applied, that they stand there.

import pathlib
import sys

# Our file, and the file of QEMU that it goes to. Of a schema, what stands
# from the first line "##" on goes to the end of a file of QEMU's.
SOURCES = {
    'qapi/vcpu-tsc-offset.json': 'qapi/misc-target.json',
    'qapi/guest-trace.json': 'qga/qapi-schema.json',
    'qga/commands-trace.c': 'qga/commands-trace.c',
}


def source_text(path):
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.json':
        text = text[text.index('\n##\n') + 1:]
    return text


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


def check_series(root, directory):
    good = True
    series = sorted(directory.glob('[0-9][0-9][0-9][0-9]-*.patch'))
    for source, target in SOURCES.items():
        expected = source_text(root / source)
        got = added_lines(series, target).lstrip('\n')
        if got != expected:
            report_difference(f'{source} in {directory.name}', expected, got)
            good = False
    return good


def check_tree(root, tree):
    good = True
    for source, target in SOURCES.items():
        expected = source_text(root / source)
        got = (tree / target).read_text(encoding='utf-8')
        if expected not in got or (source == target and expected != got):
            print(f'{tree / target}: expected {source} word for word')
            good = False
    return good


def main():
    root = pathlib.Path(sys.argv[1])
    versions = [path for path in sorted((root / 'qemu-patches').iterdir())
                if path.is_dir()]
    if not versions:
        raise SystemExit('expected a series in qemu-patches/, found none')
    good = all([check_series(root, path) for path in versions])
    if len(sys.argv) > 2:
        good = check_tree(root, pathlib.Path(sys.argv[2])) and good
    sys.exit(0 if good else 1)


main()
