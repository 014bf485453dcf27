# SPDX-License-Identifier: BSD-3-Clause
"""Runs the rank_* programs on real ranks: through the tool, through mpirun itself, and alone."""

import os
import re
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import e2e
from e2e import case, group

RECOVERY = ["--allow-run-as-root", "--enable-recovery", "--bind-to", "none", "--oversubscribe",
            "--mca", "orte_allowed_exit_without_sync", "1", "--mca", "orte_abort_on_non_zero_status", "0"]
RECOVERY_5 = ["--allow-run-as-root", "--with-ft", "ulfm", "--runtime-options", "error-nonzero-status=false",
              "--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"]
ALONE = {"RANKPOOL_AUTOLAUNCH": "0"}


def program(t, name):
    return os.path.join(t.options.build, "tests", "rank_" + name)


def mpirun(t):
    if not shutil.which("mpirun"):
        raise e2e.Skip("there is no mpirun")
    r = t.run(["mpirun", "--version"])
    return ["mpirun"] + (RECOVERY if re.search(r"Open MPI\) 4", r.out) else RECOVERY_5)


def launch(t, how, n, argv, **more):
    """Starts a program on n workers through the tool, on n + 1 ranks through mpirun, or alone."""
    argv = [program(t, argv[0])] + list(argv[1:])
    if how == "alone":
        return t.start(argv, env=dict(ALONE, **more.pop("env", {})), **more)
    if how == "exec":
        return t.start([t.options.tool, "exec", "-n", n, "--"] + argv, **more)
    return t.start(mpirun(t) + ["-n", n + 1] + argv, **more)


def all_fine(t, r, where, closes=True):
    """Every case of the program's is fine, and its exit status says so."""
    bad = [l for l in r.out.splitlines() if not re.match(r"ok   |skip |workers |close RP_OK|text ", l)]
    if bad or not re.search(r"^ok   ", r.out, re.M) or (closes and "close RP_OK" not in r.out):
        t.fail("%s: stdout is\n%s\n    stderr is\n%s" % (where, e2e.short(r.out, 4000), e2e.short(r.err, 2000)))
    t.eq("%s: exit status" % where, r.status, 0)


EVERYWHERE = [("alone", 1), ("exec", 1), ("exec", 2), ("exec", 4), ("mpirun", 2)]


def everywhere(t, argv, closes=True, where=EVERYWHERE):
    for how, n in where:
        r = launch(t, how, n, argv).wait()
        all_fine(t, r, "%s, %d workers" % (how, n), closes)
        yield "%s, %d workers" % (how, n), how, n, r
        t.none_left()


# ---- maps and futures ----

group("work")


@case
def maps(t):
    for where, how, n, r in everywhere(t, ["map"]):
        t.has(where, r.out, "workers %d\n" % n)
        # the log: whole lines, time, level and rank; newlines in a record became spaces
        t.has(where + ": stderr", r.err, " info: the master speaks\n")
        for k in range(0, 1000, 100):
            lines = re.findall(r"^rankpool \d\d:\d\d:\d\d warn: rank (\d+) task %d: number %d has come$" % (k, k),
                               r.err, re.M)
            t.eq("%s: records of task %d" % (where, k), len(lines), 1)
            t.ok("%s: rank %s of the record is a worker's" % (where, lines), lines and 0 <= int(lines[0]) <= n)
        t.hasnt(where + ": stderr", r.err, "not shown")


@case
def shows_the_log_as_asked(t):
    for level, shown in ("error", False), ("warn", False), ("info", True):
        r = launch(t, "exec", 1, ["map", "logs"], env={"RANKPOOL_LOG": level}).wait()
        t.eq("RANKPOOL_LOG=%s: the info record is there" % level, "the master speaks" in r.err, shown)
        t.eq("RANKPOOL_LOG=%s: the warn record is there" % level, "number 100 has" in r.err, level != "error")
        t.eq("exit status", r.status, 0)


@case
def settles_futures(t):
    for _ in everywhere(t, ["futures"]):
        pass
    for _ in everywhere(t, ["futures", "outlives"], False):
        pass


@case
def carries_large_things(t):
    for _ in everywhere(t, ["large"], where=[("alone", 1), ("exec", 2), ("mpirun", 2)]):
        pass


