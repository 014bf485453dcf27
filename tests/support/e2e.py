# SPDX-License-Identifier: BSD-3-Clause
"""For tests that drive whole programs from outside.

    @case
    def says_hello(t):
        r = t.run(["hello"])
        t.eq("exit status", r.status, 0)
        t.has("stdout", r.out, "hello")

A check prints what differed and goes on. Every program runs with a mark of its case in its environment;
at the end of a case no process with that mark may be left. Files stand in t.dir, which goes with the case.

`SCRIPT --build DIR [NAME ...]` runs the cases whose name or group is among the NAMEs, or all. Exit status
0: passed, 1: something failed, 77: all were skipped. E2E_KEEP=1 keeps the files.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import uuid

TIMEOUT = 60  # seconds for a program; machines are busy
SCRUBBED = ("OMPI_", "PMIX_", "PRTE_", "PMI_", "SLURM_", "RANKPOOL_", "OPAL_", "ORTE_")
MARK = "RANKPOOL_E2E_MARK"

_cases = []
_group = ""


class Skip(Exception):
    pass


def group(name):
    """The cases that follow belong to it."""
    global _group
    _group = name


def case(fn):
    _cases.append((_group, fn.__name__, fn))
    return fn


def short(x, most=600):
    s = x.decode("utf-8", "backslashreplace") if isinstance(x, bytes) else x if isinstance(x, str) else repr(x)
    return s if len(s) <= most else "%s ... (%d characters) ... %s" % (s[:most // 2], len(s), s[-most // 2:])


def stat_of(pid):
    """(state, parent) of a process, or None."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            rest = f.read().rpartition(b")")[2].split()
        return rest[0].decode(), int(rest[1])
    except (OSError, IndexError):
        return None


def is_alive(pid):
    s = stat_of(pid)
    return s is not None and s[0] not in "ZX"


