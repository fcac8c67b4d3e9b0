#!/usr/bin/python3
# No folder includes against its arrow: the rooms of the design and who may
# enter, checked over every #include.
#
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import sys

# A folder may include itself and these.
MAY_INCLUDE = {
    "host-tool/clock": [],
    "host-tool/limits": ["qga/trace-stream.h"],
    "host-tool/trace-data": ["host-tool/clock", "host-tool/limits",
                             "qga/trace-stream.h"],
    "host-tool/connection": [],
    "host-tool/confine": [],
    "host-tool/merge": ["host-tool/clock", "host-tool/limits",
                        "host-tool/trace-data"],
    "host-tool/explain": ["host-tool/clock", "host-tool/trace-data",
                          "host-tool/merge"],
    "host-tool/output": ["host-tool/clock", "host-tool/trace-data",
                         "host-tool/merge", "host-tool/explain"],
    "host-tool/session": ["host-tool/clock", "host-tool/trace-data",
                          "host-tool/connection", "host-tool/confine",
                          "host-tool/limits", "host-tool/merge", "qga"],
    "host-tool/api": ["host-tool/clock", "host-tool/trace-data",
                      "host-tool/merge", "host-tool/session"],
    "host-tool/commands": ["host-tool/clock", "host-tool/trace-data",
                           "host-tool/connection", "host-tool/session",
                           "host-tool/merge", "host-tool/explain",
                           "host-tool/output", "host-tool/confine",
                           "host-tool/limits",
                           "qga/json-text.h"],
    "host-tool": ["host-tool/commands"],
    "qga": [],
}

# Only these folders, or files, may use these libraries.
LIBRARY_ROOMS = {
    r"json-c/|json\.h": ["host-tool/connection", "host-tool/session",
                         "host-tool/output/analysis-json.c",
                         "host-tool/output/json.c",
                         "host-tool/output/json-line.c"],
    r"protobuf-c|.*pb-c\.h": ["host-tool/output/perfetto.c",
                              "host-tool/output/perfetto-bundle.h",
                              "host-tool/output/perfetto-types.h"],
    r"traceevent/": ["host-tool/trace-data"],
    r"tracefs": ["qga"],
    r"libvirt/": ["host-tool/connection/libvirt-channel.c",
                  "host-tool/connection/libvirt-channel.h",
                  "host-tool/connection/libvirt-error.c",
                  "host-tool/connection/libvirt-link.c",
                  "host-tool/connection/libvirt-loop.c"],
    r"seccomp\.h": ["host-tool/confine"],
    r"zlib\.h|zstd": ["host-tool/trace-data"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def resolve(root, source, name):
    for base in (source.parent, root / "host-tool", root):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root)
    return None


def check_file(root, source, problems):
    here = source.relative_to(root)
    room = str(here.parent)
    for kind, name in INCLUDE.findall(source.read_text()):
        target = resolve(root, source, name) if kind == '"' else None
        if target:
            allowed = [room] + MAY_INCLUDE[room]
            if not any(str(target.parent) == a or str(target) == a
                       for a in allowed):
                problems.append(f"{here}: {room} must not include {target}")
            continue
        for pattern, rooms in LIBRARY_ROOMS.items():
            if re.match(pattern, name) and not {room, str(here)} & set(rooms):
                problems.append(f"{here}: {room} must not use <{name}>; "
                                f"only {', '.join(rooms)} may")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    sources = [p for top in ("host-tool", "qga")
               for p in (root / top).rglob("*.[ch]")
               # Belongs to QEMU's tree, with QEMU's headers.
               if p.name != "commands-trace.c"]
    for source in sorted(sources):
        room = str(source.relative_to(root).parent)
        if room not in MAY_INCLUDE:
            problems.append(f"{room}: a folder without a rule; "
                            "add it to MAY_INCLUDE")
            continue
        check_file(root, source, problems)
    if len(sources) < 20:
        problems.append(f"only {len(sources)} sources found below {root}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
