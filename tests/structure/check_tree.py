#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the borders that docs/architecture.md draws: who includes whom, who starts processes, how long files are.

    check_tree.py [TOP]

Prints every line that is not as it should be; one line of TAP for each rule.
"""
import re
import subprocess
import sys
from pathlib import Path

# The arrows: a room and the rooms it may include, besides itself and base. docs/architecture.md draws them.
ARROWS = {
    "base": set(),
    "sched": set(),
    "report": set(),
    "launch": set(),
    "wire": set(),
    "exec": {"wire"},
    "net": {"wire"},
    "sink": {"wire"},
    "source": {"wire", "net"},
    "store": {"exec"},
    "worker": {"exec", "net", "report", "source", "wire"},
    "master": {"net", "report", "sched", "sink", "source", "wire"},
    "api": {"exec", "launch", "master", "net", "report", "sched", "sink", "source", "store", "wire", "worker"},
}

# Headers that stay behind one door: header, and what a file's path begins with when it may include it.
DOORS = {
    "mpi.h": re.compile(r"lib/net/[^/]*mpi|tests/(mpi|bench)/"),
    "hdf5.h": re.compile(r"lib/store/|tests/(store|bench)/"),
}
STARTERS = ("lib/exec/", "lib/launch/")  # who starts processes
STARTS = re.compile(r"\b(v?fork|clone3?|exec[lv][pe]*|execveat|fexecve|posix_spawnp?|system|popen|MPI_Comm_spawn)\s*\(")

TOP = {".ci", ".clang-format", ".editorconfig", ".github", ".gitignore", "CONTRIBUTING.md", "LICENSE", "NEWS.md",
       "README.md", "apps", "docs", "lib", "meson.build", "meson_options.txt", "scripts", "tests"}
LINES = 500

# Written in two pieces: this file is looked at as well.
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:wo" r"rk|fa" r"rm)/")


def tracked(top):
    """Files that are or would be in the repository; all but builds where there is no git."""
    try:
        git = subprocess.run(["git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        names = git.stdout.decode(errors="surrogateescape").split("\0")
        if len(names) > 1:
            return sorted({n for n in names if n and (top / n).is_file()})
    except (OSError, subprocess.CalledProcessError):
        pass
    names = (p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())
    return sorted(n for n in names if not re.match(r"build[^/]*/|\.git/|(.*/)?__pycache__/", n))


def code_of(text):
    """C without comments and without what strings hold; lines keep their numbers."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(m):
        s = m.group()
        return '""' if s[0] == '"' else "' '" if s[0] == "'" else re.sub(r"[^\n]", " ", s)

    return pattern.sub(blank, text)


def includes(text):
    """(line number, file named, whether in quotes) of each include."""
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if m:
            yield number, m.group(2), m.group(1) == '"'


class Tree:
    def __init__(self, top):
        self.files = tracked(top)
        self.text = {}
        for name in self.files:
            try:
                self.text[name] = (top / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pass  # a picture

    def c(self, *folders):
        return [n for n in self.files if n.endswith((".c", ".h")) and n.startswith(folders)]

    # Each rule yields a line for what breaks it.

    def doors(self):
        """mpi.h and hdf5.h stay behind their doors"""
        for name in self.c("lib/", "apps/", "tests/"):
            for line, file, _ in includes(self.text[name]):
                door = DOORS.get(file)
                if door and not door.match(name):
                    yield f"{name}:{line}: includes {file}"

    def arrows(self):
        """arrows between rooms point one way"""
        for name in self.c("lib/"):
            room = name.split("/")[1]
            if room == "include":
                continue
            if room not in ARROWS:
                yield f"{name}: the room '{room}' has no arrows in tests/structure/check_tree.py"
                continue
            for line, file, is_quoted in includes(self.text[name]):
                to = file.split("/")[0]
                if is_quoted and "/" not in file:
                    yield f'{name}:{line}: includes "{file}" without its room'
                elif is_quoted and to not in ARROWS[room] | {room, "base"}:
                    yield f"{name}:{line}: {room} may not include {file}"

    def public_headers(self):
        """public headers include only each other and the C library"""
        for name in self.c("lib/include/"):
            for line, file, is_quoted in includes(self.text[name]):
                if is_quoted or not re.match(r"rankpool/|std\w+\.h$", file):
                    yield f"{name}:{line}: includes {file}"

    def examples(self):
        """examples know the public headers alone"""
        for name in self.c("apps/examples/"):
            for line, file, is_quoted in includes(self.text[name]):
                if is_quoted and "/" in file:
                    yield f"{name}:{line}: includes {file}"

    def starters(self):
        """only lib/exec and lib/launch start processes"""
        for name in self.c("lib/", "apps/"):
            if name.startswith(STARTERS):
                continue
            for number, line in enumerate(code_of(self.text[name]).splitlines(), 1):
                if STARTS.search(line):
                    yield f"{name}:{number}: {line.strip()}"

    def lengths(self):
        """no file of lib and apps is longer than 500 lines"""
        for name in self.c("lib/", "apps/"):
            n = len(self.text[name].splitlines())
            if n > LINES:
                yield f"{name}: {n} lines"

    def top_level(self):
        """the top level holds what belongs there"""
        for entry in sorted({n.split("/")[0] for n in self.files} - TOP):
            yield f"{entry}: does not belong there"

    def machine_paths(self):
        """no file names a path of one machine"""
        for name, text in self.text.items():
            for number, line in enumerate(text.splitlines(), 1):
                if MACHINE_PATH.search(line):
                    yield f"{name}:{number}: {line.strip()[:100]}"


def main():
    tree = Tree(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    rules = [tree.doors, tree.arrows, tree.public_headers, tree.examples, tree.starters, tree.lengths, tree.top_level,
             tree.machine_paths]
    print(f"1..{len(rules)}")
    failures = 0
    if not tree.c("lib/"):
        print("Bail out! there is no lib/ here")
        return 1
    for number, rule in enumerate(rules, 1):
        broken = list(rule())
        failures += bool(broken)
        print(f"{'not ok' if broken else 'ok'} {number} - {rule.__doc__}")
        for line in broken:
            print(f"# {line}")
            print(f"  {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
