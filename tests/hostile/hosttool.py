# SPDX-License-Identifier: GPL-2.0-or-later
"""What the scripts share that maltreat the host tool's recordings."""
import json
import os
import pathlib
import re
import subprocess
import time

INSTANCES = pathlib.Path("/sys/kernel/tracing/instances")
OURS, GUESTS = "qemu-trace-merge-", "fake-guest-"
# A stream with less cannot have its first frame: header, HELLO, one CPU.
HELLO_BYTES = 24 + 248 + 8
LIMIT_S = 200
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Wrong(Exception):
    """What the host tool did and should not have."""


def start_fake_guest(program, place, behaviour="", env=None):
    """A QEMU and a guest that are none, with sockets in place/guest."""
    (place / "guest").mkdir(exist_ok=True)
    guest = subprocess.Popen([program, "guest", behaviour], cwd=place, env=env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    if "ready" not in guest.stdout.readline():
        raise Wrong("the fake guest does not start")
    return guest


def stop_fake_guest(guest):
    guest.kill()
    guest.wait()
    guest.stdout.close()


def record_words(seconds):
    """Records next to nothing, of both machines."""
    return ["record", "--qmp", "guest/qmp", "--qga", "guest/qga", "--trace",
            "guest/trace", "--duration", str(seconds),
            "-e", "sched:sched_process_hang", "-E", "sched:sched_process_hang"]


def run_tool(tool, words, place, env=None):
    """The exit status, the output and what was said."""
    done = subprocess.run([tool, *words], cwd=place, timeout=LIMIT_S,
                          env=dict(os.environ) | (env or {}), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)
    return (done.returncode, done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"))


def look_at_end(status, said):
    """It ended by itself, with one sentence if it failed, and legibly."""
    sentences = len(re.findall("^qemu-trace-merge [a-z]+: ", said, re.M))
    if status not in (0, 1) or sentences != status:
        raise Wrong(f"it ended with status {status} and {sentences} "
                    f"sentences: {said[-600:]}")
    if CONTROL.search(said):
        raise Wrong(f"it let a control character out: {said[-600:]!r}")


def look_at_sessions(tool, place):
    """What was stored can be recovered and reported.

    The session.json and the report of each."""
    found = []
    for session in place.glob("guest-2*"):
        stored = [path for path in session.glob("*.stream")
                  if path.stat().st_size >= HELLO_BYTES]
        if not (session / "session.json").exists():
            # Killed as it was made; nothing was recorded yet.
            if stored:
                raise Wrong("there are streams, but no session.json")
            continue
        status, _, said = run_tool(tool, ["recover", session.name], place)
        if status != 0 and stored:
            raise Wrong(f"it can't be recovered: {said[-600:]}")
        if status != 0:
            continue
        status, report, said = run_tool(tool, ["report", session.name], place)
        if status != 0:
            raise Wrong(f"it can't be reported: {said[-600:]}")
        description = json.loads((session / "session.json").read_text())
        found.append((description, report))
    return found


def lost_events(description, name):
    """What was lost of a machine, by the kernel's counts."""
    return sum(cpu[key] for machine in description["machines"]
               if machine["name"] == name for cpu in machine["cpus"]
               for key in ("overrun-events", "dropped-events",
                           "unread-events"))


def await_restored(seen=None):
    """No tracefs instance is left; seen: only of these processes."""
    end = time.monotonic() + 60
    while True:
        left = [path.name for path in INSTANCES.glob("*")
                if path.name.startswith((OURS, GUESTS)) and
                (seen is None or int(path.name.rpartition("-")[2]) in seen)]
        if not left:
            return
        if time.monotonic() > end:
            raise Wrong(f"left in tracefs: {left}")
        time.sleep(0.05)
