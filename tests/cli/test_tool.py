# SPDX-License-Identifier: BSD-3-Clause
"""The tool as a user calls it: wrong words and files, results, status, show."""

import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import e2e
from e2e import case, group
from e2e_tool import counts, digest, files, finished, h5py, need_h5py, rows, run, status, tool

# ---- wrong usage and input ----

group("input")


def refused(t, args, want_status, parts, env=None, stdin=None, seconds=5):
    """Ends soon with that status and a message, and leaves the folder as it was."""
    before = [(n, os.path.getmtime(t.path(n))) for n in files(t)]
    r = tool(t, *args, env=env, stdin=stdin)
    what = "rankpool " + " ".join(a if len(a) < 60 else a[:60] + "..." for a in args)
    t.eq(what + ": exit status", r.status, want_status)
    t.eq(what + ": stdout", r.out, "")
    t.has(what + ": stderr", r.err, *parts)
    t.ok("%s: each line begins with 'rankpool: ', or it is the usage: %s" % (what, r.err),
         all(l.startswith("rankpool: ") for l in r.err.splitlines()) or "usage: rankpool" in r.err)
    t.ok("%s: ends within %d s, not after %.1f" % (what, seconds, r.seconds), r.seconds < seconds)
    t.eq(what + ": the folder", [(n, os.path.getmtime(t.path(n))) for n in files(t)], before)


@case
def says_what_is_wrong_with_words(t):
    t.write("a.txt", "echo a\n")
    for args, parts in (
            ([], ["usage: rankpool COMMAND"]), (["banana"], ["'banana'"]), (["--banana"], ["--banana"]),
            (["run"], ["no task file"]), (["run", "-n", "0", "a.txt"], ["-n", "'0'"]),
            (["run", "-n", "banana", "a.txt"], ["-n", "'banana'"]), (["run", "-n", "-1", "a.txt"], ["'-1'"]),
            (["run", "-n", "1.5", "a.txt"], ["'1.5'"]), (["run", "-n", "", "a.txt"], ["''"]),
            (["run", "-n", "99999999999999999999", "a.txt"], ["-n"]), (["run", "--banana", "a.txt"], ["--banana"]),
            (["run", "-Z", "a.txt"], ["-Z"]), (["run", "a.txt", "b.txt"], ["b.txt"]),
            (["run", "a.txt", "-n", "2"], ["'-n'"]), (["run", "-n"], ["-n"]), (["run", "-o", "", "a.txt"], ["-o"]),
            (["run", "--resume", "--force", "a.txt"], ["--resume", "--force"]), (["run", "--"], ["no command"]),
            (["run", "--", ":::", "a"], ["no command"]), (["run", "--", "echo", ":::"], ["value", ":::"]),
            (["status"], ["one run file"]), (["status", "a", "b"], ["one run file"]),
            (["status", "--banana", "a"], ["--banana"]), (["show", "a"], ["--task"]),
            (["show", "--task", "x", "a"], ["'x'"]), (["show", "-t", "-1", "a"], ["'-1'"]),
            (["exec"], ["no program"])):
        refused(t, args, 2, parts)


@case
def helps(t):
    for args, parts in ((["--help"], ["run", "exec", "status", "show", "130"]), (["-h"], ["usage: rankpool COMMAND"]),
                        (["run", "--help"], ["TASKFILE", ":::", "--resume"]), (["exec", "-h"], ["PROGRAM"]),
                        (["status", "--help"], ["--json"]), (["show", "--help"], ["--task"]),
                        (["--version"], ["rankpool 0."])):
        r = tool(t, *args)
        t.eq("%s: exit status" % args, r.status, 0)
        t.eq("%s: stderr" % args, r.err, "")
        t.has("%s: stdout" % args, r.out, *parts)
        t.ok("%s: no line is longer than 110" % args, all(len(l) <= 110 for l in r.out.splitlines()))


