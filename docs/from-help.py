#!/usr/bin/python3
# What the programs say of themselves with --help, which is their option
# tables, becomes shell completions and the manual pages' synopses.  So an
# option that is added to a table is everywhere.
#
#     from-help.py bash|zsh PROGRAM...        a completion, on stdout
#     from-help.py manual PAGE.scd PROGRAM... the page with its synopsis
#
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^  (?:-(?P<short>\w), )?--(?P<long>[\w-]+)"
                    r"(?:=(?P<arg>\S+))?(?:\s{2,}(?P<text>.*))?$")
COMMAND = re.compile(r"^  (?P<name>[a-z]+)(?:\s+(?P<text>.*))?$")
USAGE = re.compile(r"^  \S+ \S+ \[OPTION\S*\]\s*(?P<rest>.*)$")
# Of GLib's own help.
NOT_OPTIONS = re.compile(r"^help(-|$)")
FILE_ARGS = re.compile(r"FILE|SOCKET")
DIR_ARGS = re.compile(r"DIR")


class Option:
    def __init__(self, match):
        self.short = match["short"]
        self.long = match["long"]
        self.arg = match["arg"]
        self.text = match["text"] or ""


class Command:
    def __init__(self, name, text, help_text):
        self.name = name
        self.text = text
        self.rest = ""
        self.options = []
        self.limits = []
        for line in help_text.splitlines():
            usage = USAGE.match(line)
            option = OPTION.match(line)
            if usage:
                self.rest = usage["rest"]
            elif option and not NOT_OPTIONS.match(option["long"]):
                self.options.append(Option(option))


def run(*args):
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True,
                          env=environment).stdout


def limits_of(program, command):
    """The names in the list, whose first line is its head."""
    lines = run(program, command, "--limit", "help").splitlines()[1:]
    return [line.split()[0] for line in lines]


def has_help_command(program):
    """Whether 'PROGRAM help COMMAND' works, as its own help says."""
    return re.search(r"^  help\s", run(program, "--help"), re.M) is not None


def commands_of(program):
    commands = []
    found = False
    for line in run(program, "--help").splitlines():
        match = COMMAND.match(line)
        if line.startswith("Commands"):
            found = True
        elif found and match and match["name"] != "help":
            # All of it, or what there is.
            help_text = run(program, match["name"], "--help")
            if "--help-all" in help_text:
                help_text = run(program, match["name"], "--help-all")
            command = Command(match["name"], match["text"] or "", help_text)
            if any(o.long == "limit" for o in command.options):
                command.limits = limits_of(program, match["name"])
            commands.append(command)
    if not commands or not all(c.options for c in commands
                               if c.name not in ("diff", "recover")):
        sys.exit(f"{program}: its --help is not understood")
    return commands


# --- bash

BASH_HEAD = """\
# bash completion, made from the programs' --help.
# SPDX-License-Identifier: GPL-2.0-or-later
"""

BASH_FUNCTION = """
_{function}()
{{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= commands="{commands}" options= operands= word
    local limits=

    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        # What stands behind it is another program's.
        [[ $word == -- ]] && return
        if [[ -z $command && " $commands " == *" $word "* ]]; then
            command=$word
        fi
    done
    case $command in
{cases}\
    *)
        options="{main_options}"
        operands=$commands
        ;;
    esac
    case $prev in
    --limit)
        compopt -o nospace
        COMPREPLY=($(compgen -W "$limits help" -- "$cur"))
        return
        ;;
{arguments}\
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $operands ]]; then
        COMPREPLY=($(compgen -W "$operands" -- "$cur"))
    else
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}}
complete -F _{function} {name}
"""


def flags(option):
    return ([f"-{option.short}"] if option.short else []) + \
        [f"--{option.long}"]


def bash_arguments(commands):
    files, dirs, domains, others = set(), set(), set(), set()
    for command in commands:
        for option in command.options:
            if not option.arg:
                continue
            if option.long == "limit":
                continue
            if option.long == "domain":
                domains.update(flags(option))
            elif FILE_ARGS.search(option.arg):
                files.update(flags(option))
            elif DIR_ARGS.search(option.arg):
                dirs.update(flags(option))
            else:
                others.update(flags(option))
    # One letter may be a file here and a number there: then it is a file.
    dirs -= files
    others -= files | dirs | domains
    lines = []
    for names, reply in (
            (files, 'compopt -o filenames\n'
                    '        COMPREPLY=($(compgen -f -- "$cur"))'),
            (dirs, 'compopt -o filenames\n'
                   '        COMPREPLY=($(compgen -d -- "$cur"))'),
            (domains, 'COMPREPLY=($(compgen -W "$(virsh list --all --name '
                      '2>/dev/null)" \\\n            -- "$cur"))'),
            (others, 'COMPREPLY=()')):
        if names:
            lines.append(f"    {'|'.join(sorted(names))})\n        {reply}\n"
                         "        return\n        ;;\n")
    return "".join(lines)