@case
def opens_again_and_again(t):
    for _ in everywhere(t, ["large", "again"], False, [("alone", 1), ("exec", 1), ("exec", 4), ("mpirun", 2)]):
        pass


# ---- MPI of the user's own ----

group("comm")


@case
def serves_users_communicators(t):
    places = [("alone", 1), ("exec", 2), ("exec", 4), ("mpirun", 4)]
    for _ in everywhere(t, ["comm", "rp_init"], False, places):
        pass
    for _ in everywhere(t, ["comm", "user_mpi"], False, [("exec", 4), ("mpirun", 2)]):
        pass
    for _ in everywhere(t, ["comm", "user_mpi_without"], False, [("exec", 2), ("mpirun", 4)]):
        pass


@case
def runs_a_program_once(t):
    """Whose master goes on for long when the workers have ended, with and without rp_init."""
    for how in "rp_init", "user_mpi", "user_mpi_without":
        r = launch(t, "exec", 2, ["comm", how, "late"]).wait()
        t.eq("%s: stdout" % how, r.out, "ok   %s\nlate\n" % how)
        t.eq("%s: stderr" % how, r.err, "")
        t.eq("%s: exit status" % how, r.status, 0)


@case
def refuses_functions_of_other_programs(t):
    a, b = program(t, "mixed_a"), program(t, "mixed_b")
    r = t.run(mpirun(t) + ["-n", 1, a, ":", "-n", 1, b])
    all_fine(t, r, "a, b")
    texts = re.findall("^text (.*)", r.out, re.M)
    t.eq("texts", len(texts), 2)
    t.has("text of a function without name", texts[0], "rank 1", "rank_mixed_a", "rp_register")
    t.has("text of a name that is missing", texts[1], "rank 1", "only in A", "rp_register")


# ---- the end ----

group("end")


@case
def tells_the_true_exit_status(t):
    for how in "normal", "exit", "return", "finalize":
        for status in (0, 1, 7, 255) if how == "normal" else (0, 7):
            r = launch(t, "exec", 2, ["end", how, status]).wait()
            t.eq("%s %d: exit status" % (how, status), r.status, status)
            t.eq("%s %d: stdout" % (how, status), r.out, "ok   work\n")
            t.ok("%s %d: ends soon, not after %.1f s" % (how, status, r.seconds), r.seconds < 15)
    for status in 0, 7:
        r = launch(t, "alone", 1, ["end", "exit", status]).wait()
        t.eq("alone: exit status", r.status, status)
    r = t.run([program(t, "end"), "normal", 7], env={"RANKPOOL_WORKERS": "2"})
    t.eq("started without mpirun: exit status", r.status, 7)
    t.eq("started without mpirun: stdout", r.out, "ok   work\n")


@case
def leaves_no_worker_behind(t):
    """Whatever becomes of the master."""
    for how, n in ("exec", 2), ("mpirun", 2):
        for end in "_exit", "kill", "abort", "busy", "finalize", "exit":
            r = launch(t, how, n, ["end", end, 5]).wait(30)
            t.has("%s, %s: stdout" % (how, end), r.out, "ok   work\n")
            if how == "exec":
                t.eq("%s: exit status" % end, r.status, 3 if end in ("_exit", "kill", "abort") else 5)
            if how == "exec" and r.status == 3:
                t.has("%s: stderr" % end, r.err, "rankpool: the job ended before its master reported")
            if not t.none_left(5):
                t.fail("that was %s, %s" % (how, end))


@case
def bears_misuse(t):
    for how, n in ("alone", 1), ("exec", 2):
        r = launch(t, how, n, ["end", "misuse"]).wait()
        all_fine(t, r, how, False)
        t.has("%s: stderr" % how, r.err, "rankpool: rp_init() was called twice")
    all_fine(t, launch(t, "alone", 1, ["end", "early"]).wait(), "early", False)


@case
def says_what_is_wrong_with_exec(t):
    for args, status, part in ([], 2, "no program"), (["-n", "0", "x"], 2, "'0'"), (["-n", "2x", "x"], 2, "'2x'"), \
            (["--banana"], 2, "banana"), (["-n"], 2, "-n"), (["--", "./no-such-program"], 2, "no-such-program"):
        r = t.run([t.options.tool, "exec"] + args, 30)
        t.eq("exec %s: exit status" % args, r.status, status)
        t.has("exec %s: stderr" % args, r.err, part)
        t.eq("exec %s: stdout" % args, r.out, "")
    for w in "0", "-3", "many", "1e9":
        r = t.run([program(t, "end"), "normal"], env={"RANKPOOL_WORKERS": w})
        t.eq("RANKPOOL_WORKERS=%s: exit status" % w, r.status, 2)
        t.has("RANKPOOL_WORKERS=%s: stderr" % w, r.err, "RANKPOOL_WORKERS")


