# SPDX-License-Identifier: BSD-3-Clause
"""Runs of the tool that do not go smoothly: resumed, interrupted, with losses, at limits."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import e2e
from e2e import case, group
from e2e_tool import counts, digest, files, finished, h5py, rows, run, status, tool, unshare

# ---- resuming ----

group("resume")


def appending(n, folder, extra=""):
    """Each command appends a line to a file of its own."""
    return "".join("echo %d >> %s/%d%s\n" % (i, folder, i, extra) for i in range(n))


def times_run(t, folder, n):
    def lines(i):
        try:
            with open(t.path("%s/%d" % (folder, i))) as f:
                return f.read().count("\n")
        except OSError:
            return 0
    return [lines(i) for i in range(n)]


@case
def replaces_and_resumes(t):
    os.mkdir(t.path("d"))
    t.write("a.txt", appending(20, "d"))
    finished(t, run(t, "-n", "2", "a.txt"), 20, t.path("a.h5"))
    before = digest(t.path("a.h5"))
    r = run(t, "-n", "2", "a.txt")
    t.eq("again: exit status", r.status, 2)
    t.eq("again: the file is as before", digest(t.path("a.h5")), before)
    r = run(t, "-n", "2", "--resume", "a.txt")
    finished(t, r, 20, t.path("a.h5"))
    t.eq("--resume runs nothing again", times_run(t, "d", 20), [1] * 20)
    finished(t, run(t, "-n", "2", "--force", "a.txt"), 20, t.path("a.h5"))
    t.eq("--force runs all again", times_run(t, "d", 20), [2] * 20)
    before = digest(t.path("a.h5"))
    t.write("b.txt", appending(19, "d"))
    r = run(t, "-n", "2", "--resume", "-o", "a.h5", "b.txt")
    t.eq("other work: exit status", r.status, 2)
    t.has("other work: stderr", r.err, "a.h5")
    t.eq("other work: the file is as before", digest(t.path("a.h5")), before)
    t.eq("other work: nothing was run", times_run(t, "d", 20), [2] * 20)
    finished(t, run(t, "-n", "2", "--resume", "-o", "new.h5", "b.txt"), 19, t.path("new.h5"))
    t.eq("the folder", files(t), ["a.h5", "a.txt", "b.txt", "d", "new.h5"])


def start_run(t, *args, **more):
    """Starts a run and waits until the file counts some tasks; None when it does not come so far."""
    p = t.start([t.options.tool, "run"] + list(args), **more)
    return p


def wait_for(t, path, cond, what):
    """Asks for the status until cond holds."""
    def look():
        if not os.path.exists(path):
            return None
        s = status(t, path)
        return s if s and cond(s) else None
    s = e2e.until(look, 40, 0.05)
    t.ok("%s: it came so far: %s" % (os.path.basename(path), what), s)
    return s


@case
def tells_the_status_while_running(t):
    os.mkdir(t.path("d"))
    t.write("a.txt", appending(60, "d", "; sleep 0.4"))
    p = start_run(t, "-n", "3", "a.txt")
    path = t.path("a.h5")
    s = wait_for(t, path, lambda s: s["succeeded"] >= 6, "6 tasks are done")
    if not s:
        return p.wait()
    t.eq("a running run", (s["finished"], s["complete"], s["exit_code"], s["master"]["alive"]), (False, False, None, True))
    t.eq("sum", s["succeeded"] + s["running"] + s["pending"] + s["failed"], 60)
    t.ok("running %d" % s["running"], 1 <= s["running"] <= 3)
    t.eq("workers", [w["state"] for w in s["workers"]], ["alive"] * 3)
    r = tool(t, "status", "a.h5")
    t.has("status", r.out, "a.h5: running", "so far")
    t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 75)
    t.has("show", tool(t, "show", "-t", "0", "a.h5").out, "echo 0 >> d/0")
    t.has("show", tool(t, "show", "-t", "59", "a.h5").out, "state:       pending")
    if h5py:
        with h5py.File(path, "r") as f:
            t.eq("h5py while it runs: tasks", f["tasks"].shape, (60,))
    r = run(t, "-n", "1", "--resume", "a.txt")
    t.ok("a second writer is refused: exit status %d" % r.status, r.status in (2, 3))
    t.has("a second writer is refused", r.err, "a.h5")
    r = run(t, "-n", "1", "--force", "a.txt")
    t.ok("a second writer with --force is refused: exit status %d, %s" % (r.status, r.err), r.status in (2, 3))
    finished(t, p.wait(), 60, path)
    t.eq("each ran once", times_run(t, "d", 60), [1] * 60)


def resumes_after(t, hit, what):
    os.mkdir(t.path("d"))
    n = 200
    t.write("a.txt", appending(n, "d", "; echo out %d; sleep 0.02").replace("%d", "$RANKPOOL_TASK_INDEX"))
    p = start_run(t, "-n", "3", "a.txt")
    path = t.path("a.h5")
    s = wait_for(t, path, lambda s: s["succeeded"] >= 30, "30 tasks are done")
    if not s:
        return p.wait()
    hit(p, s)
    p.wait()
    t.none_left()
    s = status(t, path)
    if not t.ok("%s: the file can be read" % what, s):
        return
    t.eq("unfinished", (s["finished"], s["complete"], s["exit_code"], s["master"]["alive"]), (False, False, None, False))
    t.ok("it has %d tasks" % s["succeeded"], 30 <= s["succeeded"] < n)
    r = tool(t, "status", "a.h5")
    t.has("status", r.out, "its master is gone", "--resume")
    t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 75)
    before = {k for k, g in enumerate(rows(path)) if g["state"] == "succeeded"} if h5py else set()
    finished(t, run(t, "-n", "2", "--resume", "a.txt"), n, path)
    ran = times_run(t, "d", n)
    t.ok("every task ran: %s" % ran, min(ran) >= 1)
    t.eq("tasks in the file were not run again", {k for k in before if ran[k] != 1}, set())
    t.ok("few ran twice: %d" % sum(x > 1 for x in ran), sum(x > 1 for x in ran) <= 20 and max(ran) <= 2)
    if h5py:
        t.eq("outputs", [g["stdout"] for g in rows(path)], [b"out %d\n" % i for i in range(n)])
    t.eq("the folder", files(t), ["a.h5", "a.txt", "d"])


@case
def resumes_after_the_master_was_killed(t):
    def hit(p, s):
        os.kill(s["master"]["pid"], signal.SIGKILL)
        t.eq("exit status", p.wait().status, 3)
        t.has("stderr", p.err, "master")
    resumes_after(t, hit, "the master was killed")


@case
def resumes_after_everything_was_killed(t):
    def hit(p, s):
        for pid in [s["master"]["pid"], p.pid] + e2e.marked(t.mark):  # nobody shall see others die
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    resumes_after(t, hit, "all was killed")


@case
def ends_with_its_launcher(t):
    """The launcher alone is killed: nothing goes on without it, and the run can be resumed."""
    t.write("a.txt", "sleep 0.2\n" * 200)
    p = start_run(t, "-n", "2", "a.txt")
    if wait_for(t, t.path("a.h5"), lambda s: s["succeeded"] >= 2, "2 tasks are done"):
        p.signal(signal.SIGKILL)
        p.wait()
        t.none_left(15)
        s = status(t, "a.h5")
        t.ok("it was stopped: %s" % s, s["failed"] == 0 and s["pending"] > 100 and s["exit_code"] in (None, 130))
        t.has("status", tool(t, "status", "a.h5").out, "--resume")


# ---- interrupts ----

group("interrupt")


def interrupted(t, number):
    """One signal: running tasks finish, the rest is for another time."""
    os.mkdir(t.path("d"))
    t.write("a.txt", appending(40, "d", "; sleep 0.5; echo end >> d/$RANKPOOL_TASK_INDEX"))
    p = start_run(t, "-n", "2", "a.txt")
    path = t.path("a.h5")
    if not wait_for(t, path, lambda s: s["succeeded"] >= 2, "2 tasks are done"):
        return p.wait()
    p.signal(number)
    p.wait(20)
    t.none_left()
    t.eq("exit status", p.status, 130)
    t.has("stderr", p.err, "stopping", "not run", "--resume")
    s = status(t, path)
    t.eq("status", (s["finished"], s["complete"], s["exit_code"], s["running"], s["failed"]), (True, False, 130, 0, 0))
    ran = times_run(t, "d", 40)
    t.eq("what was started has finished", (set(ran) <= {0, 2}, ran.count(2)), (True, s["succeeded"]))
    r = tool(t, "status", "a.h5")
    t.has("status", r.out, "stopped early", "--resume")
    t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 130)
    t.eq("the folder", files(t), ["a.h5", "a.txt", "d"])
    if number == signal.SIGINT:
        finished(t, run(t, "-n", "8", "--resume", "a.txt"), 40, path)
        t.eq("each ran once", times_run(t, "d", 40), [2] * 40)
        t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 0)


@case
def stops_on_one_interrupt(t):
    interrupted(t, signal.SIGINT)


@case
def stops_on_sigterm(t):
    interrupted(t, signal.SIGTERM)


@case
def kills_on_two_interrupts(t):
    t.write("a.txt", "echo a\n" + "sleep 100; true\n" * 10 + "trap '' TERM INT HUP; sleep 100\n" * 3)
    p = start_run(t, "-n", "3", "a.txt")
    if not wait_for(t, t.path("a.h5"), lambda s: s["succeeded"] >= 1, "1 task is done"):
        return p.wait()
    time.sleep(0.3)
    p.signal(signal.SIGINT)
    time.sleep(0.5)
    t.ok("one interrupt waits for running tasks", p.is_running())
    p.signal(signal.SIGINT)
    began = time.monotonic()
    p.wait(20)
    t.ok("it ends soon, not after %.1f s" % (time.monotonic() - began), time.monotonic() - began < 6)
    t.none_left(3)
    t.eq("exit status", p.status, 130)
    s = status(t, "a.h5")
    if t.ok("the file can be read", s):
        t.eq("what was killed is not run", (s["succeeded"], s["failed"], s["pending"]), (1, 0, 13))
        t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 130 if s["finished"] else 75)


@case
def stops_before_anything_runs(t):
    """An interrupt at any moment of the start ends it."""
    t.write("a.txt", "sleep 30\n")
    for i in range(8):
        p = start_run(t, "-n", "2", "-o", "%d.h5" % i, "a.txt")
        time.sleep(0.05 * i)
        p.signal(signal.SIGINT)
        time.sleep(0.6)
        p.signal(signal.SIGINT)
        p.wait(20)
        t.ok("after %d ms: exit status %d is 130, or it died of the signal" % (50 * i, p.status),
             p.status in (130, -signal.SIGINT))
        if not t.none_left():
            t.fail("that was after %d ms" % (50 * i))


class Terminal:
    """Runs the tool under a pseudo-terminal and keeps what came, and what a screen would show at the end."""

    def __init__(self, t, argv, columns=100):
        self.t, self.data = t, b""
        try:
            self.pid, self.fd = pty.fork()
        except OSError as e:
            raise e2e.Skip("no pseudo-terminal: %s" % e)
        if self.pid == 0:
            try:
                os.chdir(t.dir)
                time.sleep(0.1)
                os.execve(argv[0], argv, t.environment())
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read(self, seconds, stop=None):
        """Until the end, or until stop is in it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (stop and stop in self.data):
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.fd, 65536)
                except OSError:
                    piece = b""
                if not piece:
                    return
                self.data += piece
        if not stop or stop not in self.data:
            self.t.fail("the terminal did not come so far in %d s: %s" % (seconds, e2e.short(self.data, 2000)))
            self.t.kill_marked()

    def wait(self):
        _, s = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.WEXITSTATUS(s) if os.WIFEXITED(s) else -os.WTERMSIG(s)

    def screen(self):
        """Lines as they stand at the end; knows \\r, \\n and the erase sequences."""
        lines, row, col = [""], 0, 0
        for m in re.finditer(r"\x1b\[(\??[\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+", self.data.decode("utf-8", "replace")):
            s = m.group(0)
            if s == "\r":
                col = 0
            elif s == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif s[0] == "\x1b":
                if m.group(2) == "K":
                    lines[row] = "" if m.group(1) == "2" else lines[row][:col]
            else:
                lines[row] = lines[row].ljust(col)[:col] + s + lines[row][col + len(s):]
                col += len(s)
        return [l.rstrip() for l in lines if l.strip()]


