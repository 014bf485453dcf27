/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes mpirun's command line: flags for its version and for the site. */
#include "launch/mpirun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Where a flag belongs. */
enum {
    ANYWHERE = 0,
    ONE_HOST = 1,
    SEVERAL_HOSTS = 2,
    NO_ALLOCATION = 4, /* with ONE_HOST */
    SLURM = 8          /* with SEVERAL_HOSTS */
};

typedef struct flag {
    const char *name;  /* of the MCA parameter; a user who has set that keeps it */
    const char *words; /* on the command line; NULL: --mca NAME VALUE */
    const char *value;
    int where;
} flag;

/* Open MPI 4 (ORTE). pml ob1: what is measured, and 0.2 s saved that the search for UCX takes. */
static const flag flags_4[] = {
    {"orte_enable_recovery", "--enable-recovery", NULL, ANYWHERE},
    {"hwloc_base_binding_policy", "--bind-to none", NULL, ANYWHERE},
    {"rmaps_base_oversubscribe", "--oversubscribe", NULL, ANYWHERE},
    {"orte_allowed_exit_without_sync", NULL, "1", ANYWHERE},
    {"orte_abort_on_non_zero_status", NULL, "0", ANYWHERE},
    {"pml", NULL, "ob1", ANYWHERE},
    {"btl", NULL, "self,vader", ONE_HOST},
    {"plm", NULL, "isolated", ONE_HOST | NO_ALLOCATION},
    {"btl_tcp_disable_family", NULL, "6", SEVERAL_HOSTS},
    /* a host that is cut off ends its ranks after half a minute, not after eight */
    {"oob_tcp_keepalive_time", NULL, "10", SEVERAL_HOSTS},
    {"oob_tcp_keepalive_intvl", NULL, "5", SEVERAL_HOSTS},
    {"oob_tcp_keepalive_probes", NULL, "4", SEVERAL_HOSTS},
    {"plm_slurm_args", NULL, "--no-kill --kill-on-bad-exit=0", SEVERAL_HOSTS | SLURM},
};

/* Open MPI 5 (PRRTE). */
static const flag flags_5[] = {
    {"mpi_ft_enable", "--with-ft ulfm", NULL, ANYWHERE},
    {"state_base_error_non_zero_exit", "--runtime-options error-nonzero-status=false", NULL, ANYWHERE},
    {"hwloc_default_binding_policy", "--bind-to none", NULL, ANYWHERE},
    {"rmaps_default_mapping_policy", "--map-by :OVERSUBSCRIBE", NULL, ANYWHERE},
    {"pml", NULL, "ob1", ANYWHERE},
    {"btl", NULL, "self,sm", ONE_HOST},
    {"btl_tcp_disable_family", NULL, "6", SEVERAL_HOSTS},
};

/* The words of a command line, NULs between them, until they are made into an array. */
typedef struct words {
    rp__buf text;
    size_t count;
} words;

static void add_word(words *w, const char *word)
{
    rp__buf_append(&w->text, word, strlen(word) + 1);
    w->count++;
}

static void add_words(words *w, const char *text)
{
    for (; text && *text; text += strspn(text, " \t\n")) {
        size_t n = strcspn(text, " \t\n");
        if (n > 0) {
            rp__buf_append(&w->text, text, n);
            rp__buf_append(&w->text, "", 1);
            w->count++;
        }
        text += n;
    }
}

/* Whether text holds word between blanks; after is the word that must follow, or NULL. */
static bool has_word(const char *text, const char *word, const char *after)
{
    while (text && *(text += strspn(text, " \t\n"))) {
        size_t n = strcspn(text, " \t\n");
        bool is_it = strlen(word) == n && memcmp(text, word, n) == 0;
        text += n;
        if (is_it && !after)
            return true;
        const char *next = text + strspn(text, " \t\n");
        if (is_it && after && strcspn(next, " \t\n") == strlen(after) &&
            memcmp(next, after, strlen(after)) == 0)
            return true;
    }
    return false;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static bool is_users_own(const flag *f, const char *args)
{
    static const char *const prefixes[] = {"OMPI_MCA_", "PRTE_MCA_"};
    static const char *const options[] = {"--mca", "-mca", "--gmca", "-gmca", "--prtemca", "--omca"};
    char name[128];
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        (void) snprintf(name, sizeof name, "%s%s", prefixes[i], f->name); /* names are short */
        if (getenv(name))
            return true;
    }
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (has_word(args, options[i], f->name))
            return true;
    if (!f->words)
        return false;
    (void) snprintf(name, sizeof name, "%.*s", (int) strcspn(f->words, " "), f->words); /* the option */
    return has_word(args, name, NULL);
}

