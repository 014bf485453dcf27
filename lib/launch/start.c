/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts mpirun: its process group, streams, environment, signals. */
#include "launch/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* so that mpirun rarely waits for the launcher */

extern char **environ;

/* The environment with our variable in it; the array is the caller's, its strings are lent. */
static char **make_environment(char *variable)
{
    size_t n = 0, name = strcspn(variable, "=") + 1;
    while (environ[n])
        n++;
    char **env = rp__alloc_array(n + 2, sizeof *env);
    if (!env)
        return NULL;
    n = 0;
    for (char **e = environ; *e; e++)
        if (strncmp(*e, variable, name) != 0)
            env[n++] = *e;
    env[n++] = variable;
    env[n] = NULL;
    return env;
}

/* In the child. Does not come back. */
_Noreturn static void become_mpirun(const rp__job *j, const int outs[2], pid_t launcher, char **command,
                                    char **env)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void) setpgid(0, 0); /* Ctrl-C goes to the launcher alone */
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launcher) /* it died before the line above */
        _exit(1);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(outs[0], STDOUT_FILENO) < 0 ||
        dup2(outs[1], STDERR_FILENO) < 0)
        _exit(126);
    (void) close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* what the launcher has open is not the job's */
    (void) sigaction(SIGPIPE, &j->old_pipe, NULL);
    (void) sigprocmask(SIG_SETMASK, &j->old_mask, NULL);
    (void) execve(command[0], command, env);
    (void) dprintf(STDERR_FILENO, "rankpool: cannot run '%s': %s\n", command[0], strerror(errno));
    _exit(127);
}

static void close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            (void) close(fds[i]);
}

/* Two pipes: j->pipes to read from, outs for mpirun. */
static bool open_pipes(rp__job *j, int outs[2])
{
    for (int i = 0; i < 2; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return false;
        j->pipes[i] = fds[0];
        outs[i] = fds[1];
        if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
            return false;
        (void) fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES); /* refused: the usual size does */
    }
    return true;
}

rp_status rp__job_start(rp__job *j, char **command, rp_error *err)
{
    char variable[256];
    int outs[2] = {-1, -1};
    pid_t launcher = getpid();
    if (!rp__desk_variable(&j->desk, variable, sizeof variable))
        return rp__fail(err, RP_EINTERNAL, "the launcher's address is too long");
    char **env = make_environment(variable);
    if (!env)
        return rp__fail(err, RP_ENOMEM, "no memory to start mpirun");
    pid_t pid = open_pipes(j, outs) ? fork() : -1;
    if (pid == 0)
        become_mpirun(j, outs, launcher, command, env);
    rp_status rc = RP_OK;
    if (pid < 0)
        rc = rp__fail(err, RP_ESYSTEM, "cannot start mpirun: %s", strerror(errno));
    else
        (void) setpgid(pid, pid); /* whoever of the two comes first */
    close_pair(outs);
    rp__free(env);
    j->mpirun = pid > 0 ? pid : 0;
    return rc;
}
