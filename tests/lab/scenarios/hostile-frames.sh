# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's lies in the frames of its stream, and in their pace: one of each
# kind.  tell-lies.py tells them all, but on files.

. "$LAB_LIB/hostile.sh"

tell_lies nonsense before-hello two-hellos after-end sequence-back \
    length-4-gib cpu-huge dribble silence flood
