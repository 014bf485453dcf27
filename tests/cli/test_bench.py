#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark runs: every line of its table has numbers. What they are is not looked at.

usage: test_bench.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

source, build = (os.path.abspath(p) for p in sys.argv[1:3])
FIELDS = ["work", "value", "unit", "peer", "peer_value", "ratio", "goal", "met"]
LEAST_ROWS = 20
failures = []


def check(what, fine, detail=""):
    print(("ok   " if fine else "FAIL ") + what + (": " + detail if detail and not fine else ""))
    if not fine:
        failures.append(what)


def is_measured(x, unit):
    return isinstance(x, (int, float)) and (x > 0 or (unit == "%" and x == 0))  # who sleeps uses no CPU


with tempfile.TemporaryDirectory(dir=os.getcwd()) as scratch:
    r = subprocess.run([sys.executable, f"{source}/scripts/bench", "--quick", "--build", build, "--json", "b.json",
                        "--markdown", "b.md"], cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(r.stdout)
    check("bench --quick ends with 0", r.returncode == 0, r.stderr[-2000:])
    if r.returncode:
        sys.exit(1)
    with open(f"{scratch}/b.json", encoding="utf-8") as f:
        rows = json.load(f)
    with open(f"{scratch}/b.md", encoding="utf-8") as f:
        markdown = f.read()
check(f"there are at least {LEAST_ROWS} rows", len(rows) >= LEAST_ROWS, str(len(rows)))
for row in rows:
    name = f"{row['work']} / {row['peer']}"
    check(f"{name}: fields", list(row) == FIELDS, str(list(row)))
    check(f"{name}: value", is_measured(row["value"], row["unit"]), str(row["value"]))
    if row["peer"] is not None:
        check(f"{name}: peer", is_measured(row["peer_value"], row["unit"]), str(row["peer_value"]))
    check(f"{name}: in both tables", row["work"] in r.stdout and row["work"] in markdown)
sys.exit(1 if failures else 0)