@case
def draws_progress_on_a_terminal(t):
    t.write("a.txt", "sleep 0.1\n" * 20 + "echo oh >&2; exit 3\n" + "sleep 0.1\n" * 10)
    term = Terminal(t, [t.options.tool, "run", "-n", "2", "a.txt"])
    term.read(30)
    t.eq("exit status", term.wait(), 1)
    text = term.data.decode("utf-8", "replace")
    drawn = re.findall(r"[^\r\n]*\b\d+ ?/ ?31[^\r\n]*", text)
    t.ok("progress lines appear: %s" % e2e.short(text, 2000), len(drawn) >= 3)
    screen = term.screen()
    t.eq("lines at the end:\n%s\n    their number" % "\n".join(screen), len(screen), 4)
    t.ok("the log line is whole: %s" % screen[0], re.fullmatch(r"rankpool [\d:]+ warn: task 20 failed: exit status 3: oh", screen[0]))
    t.ok("the summary: %s" % screen[1], screen[1].startswith("rankpool: 31 tasks: 30 succeeded, 1 failed, 0 lost"))
    term = Terminal(t, [t.options.tool, "run", "-q", "--force", "-n", "2", "-o", "b.h5", "--", "sleep", ":::", "0.3"])
    term.read(30)
    t.eq("exit status", term.wait(), 0)
    t.eq("-q: the terminal", term.data, b"")


