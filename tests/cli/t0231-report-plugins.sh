#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Plugins of libtraceevent are code that works on what guests send: only those
# are loaded that root installed, whoever runs the program, and whatever the
# environment and the home directory say.

# Other directories are put in the place of the plugins' own, for us alone.
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root" >&2; exit 77; }
[ -n "${HAS_NAMESPACE:-}" ] || HAS_NAMESPACE=1 exec unshare -m "$0"

. "$(dirname "$0")/lib.sh"

chmod 755 .
mkdir sample traps home
"$MAKE_SAMPLE" sample || fail "there is no sample"
inputs=(-i sample/host.dat -i sample/vm1.dat)
trap=plugin_function.so
install -m 644 "$PLUGIN_TRAP_MODULE" traps/$trap
for name in .local/lib/traceevent/plugins .traceevent/plugins \
    .local/share/traceevent/plugins; do
    mkdir -p "home/$name"
    cp traps/$trap "home/$name"
done
# What libtraceevent and trace-cmd look at themselves.
environment=(HOME="$work/home" XDG_DATA_HOME="$work/home/.local/share"
    TRACEEVENT_PLUGIN_DIR="$work/traps" TRACE_CMD_PLUGIN_DIR="$work/traps"
    TRACECMD_PLUGIN_DIR="$work/traps" LIBTRACEEVENT_PLUGIN_DIR="$work/traps"
    PLUGIN_TRAP="$work/trapped")

# attack WHO COMMAND...: it ends well, and the trap is loaded $loads times.
# Without a real guest "check" proves nothing, and says so.
attack()
{
    local who=$1 as=() n
    shift
    [ "$who" = root ] ||
        as=(setpriv --reuid "$who" --regid "$who" --clear-groups)
    : >trapped
    chmod 666 trapped
    env "${environment[@]}" "${as[@]}" "$QEMU_TRACE_MERGE" "$@" \
        >out 2>err </dev/null || [ "$1" = check ] || fail "$who: $*"
    n=$(grep -c "the trap was loaded" trapped)
    [ "$n" = "$loads" ] || fail "$who: $1 loads a plugin $n times, not $loads"
    # A confined process could write no file, but here.
    n=$(grep -c "the trap was loaded" err)
    [ "$n" = "$loads" ] || fail "$who: $1 loads a plugin $n times, not $loads"
}

attack_readers()
{
    attack "$1" report "${inputs[@]}"
    attack "$1" report "${inputs[@]}" --format json
    attack "$1" explain "${inputs[@]}"
}

# --- the environment and the home directory ---

loads=0
for who in root 65534; do
    attack_readers $who
done

# It can tell: preloaded it does. Once: no process that is confined is another
# program, which would load what the environment says.
loads=1
environment+=(LD_PRELOAD="$work/traps/$trap")
attack_readers root
unset 'environment[-1]'

# --- what lies in the plugins' own directory ---

in_place()
{
    mount --bind place "$PLUGIN_DIR" || fail "cannot mount"
    attack_readers root
    attack_readers 65534
    umount "$PLUGIN_DIR"
}

# plugins_of DIRECTORY'S_OWNER MODE FILE'S_OWNER MODE: in place/
plugins_of()
{
    rm -rf place
    mkdir place
    install -m "$4" -o "${3%:*}" -g "${3#*:}" traps/$trap place/$trap
    chown "$1" place
    chmod "$2" place
}

# Root's own is loaded: so the others would be, too.
plugins_of 0:0 755 0:0 644
loads=1
in_place
loads=0
for owners in "65534:0 755 0:0 644" "0:65534 775 0:0 644" \
        "0:0 777 0:0 644" "0:0 1777 0:0 644" "0:0 755 65534:0 644" \
        "0:0 755 0:65534 664" "0:0 755 0:0 646"; do
    plugins_of $owners
    in_place
done
# Who may write above it could put another in its place.
plugins_of 0:0 755 0:0 644
mkdir upper
mv place upper/plugins
chmod 777 upper
mount --bind upper "$(dirname "$PLUGIN_DIR")" || fail "cannot mount"
attack_readers root
umount "$(dirname "$PLUGIN_DIR")"
plugins_of 0:0 755 0:0 644
rm place/$trap
ln -s "$work/traps/$trap" place/$trap
in_place

# --- those that record ---

need_tracing
record_and_recover()
{
    attack root record --qmp guest/qmp --qga guest/qga --trace guest/trace \
        --duration 0.3 -e sched
    session=$(ls -d guest-2*)
    attack root recover "$session"
    attack root report "$session"
    attack root check "$session"
    rm -r "$session"
}

start_guest
loads=0
record_and_recover

start_guest asks
: >trapped
env "${environment[@]}" "$QEMU_TRACE_MERGE" serve --qmp guest/qmp \
    --qga guest/qga --trace guest/trace --allow default >out 2>err </dev/null &
server=$!
for _ in $(seq 400); do
    grep -q "next: qemu-trace-merge report" err && break
    sleep 0.1
done
kill $server
wait $server || fail "serve"
expect_session complete
[ ! -s trapped ] || fail "serve loads a plugin"
! grep -q "the trap was loaded" err || fail "serve loads a plugin"
expect_restored