@case
def says_what_is_wrong_with_task_files(t):
    t.write("empty.txt", "")
    t.write("comments.txt", "# one\n\n   \t \n  # two\r\n\r\n")
    t.write("long.txt", "echo a\necho " + "x" * 1000000 + "\n")
    t.write("nul.txt", b"echo a\necho b\0c\n")
    os.mkdir(t.path("folder"))
    for args, parts in ((["run", "missing.txt"], ["missing.txt", "No such file"]),
                        (["run", "empty.txt"], ["empty.txt", "no command"]),
                        (["run", "comments.txt"], ["comments.txt", "5 lines"]),
                        (["run", "folder"], ["folder", "directory"]),
                        (["run", "long.txt"], ["long.txt:2", "1000005"]),
                        (["run", "nul.txt"], ["nul.txt:2", "NUL", "column 7"])):
        refused(t, args, 2, parts)
    refused(t, ["run", "-"], 2, ["standard input", "no command"], stdin=b"\n# nothing\n")
    refused(t, ["run", "-"], 2, ["standard input:1", "NUL"], stdin=b"\0")
    refused(t, ["run", "--", "echo " + "x" * 60000 + " {}", ":::", "y" * 100000], 2, ["command 1"])


@case
def says_what_is_wrong_with_the_output(t):
    t.write("a.txt", "echo a\n")
    t.write("a.h5", "something else")
    os.mkdir(t.path("folder"))
    refused(t, ["run", "a.txt"], 2, ["a.h5", "exists", "--resume", "--force"])
    refused(t, ["run", "-o", "folder", "a.txt"], 2, ["folder", "directory"])
    refused(t, ["run", "-o", "missing/b.h5", "a.txt"], 3, ["missing/b.h5", "'missing'", "No such file"])
    refused(t, ["run", "-o", "a.txt/b.h5", "a.txt"], 3, ["a.txt/b.h5", "'a.txt'", "Not a directory"])
    refused(t, ["run", "--resume", "a.txt"], 2, ["a.h5"])
    r = run(t, "-n", "1", "-o", "x" * 300 + ".h5", "a.txt")
    t.eq("too long a name: exit status", r.status, 3)
    t.has("too long a name", r.err, "xxx", "name too long")
    t.eq("a.h5", open(t.path("a.h5")).read(), "something else")


@case
def says_what_is_wrong_with_mpirun(t):
    t.write("a.txt", "echo a\n")
    os.mkdir(t.path("empty"))
    os.mkdir(t.path("bin"))
    refused(t, ["run", "a.txt"], 2, ["mpirun", "PATH", "install"], env={"PATH": t.path("empty")})
    refused(t, ["run", "a.txt"], 2, ["no-such-mpirun", "RANKPOOL_MPIRUN"],
            env={"RANKPOOL_MPIRUN": "no-such-mpirun"})
    t.write("bin/mpirun", "#!/bin/sh\necho 'HYDRA build details: Version: 4.0.2'\n")
    os.chmod(t.path("bin/mpirun"), 0o755)
    refused(t, ["run", "a.txt"], 2, ["not Open MPI", "HYDRA"], env={"RANKPOOL_MPIRUN": t.path("bin/mpirun")})
    t.write("bin/mpirun", "#!/bin/sh\necho 'mpirun (Open MPI) 3.1.2'\n")
    refused(t, ["run", "a.txt"], 2, ["3.1", "4.0"], env={"RANKPOOL_MPIRUN": t.path("bin/mpirun")})


@case
def says_that_mpirun_starts_singletons(t):
    t.write("a.txt", "echo a\n")
    os.mkdir(t.path("bin"))
    t.write("bin/mpirun", """#!/bin/sh
[ "$1" = --version ] && { echo 'mpirun (Open MPI) 4.1.4'; exit 0; }
while [ "$1" != -n ]; do shift; done
n=$2
shift 2
for i in $(seq $n); do env -u OMPI_COMM_WORLD_RANK -u PMIX_RANK "$@" & done
wait
""")
    os.chmod(t.path("bin/mpirun"), 0o755)
    for n in "1", "3":
        r = run(t, "-n", n, "a.txt", env={"PATH": t.path("bin") + ":" + os.environ["PATH"]}, timeout=30)
        t.eq("exit status", r.status, 3)
        t.has("stderr", r.err, "%d ranks were started" % (int(n) + 1), "another MPI", "RANKPOOL_MPIRUN")
        t.eq("the folder", files(t), ["a.txt", "bin"])
        t.none_left()


# ---- results ----

group("results")


