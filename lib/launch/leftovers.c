/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Removes the files of an mpirun that was killed and could not do it itself.
 *
 * They are TMPDIR/ompi.HOST.UID/pid.PID, whose contact.txt begins with the number of mpirun's own job, and
 * /dev/shm/vader_segment.HOST.UID.JOB.RANK, where JOB shares its upper 16 bits with that number. The latter
 * are memory: megabytes for each rank.
 */
#include "launch/leftovers.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *temporary_directory(void)
{
    static const char *const names[] = {"OMPI_MCA_orte_tmpdir_base", "TMPDIR", "TEMP", "TMP"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *dir = getenv(names[i]);
        if (dir && *dir)
            return dir;
    }
    return "/tmp";
}

/* Others may write beside it: only a directory of this user is touched. */
static int is_own_directory(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void) st;
    (void) kind;
    (void) place;
    (void) remove(path); /* what stays is only untidy */
    return 0;
}

static void remove_segments(const char *host, unsigned long job)
{
    char prefix[400], path[700];
    size_t n = (size_t) snprintf(prefix, sizeof prefix, "vader_segment.%s.%u.%04lx", host,
                                 (unsigned) geteuid(), job >> 16);
    DIR *dir = n < sizeof prefix ? opendir("/dev/shm") : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, prefix, n) != 0 || strcspn(e->d_name + n, ".") != 4)
            continue;
        (void) snprintf(path, sizeof path, "/dev/shm/%s", e->d_name); /* fits: names have at most 255 bytes */
        (void) unlink(path);                                          /* as above */
    }
    if (dir)
        closedir(dir);
}

void rp__leftovers_remove(pid_t mpirun)
{
    char host[256] = "", user[4096], session[4200], contact[4300];
    unsigned long job = 0;
    (void) gethostname(host, sizeof host - 1);
    (void) snprintf(user, sizeof user, "%s/ompi.%s.%u", temporary_directory(), host, (unsigned) geteuid());
    (void) snprintf(session, sizeof session, "%s/pid.%d", user, (int) mpirun); /* cut: it is not there */
    if (!is_own_directory(user) || !is_own_directory(session))
        return;
    (void) snprintf(contact, sizeof contact, "%s/contact.txt", session);
    FILE *f = fopen(contact, "re");
    int is_known = f && fscanf(f, "%lu", &job) == 1;
    if (f)
        fclose(f);
    if (is_known)
        remove_segments(host, job);
    (void) nftw(session, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* as above */
}