/* What the job may run on, in the bits of flag.where. */
static int learn_site(const char *args)
{
    static const char *const hosts[] = {"--host",    "-host",         "-H",           "--hostfile",
                                        "-hostfile", "--machinefile", "-machinefile", "--default-hostfile"};
    static const char *const variables[] = {"OMPI_MCA_orte_default_hostfile",
                                            "PRTE_MCA_prte_default_hostfile",
                                            "PBS_NODEFILE",
                                            "PE_HOSTFILE",
                                            "LSB_HOSTS",
                                            "LSB_DJOB_HOSTFILE"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (has_word(args, hosts[i], NULL))
            return SEVERAL_HOSTS | (is_set("SLURM_JOB_ID") ? SLURM : NO_ALLOCATION);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (is_set(variables[i]))
            return SEVERAL_HOSTS;
    if (!is_set("SLURM_JOB_ID"))
        return ONE_HOST | NO_ALLOCATION;
    const char *nodes = getenv("SLURM_JOB_NUM_NODES");
    return SLURM | (nodes && strcmp(nodes, "1") != 0 ? SEVERAL_HOSTS : ONE_HOST);
}

bool rp__mpirun_is_on_one_host(void)
{
    return (learn_site(getenv("RANKPOOL_MPIRUN_ARGS")) & ONE_HOST) != 0;
}

static void add_flags(words *w, const flag *flags, size_t count, const char *args)
{
    int site = learn_site(args);
    for (size_t i = 0; i < count; i++) {
        const flag *f = &flags[i];
        if ((f->where & site) != f->where || is_users_own(f, args))
            continue;
        add_words(w, f->words);
        if (!f->words) {
            add_word(w, "--mca");
            add_word(w, f->name);
            add_word(w, f->value);
        }
    }
    if (site & ONE_HOST)
        return;
    /* daemons on other hosts do not get the environment; RANKPOOL_LAUNCHER is in none yet */
    add_words(w, "-x RANKPOOL_LAUNCHER");
    for (char **e = environ; *e; e++) {
        char name[128];
        if (strncmp(*e, "RANKPOOL_", 9) != 0 || sscanf(*e, "%127[A-Za-z0-9_]=", name) != 1 ||
            strcmp(name, "RANKPOOL_LAUNCHER") == 0)
            continue;
        add_word(w, "-x");
        add_word(w, name);
    }
}

/* mpirun takes a ":" of its own for the begin of another program, so such a line goes through a shell. */
static void add_quoted(words *w, char *const *argv)
{
    add_words(w, "/bin/sh -c");
    rp__buf_append(&w->text, "exec", 4);
    for (; *argv; argv++) {
        rp__buf_append(&w->text, " '", 2);
        for (const char *c = *argv; *c; c++)
            if (*c == '\'')
                rp__buf_append(&w->text, "'\\''", 4);
            else
                rp__buf_append(&w->text, c, 1);
        rp__buf_append(&w->text, "'", 1);
    }
    rp__buf_append(&w->text, "", 1);
    w->count++;
}

static void add_program(words *w, char *const *argv)
{
    bool is_split = false;
    for (size_t i = 0; argv[i]; i++)
        is_split |= strcmp(argv[i], ":") == 0;
    if (is_split) {
        add_quoted(w, argv);
        return;
    }
    for (; *argv; argv++)
        add_word(w, *argv);
}

/* One block: the array, then the text it points into. */
static char **to_array(const words *w)
{
    size_t head = (w->count + 1) * sizeof(char *);
    char **array = w->text.failed ? NULL : rp__alloc(head + w->text.len);
    if (!array)
        return NULL;
    char *text = (char *) array + head;
    memcpy(text, w->text.data, w->text.len);
    for (size_t i = 0; i < w->count; i++, text += strlen(text) + 1)
        array[i] = text;
    array[w->count] = NULL;
    return array;
}

char **rp__mpirun_command(const rp__mpirun *m, int ranks, char *const *argv)
{
    const char *args = getenv("RANKPOOL_MPIRUN_ARGS");
    char number[16];
    words w = {0};
    (void) snprintf(number, sizeof number, "%d", ranks);
    add_word(&w, m->path);
    if (geteuid() == 0)
        add_word(&w, "--allow-run-as-root");
    if (m->major >= 5)
        add_flags(&w, flags_5, sizeof flags_5 / sizeof flags_5[0], args);
    else
        add_flags(&w, flags_4, sizeof flags_4 / sizeof flags_4[0], args);
    add_words(&w, args);
    add_word(&w, "-n");
    add_word(&w, number);
    add_program(&w, argv);
    char **array = to_array(&w);
    rp__buf_done(&w.text);
    return array;
}