@case
def runs_task_files(t):
    blob = os.urandom(3000000)
    t.write("blob", blob)
    lines = [b"# a comment", b"echo one", b"", b"  \t ", b"   # another", b"\techo leading blanks", b"echo windows\r",
             b"for i in 1 2 3; do printf '%s,' $i; done | tr , ';'", b"printf 'no newline'", b"cat blob",
             b"printf '\\000\\001\\377\\r\\n'", b"echo out; echo err >&2; exit 3", b"exit 255", b"kill -9 $$",
             b"kill -SEGV $$", b"no-such-command --at all", b"cat", b"echo '# not a comment' # but this is",
             b"echo \"$RANKPOOL_TASK_INDEX of $RANKPOOL_RANK\"", b"true", b"echo \xc3\xa4\xff",
             b"cd / && pwd", b"sleep 300 & echo started", b"echo last, without newline"]
    commands = [l.rstrip(b"\r") for l in lines if l.strip() and not l.strip().startswith(b"#")]
    commands += [b"echo %d" % i for i in range(300)]
    t.write("tasks.txt", b"\n".join(lines[:-1]) + b"\n" + b"\n".join(commands[len(commands) - 300:]) + b"\n" + lines[-1])
    commands = commands[:-301] + commands[-300:] + [lines[-1]]
    r = run(t, "-n", "3", "tasks.txt")
    finished(t, r, len(commands), t.path("tasks.h5"), 5)
    t.has("stderr", r.err, "warn: task 7 failed: exit status 3: err\n", "task 9 failed: killed by signal 9 (Killed)",
          "task 11 failed: exit status 127: ", "no-such-command", "results are in tasks.h5",
          "next: rankpool show tasks.h5 --task 7\n")
    t.eq("stdout", r.out, "")
    t.eq("the folder", files(t), ["blob", "tasks.h5", "tasks.txt"])
    got = rows(t.path("tasks.h5"))
    t.eq("commands", [g["command"] for g in got], commands)
    ends = {7: ("failed", 3, 0), 8: ("failed", 255, 0), 9: ("failed", None, 9), 10: ("failed", None, 11),
            11: ("failed", 127, 0)}
    outs = {0: b"one\n", 1: b"leading blanks\n", 2: b"windows\n", 3: b"1;2;3;", 4: b"no newline", 5: blob,
            6: b"\0\1\xff\r\n", 7: b"out\n", 12: b"", 13: b"# not a comment\n", 16: b"\xc3\xa4\xff\n",
            17: b"/\n", 18: b"started\n", len(commands) - 1: b"last, without newline\n"}
    outs.update({19 + i: b"%d\n" % i for i in range(300)})
    for k, g in enumerate(got):
        state, code, sig = ends.get(k, ("succeeded", 0, 0))
        t.eq("task %d: state" % k, g["state"], state)
        if code is not None:
            t.eq("task %d: exit status" % k, g["exit_status"], code)
        t.eq("task %d: signal" % k, g["signal"], sig)
        if k in outs and g["stdout"] != outs[k]:
            t.eq("task %d: stdout" % k, g["stdout"], outs[k])
        t.eq("task %d: attempts" % k, g["attempts"], 1)
        t.ok("task %d: worker %d is one of 3" % (k, g["worker"]), 1 <= g["worker"] <= 3)
        t.ok("task %d: it started just now, at %f" % (k, g["started"]), abs(g["started"] - time.time()) < 120)
        t.ok("task %d: it took %f s" % (k, g["elapsed"]), 0 < g["elapsed"] < 60)
        t.ok("task %d: peak memory %d" % (k, g["peak_memory"]), g["peak_memory"] > 100000)
    t.eq("task 14", got[14]["stdout"], b"14 of %d\n" % got[14]["worker"])
    t.eq("task 7: stderr", got[7]["stderr"], b"err\n")
    t.has("task 11: stderr", got[11]["stderr"].decode(), "not found")
    t.ok("all workers worked", {g["worker"] for g in got} == {1, 2, 3})
    compare_with_h5dump(t, got)
    shows_them(t, blob)


def compare_with_h5dump(t, got):
    if not shutil.which("h5dump"):
        return
    for name in "stdout", "stderr":
        r = t.run(["h5dump", "-d", "/" + name, "-b", "LE", "-o", t.path(name), t.path("tasks.h5")])
        t.eq("h5dump: exit status", r.status, 0)
        with open(t.path(name), "rb") as f:
            data = f.read()
        for k, g in enumerate(got):
            at = g[name + "_offset"]
            if data[at:at + g[name + "_bytes"]] != g[name]:
                t.fail("h5dump and h5py differ in %s of task %d" % (name, k))
    r = t.run(["h5dump", "-d", "/tasks", "-s", "7", "-c", "1", t.path("tasks.h5")])
    t.has("h5dump of task 7", r.out, "failed")