@case
def takes_ctrl_c_from_a_terminal(t):
    t.write("a.txt", "sleep 0.5\n" * 30)
    term = Terminal(t, [t.options.tool, "run", "-n", "2", "a.txt"], 70)
    term.read(30, b"2/30")
    os.write(term.fd, b"\x03")
    term.read(20)
    t.eq("exit status", term.wait(), 130)
    screen = "\n".join(term.screen())
    t.has("the screen", screen, "stopping: running tasks finish", "not run", "--resume")
    s = status(t, "a.h5")
    t.ok("tasks: %s" % s, s["finished"] and s["succeeded"] >= 2 and s["failed"] == 0 and s["pending"] > 10)


# ---- losses and limits ----

group("loss")


@case
def accounts_for_every_task_when_a_worker_is_killed(t):
    n = 3000
    os.mkdir(t.path("d"))
    t.write("a.txt", "echo $RANKPOOL_TASK_INDEX >> d/$RANKPOOL_TASK_INDEX; echo $RANKPOOL_TASK_INDEX\n" * n)
    p = start_run(t, "-n", "4", "a.txt")
    path = t.path("a.h5")
    s = wait_for(t, path, lambda s: s["succeeded"] >= n // 4, "a quarter is done")
    if not s:
        return p.wait()
    victims = [w["pid"] for w in s["workers"]][:2]
    os.kill(victims[0], signal.SIGKILL)
    time.sleep(0.2)
    os.kill(victims[1], signal.SIGKILL)
    finished(t, p.wait(120), n, path)
    t.has("stderr", p.err, "(2 lost)", "lost rank")
    got = rows(path)
    t.eq("states", {g["state"] for g in got}, {"succeeded"})
    bad = [k for k, g in enumerate(got) if g["stdout"] != b"%d\n" % k]
    t.eq("tasks with other output", bad, [])
    ran = times_run(t, "d", n)
    t.ok("every task ran", min(ran) == 1)
    twice = [k for k in range(n) if ran[k] != 1]
    t.ok("only what ran when its worker died ran twice: %s" % twice, len(twice) <= 2 and max(ran) <= 2)
    t.eq("attempts", [k for k, g in enumerate(got) if g["attempts"] > 1 and k not in twice and g["attempts"] != 2], [])
    s = status(t, path)
    t.eq("workers", sorted(w["state"] for w in s["workers"]), ["left", "left", "lost", "lost"])
    with h5py.File(path, "r") as f:
        t.ok("the events tell of the losses", sum(b"lost" in e["kind"] + e["text"] for e in f["events"][...]) >= 2)


@case
def says_when_no_worker_is_left(t):
    t.write("a.txt", "echo a\n" * 3 + "sleep 60\n" * 5)
    p = start_run(t, "-n", "2", "a.txt")
    s = wait_for(t, t.path("a.h5"), lambda s: s["succeeded"] >= 3, "3 tasks are done")
    if not s:
        return p.wait()
    time.sleep(0.2)
    for w in s["workers"]:
        os.kill(w["pid"], signal.SIGKILL)
    p.wait(20)
    t.none_left()
    t.eq("exit status", p.status, 3)
    t.has("stderr", p.err, "no worker", "not run", "--resume")
    s = status(t, "a.h5")
    t.eq("status", (s["succeeded"], s["lost"], s["pending"], s["finished"]), (3, 0, 5, True))
    t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 3)


