# SPDX-License-Identifier: GPL-2.0-or-later
#
# An honest guest among liars; to be sourced after lib.sh.

pids=()

stop_liars()
{
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
    [ -z "${forker:-}" ] || kill "$forker" 2>/dev/null
    stop_guest
    cd /
    rm -rf "$work"
}
trap stop_liars EXIT

# start_liar LIE: its recording's options are added to $options
start_liar()
{
    mkdir -p "liar-$1"
    "$FAKE_GUEST" "liar-$1" "lie:$1" >"liar-$1/ready" 2>>guest.log &
    pids+=($!)
    for _ in $(seq 100); do
        grep -q ready "liar-$1/ready" && break
        sleep 0.05
    done
    options+=(--name "$1" --qmp "liar-$1/qmp" --qga "liar-$1/qga"
              --trace "liar-$1/trace")
}

# record_with_liars ARGS...: beside the honest guest; sets $session
record_with_liars()
{
    rm -rf honest+*
    "$QEMU_TRACE_MERGE" record --name honest --qmp guest/qmp --qga guest/qga \
        --trace guest/trace "${options[@]}" "$@" >out 2>err </dev/null
    status=$?
    session=$(ls -d honest+*) || fail "there is no session"
}

expect_honest_unharmed()
{
    python3 - "$session/session.json" <<'PY' || fail "the honest guest suffered"
import json, sys
honest = [m for m in json.load(open(sys.argv[1]))["machines"]
          if m["name"] == "honest"][0]
assert honest["ended"], honest
assert not honest["notes"], honest["notes"]
assert sum(c["read-events"] for c in honest["cpus"]) > 0, honest["cpus"]
lost = sum(c[k] for c in honest["cpus"]
           for k in ("overrun-events", "dropped-events", "unread-events"))
assert lost == 0, honest["cpus"]
PY
}

expect_clean()
{
    ! grep -q "$(printf '[\033\007]')" "$@" ||
        fail "expected printable text only in $*"
    [ ! -e /var/tmp/lie-was-here ] || fail "a file outside was written"
    [ "$(ls "$session" | grep -cvE '\.(json|stream|dat)$')" = 0 ] ||
        fail "odd files in the session: $(ls "$session")"
}