def shows_them(t, blob):
    r = tool(t, "show", "tasks.h5", "--task", "7")
    t.eq("show: exit status", r.status, 0)
    t.has("show", r.out, "task:        7\n", "command:     echo out; echo err >&2; exit 3\n", "state:       failed\n",
          "exit status: 3\n", "stdout (4 bytes):\nout\n", "stderr (4 bytes):\nerr\n", "attempt 1\n")
    r = tool(t, "show", "-t", "9", "tasks.h5")
    t.has("show", r.out, "killed by signal 9 (Killed)")
    r = tool(t, "show", "tasks.h5", "--task", "5")
    t.ok("show prints the whole of a binary output", blob in r.out_bytes)
    for index, want in ("319", 0), ("320", 2), ("99999999999", 2):
        r = tool(t, "show", "tasks.h5", "--task", index)
        t.eq("show %s: exit status" % index, r.status, want)
        t.has("show %s" % index, r.err if want else r.out, index)
    r = tool(t, "show", "missing.h5", "--task", "0")
    t.eq("show of a missing file: exit status", r.status, 2)
    t.has("show of a missing file", r.err, "missing.h5")


@case
def runs_standard_input(t):
    r = run(t, "-n", "2", "-o", "in.h5", "-", stdin=b"echo a\n\necho b")
    finished(t, r, 2, t.path("in.h5"))
    t.eq("outputs", [g["stdout"] for g in rows(t.path("in.h5"))], [b"a\n", b"b\n"])
    r = run(t, "-n", "1", "-", stdin=b"echo c\n")
    t.eq("exit status", r.status, 0)
    names = [n for n in files(t) if n != "in.h5"]
    t.ok("the default name %s holds date and time" % names,
         len(names) == 1 and re.fullmatch(r"rankpool-\d{8}-\d{6}\.h5", names[0]))


def swept(t, args, want):
    name = t.path("s.h5")
    r = run(t, "-n", "2", "-q", "--force", "-o", name, "--", *args)
    t.eq("%s: exit status" % args, r.status, 0)
    t.eq("%s: stderr" % args, r.err, "")
    got = rows(name)
    t.eq("%s: outputs" % args, [g["stdout"] for g in got], want)
    return got


@case
def runs_sweeps(t):
    need_h5py()
    swept(t, ["echo {}", ":::", "a", "b"], [b"a\n", b"b\n"])
    swept(t, ["echo", ":::", "a b", "$HOME", "it's", ""], [b"a b\n", b"$HOME\n", b"it's\n", b"\n"])
    swept(t, ["printf", "%s|", "x {}", "{#}", ":::", "1", "2"], [b"x 1|1|", b"x 2|2|"])
    swept(t, ["echo {1}-{2} {}", ":::", "a", "b", ":::", "1", "2"], [b"a-1 a 1\n", b"a-2 a 2\n", b"b-1 b 1\n", b"b-2 b 2\n"])
    swept(t, ["echo {2} {1}; echo done", ":::", "a;b", ":::", "*"], [b"* a;b\ndone\n"])
    swept(t, ["echo {3} {#}", ":::", "v"], [b"{3} 1 v\n"])
    swept(t, ["echo alone"], [b"alone\n"])
    swept(t, ["echo", "$HOME; {}", "&& false", ":::", "q"], [b"$HOME; q && false\n"])


@case
def tells_the_status(t):
    t.write("a.txt", "echo a\nexit 4\necho c\n")
    r = run(t, "-n", "2", "a.txt")
    finished(t, r, 3, t.path("a.h5"), 1)
    s = status(t, "a.h5")
    want = {"tasks": 3, "succeeded": 2, "failed": 1, "lost": 0, "cancelled": 0, "running": 0, "pending": 0,
            "complete": True, "finished": True, "exit_code": 1, "kind": "commands"}
    t.eq("status --json", {k: s.get(k) for k in want}, want)
    t.eq("keys", sorted(s), sorted(list(want) + ["program", "master", "workers", "created", "updated", "ended"]))
    t.has("program", s["program"], "run", "a.txt")
    t.eq("keys of master", sorted(s["master"]), ["alive", "host", "pid"])
    t.eq("master alive", s["master"]["alive"], False)
    t.eq("host", s["master"]["host"], os.uname().nodename)
    t.eq("workers", [(w["rank"], w["state"]) for w in s["workers"]], [(1, "left"), (2, "left")])
    t.eq("keys of a worker", sorted(s["workers"][0]), ["host", "pid", "rank", "state"])
    t.ok("times", s["created"] <= s["updated"] <= s["ended"] + 1 and abs(s["ended"] - time.time()) < 60)
    r = tool(t, "status", "a.h5")
    t.has("status", r.out, "a.h5: complete\n", "3: 2 succeeded, 1 failed, 0 lost", "exit status 1")
    r = tool(t, "status", "--exit-code", "a.h5")
    t.eq("status --exit-code", (r.status, r.out, r.err), (1, "", ""))


