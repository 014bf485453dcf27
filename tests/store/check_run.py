# SPDX-License-Identifier: BSD-3-Clause
"""Reads a run file of the tests with h5py alone and checks what stands in it.

check_run.py commands FILE DONE [finished]   DONE: tasks recorded, as "0-9,12" or "-"
check_run.py function FILE DONE [finished]
"""
import sys
import h5py
import numpy as np


def indices(text):
    out = []
    for part in filter(None, text.strip("-").split(",")):
        a, _, b = part.partition("-")
        out += range(int(a), int(b or a) + 1)
    return out


def pattern(k, n, salt):
    return (k * 31 + np.arange(n, dtype=np.uint64) * 7 + salt).astype(np.uint8)


def states(dtype):
    return h5py.check_enum_dtype(dtype)


def out_len(k):
    return 5 << 20 if k == 3 else k * 37 % 500


def check_common(f, kind, finished):
    a = f.attrs
    assert a["kind"] == kind, a["kind"]
    assert a["schema_version"] == 1 and a["rankpool_version"]
    assert len(a["work_key"]) == 32 and a["created"] > 1e9
    run = f["run"][0]
    names = {v: n for n, v in states(f["run"].dtype["state"]).items()}
    assert (names[run["state"]] != "running") == finished, names[run["state"]]
    assert run["tasks"] == a["tasks"] and run["master_pid"] > 0 and run["master_host"]
    assert (run["exit_code"] == -1) == (not finished)
    assert (run["ended"] > 1e9) == finished
    assert list(f["workers"]["rank"]) == list(range(len(f["workers"])))
    return run


def check_commands(f, done, finished):
    assert f.attrs["title"] == "a title"
    run = check_common(f, "commands", finished)
    rows = f["tasks"][:]
    name = {v: n for n, v in states(f["tasks"].dtype["state"]).items()}
    assert len(rows) == len(f["commands"]) == run["tasks"]
    for k in range(len(rows)):
        assert bytes(f["commands"][k]) == b"run %d \xc3\xa9\xff" % k, f["commands"][k]
    for k in done:
        r = rows[k]
        sig, code = 9 * (k % 13 == 5), 2 * (k % 7 == 3)
        assert name[r["state"]] == ("failed" if sig or code else "succeeded"), (k, r)
        assert r["signal"] == sig and r["exit_status"] == (-1 if sig else code)
        assert r["stdout_bytes"] == out_len(k) and r["stderr_bytes"] == k * 11 % 50
        assert r["elapsed"] == 0.25 and r["peak_memory"] == 4096 * (k + 1)
        if finished:
            for what, n, salt in (("stdout", out_len(k), 0), ("stderr", k * 11 % 50, 1)):
                at = r[what + "_offset"]
                assert at >= 0
                assert (f[what][at:at + n] == pattern(k, n, salt)).all(), (k, what)
    if finished:
        good = set(done)
        for k in set(range(len(rows))) - good:
            assert name[rows[k]["state"]] in ("pending", "lost", "cancelled"), (k, rows[k])
        assert run["succeeded"] + run["failed"] == len(good), (run, len(good))
        for what in ("stdout", "stderr"):
            assert f[what].dtype == np.uint8 and f[what].compression == "gzip"
    frame(rows)


def frame(rows):
    try:
        import pandas
    except ImportError:
        assert all(rows.dtype[n].shape == () for n in rows.dtype.names)  # what a DataFrame needs
        return
    assert len(pandas.DataFrame(rows)) == len(rows)


def check_function(f, done, finished):
    run = check_common(f, "function", finished)
    assert f.attrs["body"] == "simulate" and f.attrs["first"] == 1000
    res = f["results"]
    assert res.dtype.names == ("energy", "spin", "flag") and res.dtype["spin"].shape == (3,)
    assert list(res.attrs["units"]) == ["J", "", ""], res.attrs["units"]
    k = np.array(done, dtype=np.int64)
    got = res[:][k] if len(k) else res[:0]
    assert (got["energy"] == k * 0.5).all() and (got["flag"] == (k & 1)).all()
    assert (got["spin"] == k[:, None] + np.arange(3)).all()
    if "inputs" in f:
        inp = f["inputs"][:]
        n = np.arange(len(inp))
        assert (inp["temperature"] == n / 8).all() and (inp["seed"] == n * 3).all()
        assert f["inputs"].attrs["units"][0] == "J/k"
    if finished:
        rows = f["tasks"][:]
        code = states(f["tasks"].dtype["state"])["succeeded"]
        covered = {i for r in rows if r["state"] == code for i in range(r["first"], r["first"] + r["count"])}
        assert covered == set(done), (len(covered), len(done))
        assert run["succeeded"] == len(done)
        frame(rows)


def main():
    kind, path, done = sys.argv[1:4]
    finished = "finished" in sys.argv[4:]
    with h5py.File(path, "r") as f:
        {"commands": check_commands, "function": check_function}[kind](f, indices(done), finished)


main()
