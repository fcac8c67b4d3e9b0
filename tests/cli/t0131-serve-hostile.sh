#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever comes from the guest instead of a request: nothing is recorded, the
# log and the processor are not the guest's, and serve ends when it is told to.

. "$(dirname "$0")/lib.sh"

need_tracing

serve()
{
    "$QEMU_TRACE_MERGE" serve --qmp guest/qmp --qga guest/qga \
        --trace guest/trace --allow default "$@" >out 2>err </dev/null &
    server=$!
}

end_serve()
{
    kill "$server"
    wait "$server"
    status=$?
    expect_status 0
}

# Ticks of processor time, of 10 ms.
cpu_ticks()
{
    awk '{print $14 + $15}' "/proc/$server/stat"
}

start_guest noise
serve
sleep 3
ticks=$(cpu_ticks)
end_serve
[ "$ticks" -lt 100 ] || fail "noise took $ticks ticks of processor time"
[ "$(grep -c "something else than requests" err)" = 1 ] ||
    fail "expected one sentence about it"
expect_no_session

# Many requests, of all kinds, by a guest that has no manners.
stop_guest
rm -rf guest
mkdir guest
python3 - <<'PY' &
import os, random, socket, struct, time
random.seed(4711)
os.chdir('guest')
s = socket.socket(socket.AF_UNIX)
s.bind('trace')
s.listen(1)
open('up', 'w').close()
c, _ = s.accept()
def message(magic=0x31435451, version=1, kind=1, ident=7, flags=0, ms=0,
            text=b'x', events=b''):
    return struct.pack('<IHHQII256s1024s', magic, version, kind, ident, flags,
                       ms, text, events)
bad = [message(ident=0), message(kind=17), message(kind=33), message(version=2),
       message(text=b'y' * 256), message(events=b'z' * 1024),
       message(events=b'sched:\x1b[31m'), message(events=b'\n' * 1000),
       message(text=b'\x1b]0;owned\x07', events=b'nosuch'),
       message()[:200]]
end = time.time() + 4
c.settimeout(1)
try:
    while time.time() < end:
        c.sendall(bytes(random.randbytes(random.randrange(2000))))
        c.sendall(random.choice(bad))
except OSError:
    pass
PY
peer=$!
for _ in $(seq 100); do
    [ -e guest/up ] && break
    sleep 0.05
done
serve
sleep 4
end_serve
wait $peer
expect_no_session
[ "$(grep -c "refused to record" err)" -le 10 ] ||
    fail "expected ten refusals in the log at most"
! grep -q "$(printf '[\033\007]')" err || fail "expected printable text only"
! grep -q "recording '" err || fail "expected no recording"
expect_restored