@case
def tells_what_is_no_run_file(t):
    t.write("a.txt", "echo a\n")
    t.eq("exit status", run(t, "-n", "1", "-q", "a.txt").status, 0)
    with open(t.path("a.h5"), "rb") as f:
        data = f.read()
    t.write("text.h5", "not a run file at all\n")
    t.write("empty.h5", "")
    t.write("noise.h5", os.urandom(5000))
    bad = ["text.h5", "empty.h5", "noise.h5", "missing.h5"]
    for part in 8, 100, len(data) // 4, len(data) // 2, len(data) - 1:
        t.write("cut-%d.h5" % part, data[:part])
        bad.append("cut-%d.h5" % part)
    if h5py:
        with h5py.File(t.path("foreign.h5"), "w") as f:
            f["x"] = [1, 2, 3]
        bad.append("foreign.h5")
    for name in bad:
        for args in ["status", name], ["status", "--json", name], ["status", "--exit-code", name], ["show", "-t", "0", name]:
            r = tool(t, *args)
            t.eq("%s: exit status" % args, r.status, 2)
            t.has("%s: stderr" % args, r.err, "rankpool: ", name)
            t.eq("%s: stdout" % args, r.out, "")
    before = digest(t.path("noise.h5"))
    t.eq("--resume of noise", run(t, "-n", "1", "--resume", "-o", "noise.h5", "a.txt").status, 2)
    t.eq("noise.h5 is as before", digest(t.path("noise.h5")), before)


@case
def works_with_what_there_is(t):
    """More workers than cores; quietly; another folder; a closed standard input; MPI inside of tasks."""
    t.write("a.txt", "".join("echo %d\n" % i for i in range(100)))
    os.mkdir(t.path("elsewhere"))
    r = run(t, "-n", "8", "-q", "-o", "elsewhere/b.h5", "a.txt")
    t.eq("-n 8: exit status and words", (r.status, r.out, r.err), (0, "", ""))
    t.eq("-n 8: workers", len(status(t, "elsewhere/b.h5")["workers"]), 8)
    r = t.run(["sh", "-c", "exec \"$@\" <&- >&-", "sh", t.options.tool, "run", "-n", "1", "-o", "c.h5", "a.txt"])
    finished(t, r, 100, t.path("c.h5"))
    t.write("nested.txt", "'%s' run -q -n 1 -o inner.h5 -- 'echo inner' && '%s' status --exit-code inner.h5\n" %
            (t.options.tool, t.options.tool))
    r = run(t, "-n", "1", "nested.txt")
    finished(t, r, 1, t.path("nested.h5"))
    t.eq("inner counts", counts(t, "inner.h5"), (1, 1, 0, 0, 0))


@case
def runs_under_mpirun_itself(t):
    t.write("a.txt", "".join("echo %d\n" % i for i in range(50)) + "exit 9\n")
    if not shutil.which("mpirun"):
        raise e2e.Skip("there is no mpirun")
    r = t.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "3", t.options.tool, "run", "a.txt"])
    t.eq("counts", counts(t, "a.h5"), (51, 50, 1, 0, 0))
    t.has("stderr", r.err, "51 tasks: 50 succeeded, 1 failed", "exit status 1 (mpirun may report another)")
    t.eq("status --exit-code", tool(t, "status", "--exit-code", "a.h5").status, 1)
    t.eq("workers", len(status(t, "a.h5")["workers"]), 2)
    r = t.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "3", t.options.tool, "run", "a.txt"])
    t.ok("the second run is refused", "exists" in r.err)
    t.eq("that is said once", r.err.count("exists"), 1)
    t.eq("counts are as before", counts(t, "a.h5"), (51, 50, 1, 0, 0))
    r = t.run(["mpirun", "--allow-run-as-root", "-n", "1", t.options.tool, "run", "--force", "a.txt"])
    t.eq("one rank: counts", counts(t, "a.h5"), (51, 50, 1, 0, 0))


e2e.main()
