#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each limit of what is accepted holds: what is above it is left out, cut off
# or refused, and one sentence says so, names the limit and how to raise it,
# where a file is made of a stream and where a file is read.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 0.5 -e sched -e irq -e timer -E sched -E irq
expect_status 0
expect_session complete
stop_guest

# make LIMIT STATUS PATTERN: of "recover", in what it says
make()
{
    rm -rf copy
    cp -r "$session" copy
    "$QEMU_TRACE_MERGE" recover copy --limit "$1" >out 2>err </dev/null
    status=$?
    expect_status "$2"
    expect err "$3"
    [ -z "$(ls copy/*.tmp 2>/dev/null)" ] || fail "recover leaves files"
}

# make_lie FILE LIMIT STATUS PATTERN: of a stream in the guest's place
make_lie()
{
    rm -rf copy
    cp -r "$session" copy
    cp "$1" copy/guest.stream
    "$QEMU_TRACE_MERGE" recover copy --limit "$2" >out 2>err </dev/null
    status=$?
    expect_status "$3"
    expect err "$4"
    [ -z "$(ls copy/*.tmp 2>/dev/null)" ] || fail "recover leaves files"
}

# view LIMIT STATUS PATTERN: of "report"
view()
{
    rm -f file
    "$QEMU_TRACE_MERGE" report "$session" --limit "$1" -o file >out 2>err \
        </dev/null
    status=$?
    expect_status "$2"
    expect err "$3"
    [ "$status" = 0 ] || [ ! -e file ] || fail "report leaves a file"
}

while read -r limit status pattern; do
    make "$limit" "$status" "$pattern"
done <<'END'
frame-size=4K 0 above the limit frame-size \(--limit frame-size=VALUE raises it
pages=1 0 above the limit pages \(--limit pages=VALUE raises it
cpus=1 1 above the limit cpus \(--limit cpus=VALUE raises it
systems=1 0 above the limit systems \(--limit systems=VALUE raises it
events=1 0 above the limit events \(--limit events=VALUE raises it
name-size=16 0 above the limit name-size \(--limit name-size=VALUE raises it
format-size=1K 0 above the limit format-size \(--limit format-size=VALUE raises
kallsyms-size=1K 0 The text kallsyms was left out: .* the limit kallsyms-size \(
printk-size=1K 0 The text printk_formats was left out: .* the limit printk-size
cmdlines-size=1K 0 The text saved_cmdlines was left out: .* limit cmdlines-size
text-size=1M 0 The text kallsyms was left out: .* above the limit text-size \(
keep-free=1024T 1 more than is to stay free
make-memory=16M 1 out of memory.*raise --limit make-memory
END

while read -r limit status pattern; do
    view "$limit" "$status" "$pattern"
done <<'END'
cpus=1 1 CPUs, above the limit cpus \(--limit cpus=VALUE raises it
systems=1 0 event systems, above the limit systems
events=1 0 events in system [a-z]+, above the limit events
name-size=16 0 an event's name of [0-9]+ bytes, above the limit name-size \(--limit
format-size=1K 0 an event format of [0-9]+ bytes, above the limit format-size
kallsyms-size=1K 0 kallsyms of [0-9]+ bytes, above the limit kallsyms-size \(
printk-size=1K 0 printk formats of [0-9]+ bytes, above the limit printk-size \(
cmdlines-size=1K 0 command lines of [0-9]+ bytes, above the limit cmdlines-size
memory=16M 1 out of memory.*raise --limit memory
output=1K 1 File too large
END

# What no honest recording goes beyond, a liar does.
"$LAB_LIAR" hello-page-largest >largest
make_lie largest page-size=256K 1 \
    "the pages are above the limit page-size \(--limit page-size=VALUE raises it"
"$LAB_LIAR" inflation >inflation
make_lie inflation growth=1 0 \
    "was cut off .*above the limit growth \(--limit growth=VALUE raises it"
python3 - <<'END' >names
# Names that are alike almost to their ends, so that each is looked for long.
import struct
import sys

def frame(kind, number, payload):
    header = struct.pack("<IHHIIQ", 0x31465451, kind, 0, 0xffffffff,
                         len(payload), number)
    sys.stdout.buffer.write(header + payload + bytes(-len(payload) % 8))

frame(1, 0, struct.pack("<IIIIQ40s24s80s80sII", 1, 4096, 1, 8, 0x1234, b"boot",
                        b"x86-tsc", b"6.1", b"liar", 0, 0))
for number in range(1, 131000):
    name = f"{'x' * 240}{number:08}/event".encode() + b"\0"
    frame(2, number, struct.pack("<HHI", 3, len(name), 0) + name + b"text")
END
rm -rf copy
cp -r "$session" copy
cp names copy/guest.stream
"$QEMU_TRACE_MERGE" recover copy --limit cpu-time=1 --limit name-size=255 \
    --limit systems=4096 --limit events=65536 >out 2>err
status=$?
expect_status 1
expect err "it took too much time\); .* raise --limit make-memory or cpu-time"
[ -z "$(ls copy/*.tmp 2>/dev/null)" ] || fail "recover leaves files"

# A file of pages without end, of holes.
python3 - "$session/host.dat" endless.dat <<'END' || fail "no file of holes"
import os
import struct
import sys

head = bytearray(open(sys.argv[1], "rb").read())
table = head.index(b"flyrecord\0") + len(b"flyrecord\0")
offset = (len(head) + 4095) & ~4095
struct.pack_into("<QQ", head, table, offset, 1 << 38)
with open(sys.argv[2], "wb") as out:
    out.write(head)
os.truncate(sys.argv[2], offset + (1 << 38))
END
"$QEMU_TRACE_MERGE" report -i endless.dat --limit cpu-time=1 -o file \
    >out 2>err
status=$?
expect_status 1
expect err "it took too much time\); .* raise --limit memory, cpu-time"
[ ! -e file ] || fail "report leaves a file"

# What libtraceevent isn't given is shown by its fields' names alone.
"$QEMU_TRACE_MERGE" report "$session" >whole 2>err || fail "report"
for limit in format-fields=1 format-depth=1 format-operators=1; do
    "$QEMU_TRACE_MERGE" report "$session" --limit $limit >out 2>err ||
        fail "report --limit $limit"
    ! cmp -s whole out || fail "--limit $limit has no effect"
done

# A guest that goes on sending when it is to stop.
start_guest never-stops
record --duration 0.3 --limit stop-time=1
expect_status 1
expect_error "did not stop .* above the limit stop-time \(--limit stop-time=VALUE"
expect_restored
stop_guest
