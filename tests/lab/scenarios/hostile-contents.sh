# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's lies in what its frames hold, pages, names and formats: one of each
# kind.  tell-lies.py tells them all, but on files.

. "$LAB_LIB/hostile.sh"

tell_lies page-backwards page-noise page-comm-escape page-comm-markup \
    name-path bomb-nested formats-endless
