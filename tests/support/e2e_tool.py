# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the tool share: calling it, and reading what it wrote."""

import hashlib
import json
import os
import shutil

import e2e

try:
    import h5py
except ImportError:
    h5py = None

STATES = ["pending", "running", "succeeded", "failed", "lost", "cancelled"]


# ---- helpers ----


def tool(t, *args, **more):
    return t.run([t.options.tool] + list(args), **more)


def run(t, *args, **more):
    return tool(t, "run", *args, **more)


def status(t, path):
    """What `status --json` says, or None."""
    r = tool(t, "status", "--json", path)
    try:
        return json.loads(r.out) if r.status == 0 else None
    except ValueError:
        t.fail("status --json is no JSON:\n%s" % r.out)
        return None


def counts(t, path):
    s = status(t, path)
    return s and (s["tasks"], s["succeeded"], s["failed"], s["lost"], s["pending"])


def need_h5py():
    if not h5py:
        raise e2e.Skip("there is no h5py")


def rows(path):
    """The tasks of a run file as dictionaries, with the bytes of their output."""
    need_h5py()
    with h5py.File(path, "r") as f:
        table, out = f["tasks"][...], []
        data = {n: f[n][...].tobytes() for n in ("stdout", "stderr")}
        commands = f["commands"][...]
        for k, row in enumerate(table):
            d = {n: row[n].item() for n in table.dtype.names}
            d["state"] = STATES[d["state"]]
            d["command"] = commands[k]
            for n in data:
                d[n] = data[n][d[n + "_offset"]:d[n + "_offset"] + d[n + "_bytes"]]
            out.append(d)
        return out


def files(t, folder=None):
    """What stands in the test's folder, but for the kit's own."""
    return sorted(n for n in os.listdir(folder or t.dir) if not n.startswith((".out-", ".err-")))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def finished(t, r, n, path, failed=0):
    """A run came to its end with n tasks in the file."""
    t.eq("exit status", r.status, 1 if failed else 0)
    t.eq("counts", counts(t, path), (n, n - failed, failed, 0, 0))
    t.has("stderr", r.err, "rankpool: %d tasks: %d succeeded, %d failed, 0 lost" % (n, n - failed, failed))


def unshare(t, flags, script, timeout=e2e.TIMEOUT, env=None):
    """Runs a shell script in namespaces of its own, as its $T the tool; skips where that is not permitted."""
    if not shutil.which("unshare") or t.run(["unshare"] + flags + ["true"]).status:
        raise e2e.Skip("namespaces are not permitted")
    return t.run(["unshare"] + flags + ["sh", "-c", script], timeout, env=dict(env or {}, T=t.options.tool))
