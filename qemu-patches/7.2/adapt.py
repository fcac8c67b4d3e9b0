# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sources in qapi/ and qga/ are in the series for QEMU 7.2.

The schema's documentation is indented and marked in another way there,
headers have other names, and an optional string comes with a flag.
"""

import re
import sys

REPLACEMENTS = (
    ('Since: 10.1', 'Since: 8.0'),
    ('# .. qmp-example::\n', '# Example:\n'),
    ('# .. note:: ', '# Note: '),
    ('#include "qobject/', '#include "qapi/qmp/'),
    ('RETRY_ON_EINTR', 'TEMP_FAILURE_RETRY'),
    ('const char *tracer, bool has_functions,\n'
     '                      strList *functions, bool has_buffer_size,\n'
     '                      uint32_t buffer_size, const char *port, '
     'Error **errp)',
     'bool has_tracer,\n'
     '                      const char *tracer, bool has_functions,\n'
     '                      strList *functions, bool has_buffer_size,\n'
     '                      uint32_t buffer_size, bool has_port,\n'
     '                      const char *port, Error **errp)'),
)


def align_descriptions(text):
    """Continuation lines begin where the description does."""
    lines = []
    extra = ''
    in_returns = False
    for line in text.split('\n'):
        member = re.match(r'# (@[\w-]+: )\S', line)
        if line.startswith('# Returns: '):
            in_returns = True
        elif line.startswith('# Since: '):
            in_returns = False
        elif in_returns and line != '#':
            # There is no section for errors: they are told with the result.
            line = '#' + ' ' * len(' Returns: ') + line[2:]
        elif member:
            extra = ' ' * (len(member.group(1)) - 4)
        elif not line.startswith('#     '):
            extra = ''
        elif line.strip('# '):
            line = '# ' + extra + line[2:]
        lines.append(line)
    return '\n'.join(lines)


text = sys.stdin.read()
for old, new in REPLACEMENTS:
    text = text.replace(old, new)
if not text.startswith('/*'):
    # Names of commands are no references yet.
    text = re.sub(r'`([a-z-]+)`', r'\1', text)
    text = align_descriptions(text)
sys.stdout.write(text)