# ---- losses ----

group("loss")


def counts(r):
    m = re.search(r"alive (\d+) of (\d+), succeeded (\d+), failed (\d+), lost (\d+)", r.out)
    return tuple(int(x) for x in m.groups()) if m else None


def loses(t, how, n, argv, want_map, want_counts, close="RP_OK", log=()):
    where = "%s, %d workers, %s" % (how, n, argv[1])
    r = launch(t, how, n, argv).wait()
    t.has(where + ": stdout", r.out, "ok   end\n", "close %s\n" % close)
    if want_map:
        t.has(where + ": stdout", r.out, "map %s" % want_map)
    t.eq(where + ": counts", counts(r), want_counts)
    t.has(where + ": stderr", r.err, *log)
    if how == "exec":
        t.eq(where + ": exit status", r.status, 0)
        t.hasnt(where + ": stderr", r.err, "PMIX ERROR", "mpirun")
    t.none_left()
    return r


@case
def survives_a_lost_worker(t):
    for how, n in ("exec", 2), ("mpirun", 4):
        for end in "killed", "segv", "abort", "exit0":
            r = loses(t, how, n, ["loss", end], "RP_OK", (n - 1, n, 3000, 0, 0), log=["running task 1000"])
            t.eq("records of losses", len(re.findall("lost rank", r.err)), 1)


@case
def survives_several_lost_workers(t):
    loses(t, "exec", 4, ["loss", "thrice"], "RP_OK", (1, 4, 3000, 0, 0))
    loses(t, "exec", 4, ["loss", "futures"], None, (2, 4, 200, 0, 0))
    loses(t, "mpirun", 4, ["loss", "thrice"], "RP_OK", (1, 4, 3000, 0, 0))


@case
def survives_a_worker_killed_from_outside(t):
    for i, (how, n) in enumerate([("exec", 2), ("exec", 4), ("mpirun", 2)]):
        name = t.path("pid-%d" % i)
        p = launch(t, how, n, ["loss", "outside", name])
        until = e2e.until(lambda: os.path.exists(name) and open(name).read().endswith("\n"))
        if not t.ok("%s: a task wrote its process" % how, until):
            p.wait()
            continue
        time.sleep(0.1 + 0.2 * i)
        with open(name) as f:
            pid = int(f.read())
        t.ok("the worker lives", e2e.is_alive(pid))
        os.kill(pid, signal.SIGKILL)
        r = p.wait()
        t.has("stdout", r.out, "map RP_OK", "ok   end\n")
        t.eq("counts", counts(r), (n - 1, n, 3000, 0, 0))
        t.has("stderr", r.err, "lost rank", "pid %d" % pid)
        t.none_left()


@case
def survives_a_loss_while_idle(t):
    loses(t, "exec", 2, ["loss", "idle"], "RP_OK", (1, 2, 3001, 0, 0))
    r = launch(t, "exec", 2, ["loss", "idle_close"]).wait()
    t.has("stdout", r.out, "ok   end\n")
    t.eq("exit status", r.status, 0)


@case
def breaks_when_none_is_left(t):
    for how, n in ("exec", 1), ("exec", 2), ("exec", 4), ("mpirun", 2):
        r = loses(t, how, n, ["loss", "all"], "RP_EBROKEN", (0, n, 0, 0, 0), "RP_EBROKEN", ["the pool is broken"])
        t.has("stdout", r.out, "text the pool has no worker left")
        t.eq("records of losses", len(re.findall("lost rank", r.err)), n)
    loses(t, "exec", 2, ["loss", "broken"], None, (0, 2, 0, 0, 0), "RP_EBROKEN")


@case
def sets_a_poisonous_task_aside(t):
    for how in "exec", "mpirun":
        r = loses(t, how, 4, ["loss", "poison"], "RP_ELOST task 777", (1, 4, 2999, 0, 1), log=["task 777 is set aside"])
        t.has("text", r.out, "3 workers")


e2e.main()
