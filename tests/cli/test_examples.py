#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The example programs as a user runs them: physics, bit-identical results, the picture, the counts.

usage: test_examples.py RANKPOOL EXAMPLES_DIR SOURCE_DIR
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

rankpool, examples, source = (os.path.abspath(p) for p in sys.argv[1:4])
failures = []


def check(what, fine, detail=""):
    print(("ok   " if fine else "FAIL ") + what + (": " + detail if detail and not fine else ""))
    if not fine:
        failures.append(what)


def run(*argv, cwd):
    r = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if r.returncode:
        print(f"--- {' '.join(argv)} ended with {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def ising_is_the_same_everywhere(scratch):
    """The same seeds give bit-identical results for 1, 2 and 5 workers, and the physics is right."""
    files = {}
    for workers in (1, 2, 5):
        name = f"ising{workers}.h5"
        r = run(rankpool, "exec", "-n", str(workers), "--", f"{examples}/ising", "--quick", "-o", name, cwd=scratch)
        check(f"ising with {workers} workers ends with 0", r.returncode == 0, r.stderr[-500:])
        with h5py.File(f"{scratch}/{name}") as f:
            files[workers] = (f["inputs"][:], f["results"][:])
            ranks = set(f["tasks"]["worker"])
            check(f"ising with {workers} workers used them all", ranks == set(range(1, workers + 1)), str(ranks))
    for workers in (2, 5):
        for k, name in enumerate(("inputs", "results")):
            a, b = files[1][k], files[workers][k]
            same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
            check(f"/{name} of {workers} workers equals that of 1, bit by bit", same,
                  f"{np.count_nonzero(a != b)} of {len(a)} rows differ")
    plot = f"{source}/scripts/plot-ising"
    r = run(sys.executable, plot, "--check", "ising2.h5", cwd=scratch)
    print(r.stdout.rstrip())
    check("the physics agrees with the exact solution", r.returncode == 0)
    with h5py.File(f"{scratch}/ising2.h5", "r+") as f:
        rows = f["results"][:]
        rows["energy"] *= 1.01
        f["results"][:] = rows
    r = subprocess.run([sys.executable, plot, "--check", "ising2.h5"], cwd=scratch, capture_output=True, text=True)
    check("energies that are 1 % off are found", r.returncode == 1, r.stdout)


def picture_is_drawn(scratch):
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("     (no matplotlib: the picture is not drawn)")
        return
    r = run(sys.executable, f"{source}/scripts/plot-ising", "ising1.h5", "-o", "ising.png", cwd=scratch)
    check("the picture is drawn", r.returncode == 0, r.stderr)
    with open(f"{scratch}/ising.png", "rb") as f:
        data = f.read()
    check("it is a PNG of some size", data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 20000, f"{len(data)} bytes")


def others_say_what_they_should(scratch):
    r = run(f"{examples}/primes", cwd=scratch)  # started bare: starts itself again under mpirun
    check("primes counts 664579 below 10^7", r.returncode == 0 and "664579" in r.stdout, r.stdout)
    r = run(rankpool, "exec", "-n", "2", f"{examples}/square", cwd=scratch)
    check("square prints its squares and its failure", "1 4 9" in r.stdout and "task 3" in r.stdout, r.stdout)
    for name, most in (("primes", 59), ("square", 25)):
        with open(f"{source}/apps/examples/{name}.c") as f:
            lines = len(f.readlines())
        check(f"{name}.c has at most {most} lines", lines <= most, str(lines))


with tempfile.TemporaryDirectory(dir=os.getcwd()) as scratch:
    ising_is_the_same_everywhere(scratch)
    picture_is_drawn(scratch)
    others_say_what_they_should(scratch)
sys.exit(1 if failures else 0)