def bash(programs):
    text = BASH_HEAD
    for program in programs:
        commands = commands_of(program)
        name = pathlib.Path(program).name
        cases = "".join(
            f"    {c.name})\n        options=\"" +
            " ".join(f for o in c.options for f in flags(o)) +
            " --help\"\n" +
            f"        limits=\"{' '.join(f'{n}=' for n in c.limits)}\"\n"
            "        ;;\n" for c in commands)
        names = " ".join(c.name for c in commands)
        all_names = names
        if has_help_command(program):
            all_names += " help"
            cases += f"    help)\n        operands=\"{names}\"\n        ;;\n"
        main_options = "--help --version"
        if "--no-pager" in run(program, "--help"):
            main_options += " --no-pager"
        text += BASH_FUNCTION.format(
            function=name.replace("-", "_"), name=name, cases=cases,
            commands=all_names,
            main_options=main_options, arguments=bash_arguments(commands))
    return text


# --- zsh

def zsh_quote(text):
    return text.replace("'", "'\\''")


def zsh_spec(option, limits):
    text = re.sub(r"([\[\]:\\])", r"\\\1", option.text)
    arg = ""
    if option.arg:
        what = re.sub(r"([\[\]:\\])", r"\\\1", option.arg)
        action = f"({' '.join(limits)})" if option.long == "limit" else \
            "_files" if FILE_ARGS.search(option.arg) else \
            "_files -/" if DIR_ARGS.search(option.arg) else " "
        arg = f":{what}:{action}"
    specs = [f"*--{option.long}{'=' if option.arg else ''}[{text}]{arg}"]
    if option.short:
        specs.append(f"*-{option.short}{'+' if option.arg else ''}"
                     f"[{text}]{arg}")
    return specs


def zsh(programs):
    names = [pathlib.Path(p).name for p in programs]
    lines = [f"#compdef {' '.join(names)}",
             "# zsh completion, made from the programs' --help.",
             "# SPDX-License-Identifier: GPL-2.0-or-later", "",
             "local -a commands", "case $service in"]
    for program, name in zip(programs, names):
        commands = commands_of(program)
        described = " ".join(
            "'" + zsh_quote(c.name + (":" + c.text if c.text and
                                      not c.text.startswith("[") else "")) +
            "'" for c in commands)
        if has_help_command(program):
            described += " 'help:tell the options of a command'"
        lines += [f"{name})", f"    commands=({described})",
                  "    if (( CURRENT == 2 )) || "
                  "[[ $words[2] == help && CURRENT -eq 3 ]]; then",
                  "        _describe command commands", "        return",
                  "    fi", "    case $words[2] in"]
        for command in commands:
            lines += [f"    {command.name})", "        _arguments -s \\"]
            for option in command.options:
                lines += [f"            '{zsh_quote(spec)}' \\"
                          for spec in zsh_spec(option, command.limits)]
            lines += ["            '*:file:_files'", "        ;;"]
        lines += ["    esac", "    ;;"]
    return "\n".join(lines + ["esac", ""])


# --- manual pages

def synopsis_words(option):
    flag = f"*-{option.short}*" if option.short else f"*--{option.long}*"
    arg = ""
    if option.arg:
        arg = " _" + option.arg.replace("_", "\\_") + "_"
    return f"[{flag}{arg}]"


def rest_words(rest):
    return re.sub(r"[A-Z]+", lambda m: f"_{m[0]}_",
                  rest.replace("--", "*--*"))


def synopsis(program, command):
    name = pathlib.Path(program).name
    words = [f"*{name}* *{command.name}*"]
    words += [synopsis_words(option) for option in command.options]
    if command.rest:
        words.append(rest_words(command.rest))
    return " ".join(words)


def manual(page, programs):
    text = pathlib.Path(page).read_text()
    title = re.match(r"^([\w-]+)\(", text)[1]
    lines = []
    for program in programs:
        name = pathlib.Path(program).name
        if title != name and not title.startswith(name + "-"):
            continue
        for command in commands_of(program):
            # The page of a program with no pages for its commands has all.
            is_only = title == "qga-trace"
            if is_only or title == f"{name}-{command.name}":
                lines.append(synopsis(program, command))
    if not lines:
        return text
    replaced, count = re.subn(r"(?ms)^# SYNOPSIS\n\n.*?(?=^# )",
                              lambda _: "# SYNOPSIS\n\n" +
                              "\n\n".join(lines) + "\n\n", text)
    if count != 1:
        sys.exit(f"{page}: it has no SYNOPSIS to replace")
    return replaced


def main():
    kind, *rest = sys.argv[1:]
    if kind == "manual":
        sys.stdout.write(manual(rest[0], rest[1:]))
    else:
        sys.stdout.write({"bash": bash, "zsh": zsh}[kind](rest))


main()
