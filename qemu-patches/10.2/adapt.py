# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sources in qapi/ are in the series for QEMU 10.2.

The schema of x86 has a file of its own without conditions there, and 11.0 is
the next version.
"""

import sys

text = sys.stdin.read()
text = text.replace(",\n  'if': 'TARGET_I386' }", ' }')
text = text.replace('Since: 10.1', 'Since: 11.0')
sys.stdout.write(text)