def rank_processes(mark):
    """Ranks of the case by number, as soon as they have been started."""
    found = {}
    for pid in e2e.marked(mark):
        try:
            with open("/proc/%d/environ" % pid, "rb") as f:
                m = re.search(rb"(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)", f.read())
            with open("/proc/%d/comm" % pid) as f:
                if m and f.read().strip() == "rankpool":
                    found.setdefault(int(m.group(1)), pid)
        except OSError:
            pass
    return found


@case
def bears_a_worker_killed_when_it_joins(t):
    t.write("a.txt", "echo a\n" * 20)
    for i in range(3):
        p = start_run(t, "-n", "3", "-o", "%d.h5" % i, "a.txt", env={"RANKPOOL_LOG": "debug"})
        m = e2e.until(lambda: re.search(r"rank [123] joined: .*, pid (\d+)", p.err), 20, 0.002)
        if t.ok("a worker joined", m) and e2e.is_alive(int(m.group(1))):
            os.kill(int(m.group(1)), signal.SIGKILL)
        finished(t, p.wait(), 20, t.path("%d.h5" % i))


@case
def ends_when_a_worker_dies_in_mpi_init(t):
    """MPI_Init of the others never comes back: the run goes on or ends all the same, and leaves nothing."""
    t.write("a.txt", "echo a\n" * 20)
    for i, delay in enumerate((0, 0.05, 0.15)):
        p = start_run(t, "-n", "3", "-o", "%d.h5" % i, "a.txt")
        rank = e2e.until(lambda: rank_processes(t.mark).get(2), 20, 0.002)
        time.sleep(delay)
        if t.ok("rank 2 has started", rank) and e2e.is_alive(rank):
            os.kill(rank, signal.SIGKILL)
        p.wait(150)
        what = "killed after %d ms" % (1000 * delay)
        t.ok("%s: exit status %d is 0 or 3" % (what, p.status), p.status in (0, 3))
        if p.status == 0:
            t.eq("%s: counts" % what, counts(t, "%d.h5" % i), (20, 20, 0, 0, 0))
        else:
            t.has("%s: stderr" % what, p.err, "rankpool: ")
        t.none_left()


