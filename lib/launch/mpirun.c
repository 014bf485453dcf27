/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds mpirun and learns which Open MPI it is. */
#include "launch/mpirun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTALL_HINT "install Open MPI (Debian/Ubuntu: apt-get install openmpi-bin) or set RANKPOOL_MPIRUN"
#define ANSWER_MS    10000

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool rp__program_find(const char *name, char *path, size_t size)
{
    if (strchr(name, '/'))
        return (size_t) snprintf(path, size, "%s", name) < size && is_program(path);
    const char *dir = getenv("PATH");
    if (!dir)
        dir = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        int n = (int) strcspn(dir, ":");
        int len = snprintf(path, size, "%.*s/%s", n ? n : 1, n ? dir : ".", name);
        if (len > 0 && (size_t) len < size && is_program(path))
            return true;
        if (dir[n] == '\0')
            return false;
        dir += n + 1;
    }
}

bool rp__mpirun_parse_version(const char *text, int *major, int *minor)
{
    const char *at = strstr(text, "(Open MPI) ");
    return at && sscanf(at, "(Open MPI) %d.%d", major, minor) == 2;
}

/* In the child: answers on out, in a group of its own so that all of it can be ended. */
_Noreturn static void exec_version(const char *path, int out)
{
    char *argv[] = {(char[]){"mpirun"}, (char[]){"--version"}, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void) setpgid(0, 0);
    if (null >= 0)
        (void) dup2(null, STDIN_FILENO);
    (void) dup2(out, STDOUT_FILENO);
    (void) dup2(out, STDERR_FILENO);
    (void) execv(path, argv);
    (void) dprintf(STDERR_FILENO, "%s", strerror(errno));
    _exit(127);
}

/* Reads until the end or the deadline; text is terminated. False when the end did not come. */
static bool read_answer(int fd, char *text, size_t size)
{
    rp__time until = rp__clock_mono() + ANSWER_MS * RP__MS;
    size_t len = 0;
    bool is_end = false;
    text[0] = '\0';
    while (!is_end) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        rp__time left = until - rp__clock_mono();
        if (left <= 0 || (poll(&p, 1, (int) (left / RP__MS) + 1) < 0 && errno != EINTR))
            return false;
        if (!p.revents)
            continue;
        char skipped[512]; /* what is too much is read all the same, for the writer's sake */
        bool is_room = len + 1 < size;
        ssize_t n = read(fd, is_room ? text + len : skipped, is_room ? size - 1 - len : sizeof skipped);
        if (n > 0 && is_room) {
            len += (size_t) n;
            text[len] = '\0';
        }
        is_end = n == 0 || (n < 0 && errno != EINTR);
    }
    return true;
}

/* What `path --version` prints. */
static bool ask_version(const char *path, char *text, size_t size)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        exec_version(path, fds[1]);
    (void) close(fds[1]);
    bool is_answered = pid > 0 && read_answer(fds[0], text, size);
    (void) close(fds[0]);
    if (pid > 0) {
        if (!is_answered)
            (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    return is_answered;
}

static rp_status check_version(rp__mpirun *m, rp_error *err)
{
    char text[2048];
    if (!ask_version(m->path, text, sizeof text))
        return rp__fail(err, RP_EINVAL, "'%s --version' does not answer: " INSTALL_HINT, m->path);
    if (!rp__mpirun_parse_version(text, &m->major, &m->minor)) {
        text[strcspn(text, "\r\n")] = '\0';
        return rp__fail(err, RP_EINVAL, "'%s' is not Open MPI (it says \"%.80s\"): " INSTALL_HINT, m->path,
                        text);
    }
    if (m->major < 4)
        return rp__fail(err, RP_EINVAL, "'%s' is Open MPI %d.%d; 4.0 or later is needed: " INSTALL_HINT,
                        m->path, m->major, m->minor);
    return RP_OK;
}

rp_status rp__mpirun_find(rp__mpirun *m, rp_error *err)
{
    const char *name = getenv("RANKPOOL_MPIRUN");
    if (name && *name) {
        if (!rp__program_find(name, m->path, sizeof m->path))
            return rp__fail(
                err, RP_EINVAL,
                "cannot find '%.200s', which RANKPOOL_MPIRUN names: set it to the mpirun of Open MPI", name);
        return check_version(m, err);
    }
    bool is_found = rp__program_find("mpirun", m->path, sizeof m->path);
    rp_status rc = is_found ? check_version(m, err)
                            : rp__fail(err, RP_EINVAL, "cannot find mpirun on PATH: " INSTALL_HINT);
    if (rc != RP_OK && rp__program_find("mpirun.openmpi", m->path, sizeof m->path))
        return check_version(m, err);
    return rc;
}
