/* SPDX-License-Identifier: BSD-3-Clause */
/* One command in the supervisor: its environment, its start, its end. */
#include "exec/supervisor_impl.h"

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *rp__command_shell = "/bin/sh";

/* Environment */

static bool is_dropped(const char *var)
{
    static const char *const prefixes[] = {
        "OMPI_",
        "PMIX_",
        "PRTE_",
        "ORTE_",
        "OPAL_",
        "PMI_", /* a command may call mpirun */
        "RANKPOOL_TASK_INDEX=",
        "RANKPOOL_RANK=",     /* set anew */
        "RANKPOOL_LAUNCHER=", /* the line is this job's */
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(var, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

rp__command_env *rp__command_env_new(void)
{
    size_t count = 0, n = 2;
    while (environ && environ[count])
        count++;
    rp__command_env *env = rp__alloc(sizeof *env + (count + 3) * sizeof env->vars[0]);
    if (!env)
        return NULL;
    env->vars[0] = env->index;
    env->vars[1] = env->rank;
    for (size_t i = 0; i < count; i++)
        if (!is_dropped(environ[i]))
            env->vars[n++] = environ[i];
    return env;
}

/* Start */

/* Standard input is the supervisor's own, /dev/null; all else that it holds closes on exec. */
static int set_files(posix_spawn_file_actions_t *files, const int fds[2])
{
    int why = posix_spawn_file_actions_adddup2(files, fds[0], STDOUT_FILENO);
    return why ? why : posix_spawn_file_actions_adddup2(files, fds[1], STDERR_FILENO);
}

static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t all, none;
    memset(&all, 0xff, sizeof all); /* sigfillset leaves out two that posix_spawn would then ignore */
    sigemptyset(&none);
    int why = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETSIGMASK);
    if (!why)
        why = posix_spawnattr_setsigdefault(attr, &all);
    if (!why)
        why = posix_spawnattr_setsigmask(attr, &none);
    return why ? why : posix_spawnattr_setpgroup(attr, 0);
}

int rp__command_start(rp__command *c, const char *line, const int fds[2], rp__command_env *env)
{
    /* The shell changes none of them. "--": a line may begin with a dash. */
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"--"}, (char *) (uintptr_t) line, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int why = posix_spawn_file_actions_init(&files);
    if (why)
        return why;
    why = posix_spawnattr_init(&attr);
    if (!why) {
        why = set_files(&files, fds);
        if (!why)
            why = set_attributes(&attr);
        c->started = rp__clock_wall();
        c->began = rp__clock_mono();
        pid_t pid;
        if (!why)
            why = posix_spawn(&pid, rp__command_shell, &files, &attr, argv, env->vars);
        c->pid = why ? 0 : pid;
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return why;
}

/* End */

static double seconds(struct timeval t)
{
    return (double) t.tv_sec + (double) t.tv_usec * 1e-6;
}

void rp__command_finish(rp__command *c, rp__exec_answer *a)
{
    int status = 0;
    struct rusage use = {0};
    a->started = c->started;
    a->wall_s = (double) (rp__clock_mono() - c->began) * 1e-9;
    /* Before the shell is reaped: until then nobody else can get the number of its group. */
    (void) kill(-c->pid, SIGKILL);
    (void) wait4(c->pid, &status, 0, &use); /* has ended, does not wait */
    a->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    a->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    a->user_s = seconds(use.ru_utime);
    a->system_s = seconds(use.ru_stime);
    a->peak_rss_bytes = (int64_t) use.ru_maxrss * 1024;
    c->pid = 0;
}