@case
def tells_of_a_full_disk(t):
    t.write("a.txt", "head -c 300000 /dev/zero | tr '\\0' x\n" * 30)
    os.mkdir(t.path("disk"))
    for size in "4k", "60k", "2m":
        r = unshare(t, ["-m"], """mount -t tmpfs -o size=%s none disk || exit 66
            $T run -n 2 -o disk/a.h5 a.txt; echo "status $?"
            ls disk; $T status disk/a.h5; echo "said $?"
            [ -e disk/a.h5 ] && mount -o remount,size=100m disk && $T run -n 2 --resume -o disk/a.h5 a.txt; echo "resumed $?"
            $T status --exit-code disk/a.h5; echo "in the end $?"; ls disk""" % size)
        if r.status == 66:
            raise e2e.Skip("tmpfs cannot be mounted")
        t.has("%s: stdout" % size, r.out, "status 3\n")
        t.has("%s: stderr" % size, r.err, "rankpool: ", "disk/a.h5", "No space left")
        if "said 0" in r.out:
            t.has("%s: what was resumed" % size, r.out, "resumed 0\n", "in the end 0\n")
        else:
            t.hasnt("%s: what is left" % size, r.out.split("said")[0], "a.h5")
        t.none_left()


@case
def tells_of_a_folder_that_cannot_be_written(t):
    t.write("a.txt", "echo a\n")
    os.mkdir(t.path("ro"))
    r = unshare(t, ["-m"], """mount --bind ro ro && mount -o remount,ro,bind ro || exit 66
        $T run -n 2 -o ro/a.h5 a.txt; echo "status $?"; ls ro""")
    if r.status == 66:
        raise e2e.Skip("bind mounts are not permitted")
    t.eq("stdout", r.out, "status 3\n")
    t.has("stderr", r.err, "ro/a.h5", "'ro'", "Read-only")
    t.ok("it ends soon, not after %.1f s" % r.seconds, r.seconds < 5)


@case
def works_without_network(t):
    t.write("a.txt", "echo a\n" * 20)
    r = unshare(t, ["-n"], "$T run -n 2 a.txt; echo status $?")
    if "status 0" in r.out:
        t.eq("counts", counts(t, "a.h5"), (20, 20, 0, 0, 0))
    else:
        t.eq("stdout", r.out, "status 3\n")
        t.has("stderr", r.err, "no network interface is up", "ip link set lo up")
        t.eq("the folder", files(t), ["a.txt"])
    up = "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 1))"
    r = unshare(t, ["-n"], "%s -c \"%s\" && $T run --force -n 2 a.txt; echo status $?" % (sys.executable, up))
    t.has("with lo: stdout", r.out, "status 0\n")
    t.eq("with lo: counts", counts(t, "a.h5"), (20, 20, 0, 0, 0))


e2e.main()