def command_of(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def marked(mark):
    """Living processes that have the mark in their environment."""
    want, found = ("%s=%s" % (MARK, mark)).encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as f:
                if want in f.read().split(b"\0") and is_alive(int(name)):
                    found.append(int(name))
        except OSError:
            pass
    return found


def until(what, seconds=30, step=0.02):
    """Waits until what() is true; returns its last value."""
    end = time.monotonic() + seconds
    value = what()
    while not value and time.monotonic() < end:
        time.sleep(step)
        value = what()
    return value


class Program:
    """A program that runs; its output goes to files."""

    def __init__(self, t, argv, env, cwd, stdin):
        t.count += 1
        self.t, self.argv, self.status, self.seconds = t, argv, None, 0
        self.paths = [os.path.join(t.dir, ".%s-%d" % (n, t.count)) for n in ("out", "err")]
        files = [open(p, "wb") for p in self.paths]
        self.began = time.monotonic()
        self.popen = subprocess.Popen(argv, env=t.environment(env), cwd=cwd or t.dir, stdout=files[0],
                                      stderr=files[1], stdin=subprocess.PIPE if stdin is not None else
                                      subprocess.DEVNULL, start_new_session=True)
        for f in files:
            f.close()
        self.pid = self.popen.pid
        if stdin is not None:
            try:
                self.popen.stdin.write(stdin)
                self.popen.stdin.close()
            except BrokenPipeError:
                pass

    def _read(self, which):
        with open(self.paths[which], "rb") as f:
            return f.read()

    @property
    def out_bytes(self):
        return self._read(0)

    @property
    def out(self):
        return self._read(0).decode("utf-8", "backslashreplace")

    @property
    def err(self):
        return self._read(1).decode("utf-8", "backslashreplace")

    def is_running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.is_running():
            os.kill(self.pid, number)

    def wait(self, timeout=TIMEOUT):
        """Waits for the end; after the timeout that is a failure, and everything of the case is killed."""
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.t.fail("'%s' did not end within %d s; processes:\n%s" %
                        (" ".join(self.argv)[:200], timeout,
                         "\n".join("      %d %s" % (p, command_of(p)[:150]) for p in marked(self.t.mark))))
            self.t.kill_marked()
            self.popen.wait()
        self.seconds = time.monotonic() - self.began
        self.status = self.popen.returncode
        return self


class Test:
    def __init__(self, options, name):
        self.options, self.name, self.failures, self.count = options, name, 0, 0
        self.mark = uuid.uuid4().hex
        self.dir = os.path.join(options.scratch, name)
        os.makedirs(self.dir)

    def environment(self, more=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(SCRUBBED)}
        env.update({MARK: self.mark, "TMPDIR": self.options.tmp, "LC_ALL": "C.UTF-8", "TERM": "xterm"})
        for k, v in (more or {}).items():
            if v is None:
                env.pop(k, None)
            else:
                env[k] = v
        return env

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def start(self, argv, env=None, cwd=None, stdin=None):
        return Program(self, [str(a) for a in argv], env, cwd, stdin)

    def run(self, argv, timeout=TIMEOUT, env=None, cwd=None, stdin=None):
        return self.start(argv, env, cwd, stdin).wait(timeout)

    # ---- checks ----

    def fail(self, text):
        self.failures += 1
        if self.failures <= 20:
            where = next((f for f in reversed(traceback.extract_stack()[:-1])
                          if not f.filename.endswith("e2e.py")), None)
            line = "%s:%d: " % (os.path.basename(where.filename), where.lineno) if where else ""
            print("    %s%s" % (line, text), flush=True)

    def eq(self, what, got, want):
        if got != want:
            self.fail("%s is\n      %s\n    expected\n      %s" % (what, short(got), short(want)))
        return got == want

    def has(self, what, text, *parts):
        for part in parts:
            if part not in text:
                self.fail("%s is\n      %s\n    expected it to contain\n      %s" %
                          (what, short(text, 1500), short(part)))

    def hasnt(self, what, text, *parts):
        for part in parts:
            if part in text:
                self.fail("%s is\n      %s\n    expected it not to contain\n      %s" %
                          (what, short(text, 1500), short(part)))

    def ok(self, what, cond):
        if not cond:
            self.fail("not so: %s" % what)
        return cond

    # ---- processes ----

    def kill_marked(self):
        for pid in marked(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def none_left(self, patience=10):
        """No process of this case is left, after a little patience."""
        until(lambda: not marked(self.mark), patience, 0.05)
        left = marked(self.mark)
        if left:
            self.fail("processes are left:\n%s" %
                      "\n".join("      %d %s" % (p, command_of(p)[:150]) for p in left))
            self.kill_marked()
        return not left


class Options:
    pass


def parse(argv):
    o = Options()
    o.names, o.build = [], None
    i = 1
    while i < len(argv):
        if argv[i] == "--build":
            i += 1
            o.build = os.path.abspath(argv[i])
        else:
            o.names.append(argv[i])
        i += 1
    if not o.build:
        sys.exit("usage: %s --build DIR [NAME ...]" % argv[0])
    o.tool = os.path.join(o.build, "apps", "rankpool")
    o.scratch = os.path.join(o.build, "e2e-%d" % os.getpid())
    o.tmp = os.path.join(o.scratch, "tmp")
    os.makedirs(o.tmp)
    return o


def run_case(o, name, fn):
    t = Test(o, name)
    began, skipped = time.monotonic(), None
    try:
        fn(t)
    except Skip as e:
        skipped = str(e)
    except Exception:  # a broken test is a failed one
        t.fail("the test itself failed:\n" + traceback.format_exc())
    t.none_left()
    took = time.monotonic() - began
    if t.failures:
        print("FAIL %s (%d differences, %.1f s)" % (name, t.failures, took), flush=True)
    elif skipped is not None:
        print("skip %s: %s" % (name, skipped), flush=True)
    else:
        print("ok   %s (%.1f s)" % (name, took), flush=True)
    if not os.environ.get("E2E_KEEP"):
        shutil.rmtree(t.dir, ignore_errors=True)
    return "failed" if t.failures else "skipped" if skipped is not None else "passed"


def remove_segments(since):
    """Shared memory of killed jobs, which nobody maps any more."""
    folder, mapped = "/dev/shm", set()
    names = [n for n in os.listdir(folder) if n.startswith(("vader_segment.", "sm_segment."))]
    for pid in (p for p in os.listdir("/proc") if names and p.isdigit()):
        try:
            with open("/proc/%s/maps" % pid) as f:
                mapped.update(l.rsplit("/", 1)[-1].split()[0] for l in f if folder in l)
        except OSError:
            pass
    for name in names:
        try:
            s = os.stat(os.path.join(folder, name))
            if name not in mapped and s.st_uid == os.getuid() and since < s.st_mtime < time.time() - 1:
                os.unlink(os.path.join(folder, name))
        except OSError:
            pass


def main():
    o, began = parse(sys.argv), time.time()
    counts = {"failed": 0, "skipped": 0, "passed": 0}
    try:
        for grp, name, fn in _cases:
            if not o.names or grp in o.names or any(n in name for n in o.names):
                counts[run_case(o, name, fn)] += 1
    finally:
        remove_segments(began)
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(o.scratch, ignore_errors=True)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    if not sum(counts.values()):
        sys.exit("no case is named %s" % " ".join(o.names))
    sys.exit(1 if counts["failed"] else 77 if not counts["passed"] else 0)
