#!/usr/bin/python3
# A page of docs/*.md becomes the source of a manual page, so that the formats
# are described once.  It knows as much Markdown as these pages use.
#
#     md-to-scd.py PAGE.md NAME SECTION "WHAT IT IS"
#
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import sys


def escape(text):
    return re.sub(r"([\\_*])", r"\\\1", text)


# scdoc knows no nested emphasis, and none inside a word.
def inline(text):
    parts = re.split(r"(`[^`]*`|\*\*[^*]*\*\*|\*[^*\s][^*]*\*"
                     r"|\[[^]]*\]\([^)]*\))", text)
    out = []
    for part in parts:
        if part.startswith("`"):
            out.append(escape(part[1:-1]))
        elif part.startswith("**"):
            out.append(f"*{escape(part[2:-2])}*")
        elif part.startswith("*") and len(part) > 2:
            out.append(f"_{escape(part[1:-1])}_")
        elif re.match(r"\[[^]]*\]\(", part):
            out.append(escape(re.match(r"\[([^]]*)\]", part)[1]))
        else:
            out.append(escape(part))
    return "".join(out)


# A line must not begin with what scdoc takes for a list or a table.
def safe(text):
    return "\\" + text if re.match(r"[-.#|\[\]\t]", text) else text


def cells(row):
    return [c.strip() for c in re.split(r"(?<!\\)\|", row.strip()[1:-1])]


def table(rows):
    out = []
    header = [f"*{inline(c)}*" if c else "" for c in cells(rows[0])]
    body = [[inline(c) for c in cells(r)] for r in rows[2:]]
    for row in [header] + body:
        for i, cell in enumerate(row):
            out.append(("|[ " if i == 0 else ":[ ") + cell)
    return out + [""]


def convert(text):
    out, paragraph = [], []
    lines = text.splitlines()
    in_code = False
    i = 0

    def flush():
        if paragraph:
            out.append(safe(inline(" ".join(paragraph))))
            out.append("")
            paragraph.clear()

    while i < len(lines):
        line = lines[i]
        if line.startswith("```"):
            flush()
            in_code = not in_code
            out.append("```")
            if not in_code:
                out.append("")
        elif in_code:
            out.append(line)
        elif line.startswith("    ") and not paragraph:
            out.append("```")
            while i < len(lines) and (lines[i].startswith("    ") or
                                      not lines[i].strip()):
                out.append(lines[i][4:])
                i += 1
            while not out[-1].strip():
                out.pop()
            out += ["```", ""]
            continue
        elif line.startswith("#"):
            flush()
            level, title = re.match(r"(#+) (.*)", line).groups()
            # The first level is the page's own title.
            if len(level) > 1:
                out += [("# " if len(level) == 2 else "## ") +
                        (inline(title).upper() if len(level) == 2
                         else inline(title)), ""]
        elif line.startswith("|"):
            flush()
            rows = []
            while i < len(lines) and lines[i].startswith("|"):
                rows.append(lines[i])
                i += 1
            out += table(rows)
            continue
        elif re.match(r"[*-] |\d+\. ", line):
            flush()
            item = [re.sub(r"^([*-]|\d+\.) ", "", line)]
            is_numbered = line[0].isdigit()
            while i + 1 < len(lines) and re.match(r"  +\S", lines[i + 1]):
                i += 1
                item.append(lines[i].strip())
            out.append((". " if is_numbered else "- ") +
                       inline(" ".join(item)))
            follows = i + 1 < len(lines) and \
                re.match(r"[*-] |\d+\. ", lines[i + 1])
            if not follows:
                out.append("")
        elif not line.strip():
            flush()
        else:
            paragraph.append(line.strip())
        i += 1
    flush()
    return out


def main():
    page, name, section, what = sys.argv[1:]
    body = convert(pathlib.Path(page).read_text())
    # What stands before the first heading is the description.
    head = [f"{name}({section})", "", "# NAME", "", f"{name} - {what}", "",
            "# DESCRIPTION", ""]
    tail = ["# SEE ALSO", "", "*qemu-trace-merge*(1), *qga-trace*(1)"]
    print("\n".join(head + body + tail))


main()
