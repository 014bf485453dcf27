/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaves out what Open MPI says on stderr about lost ranks. */
#include "launch/filter.h"

#include <stdio.h>
#include <string.h>

#define LINE_LIMIT 16384 /* longer lines are nobody's noise */
#define TEXT_LIMIT 40    /* lines; a help text that does not end is not one */
#define RULE_LEAST 60    /* dashes in a rule: 74 or 75 */

/* A line is noise when it begins with "[" (Open MPI names the process there) and holds both parts. */
static const struct {
    const char *part, *also;
} noise_lines[] = {
    /* ORTE 4.1 tells of a lost rank in a way that PMIx 4 refuses */
    {"PMIX ERROR: BAD-PARAM in file ", "pmix_event_notification.c"},
    /* btl tcp toward a rank that is gone */
    {"mca_btl_tcp_frag_send", "writev failed: Broken pipe (32)"},
    {"mca_btl_tcp_frag_send", "writev failed: Connection reset by peer (104)"},
    {"mca_btl_tcp_frag_recv", "readv failed: Connection reset by peer (104)"},
    {"mca_btl_tcp_frag_recv", "readv failed: Connection timed out (110)"},
    {"mca_btl_tcp_frag_recv", "readv failed: No route to host (113)"},
    {"mca_btl_tcp_endpoint_send_handler", "invalid connection state ("},
    {"mca_btl_tcp_recv_blocking", "failed: Connection reset by peer (104)"},
    {"mca_btl_tcp_endpoint_complete_connect", "failed: Connection refused (111)"},
    {"mca_btl_tcp_endpoint_complete_connect", "failed: No route to host (113)"},
    /* btl vader reading from a process that is gone */
    {"Read -1, expected ", "errno = 3"},
    /* mpirun at its own end, or after a rank left without MPI_Finalize */
    {"ORTE_ERROR_LOG: Out of resource in file ", "show_help.c"},
    {"plm:rsh: Warning: setpgid(", "failed in parent"},
    /* no /sys here: says nothing but that cores are not looked at, once for each process */
    {"[hwloc/linux] failed to find sysfs", ""},
    /* how often a help text came that is left out below */
    {"sent help message help-mpi-btl-tcp.txt / ", "client connect fail"},
    {"sent help message help-mpi-btl-tcp.txt / ", "peer hung up"},
};

/* First lines of help texts. What says why the whole job ended is not among them. */
static const char *const noise_texts[] = {
    "WARNING: Open MPI failed to TCP connect to a peer MPI process.",
    "An MPI communication peer process has unexpectedly disconnected.",
    "ORTE has lost communication with a remote daemon.",
};

static bool has(const rp__buf *line, const char *part)
{
    return memmem(line->data, line->len, part, strlen(part)) != NULL;
}

static bool begins(const rp__buf *line, const char *part)
{
    size_t n = strlen(part);
    return line->len >= n && memcmp(line->data, part, n) == 0;
}

static bool is_rule(const rp__buf *line)
{
    size_t n = 0;
    while (n < line->len && line->data[n] == '-')
        n++;
    return n >= RULE_LEAST && n + 1 == line->len;
}

static bool is_noise_line(const rp__filter *f)
{
    const rp__buf *line = &f->line;
    if (line->len == 0 || line->data[0] != '[')
        return false;
    for (size_t i = 0; i < sizeof noise_lines / sizeof noise_lines[0]; i++)
        if (has(line, noise_lines[i].part) && has(line, noise_lines[i].also))
            return true;
    /* follows the count of help texts */
    return f->was_dropped && has(line, "Set MCA parameter \"orte_base_help_aggregate\" to 0");
}

/* "mpirun noticed that process rank N ...": the loss of a worker; that of rank 0 says why the job ended. */
static bool is_lost_worker(const rp__buf *line)
{
    static const char mark[] = " noticed that process rank ";
    if (!begins(line, "mpirun") && !begins(line, "prterun"))
        return false;
    const uint8_t *at = memmem(line->data, line->len, mark, sizeof mark - 1);
    return at && line->data + line->len > at + sizeof mark - 1 && at[sizeof mark - 1] != '0';
}

static bool is_noise_text(const rp__buf *line)
{
    for (size_t i = 0; i < sizeof noise_texts / sizeof noise_texts[0]; i++)
        if (begins(line, noise_texts[i]))
            return true;
    return is_lost_worker(line);
}

static void pass(rp__buf *from, rp__buf *out)
{
    rp__buf_append(out, from->data, from->len);
    from->len = 0;
}

static void enter(rp__filter *f, rp__filter_state state)
{
    f->state = state;
    f->dropped = 0;
}

/* One whole line outside of help texts. */
static void judge_text(rp__filter *f, rp__buf *out)
{
    if (is_rule(&f->line)) {
        rp__buf_append(&f->rule, f->line.data, f->line.len);
        f->line.len = 0;
        enter(f, RP__FILTER_RULE);
        return;
    }
    f->was_dropped = is_noise_line(f);
    if (!f->was_dropped)
        pass(&f->line, out);
    f->line.len = 0;
}

static void judge_line(rp__filter *f, rp__buf *out)
{
    if (f->is_rest) {
        pass(&f->line, out);
        f->is_rest = false;
    } else if (f->state == RP__FILTER_TEXT) {
        judge_text(f, out);
    } else if (f->state == RP__FILTER_RULE && is_noise_text(&f->line)) {
        enter(f, RP__FILTER_DROP);
        f->rule.len = f->line.len = 0;
        f->was_dropped = true;
    } else if (f->state == RP__FILTER_RULE) {
        pass(&f->rule, out);
        enter(f, RP__FILTER_TEXT);
        judge_text(f, out); /* also a second rule: it may begin the next help text */
    } else {
        bool is_over = is_rule(&f->line) || ++f->dropped >= TEXT_LIMIT;
        f->line.len = 0;
        if (is_over)
            enter(f, RP__FILTER_TEXT);
    }
}

void rp__filter_feed(rp__filter *f, const char *data, size_t len, rp__time now, rp__buf *out)
{
    if (f->is_open) {
        rp__buf_append(out, data, len);
        return;
    }
    while (len > 0) {
        const char *nl = memchr(data, '\n', len);
        size_t n = nl ? (size_t) (nl - data) + 1 : len;
        if (f->line.len == 0 && f->state != RP__FILTER_DROP)
            f->since = now;
        rp__buf_append(&f->line, data, n);
        if (nl)
            judge_line(f, out);
        else if (f->is_rest || f->line.len > LINE_LIMIT)
            rp__filter_end(f, out);
        data += n;
        len -= n;
    }
}

rp__time rp__filter_deadline(const rp__filter *f)
{
    bool is_waiting = f->line.len > 0 || f->state != RP__FILTER_TEXT;
    return is_waiting ? f->since + RP__FILTER_PATIENCE : RP__NEVER;
}

void rp__filter_tick(rp__filter *f, rp__time now, rp__buf *out)
{
    if (rp__filter_deadline(f) <= now)
        rp__filter_end(f, out);
}

void rp__filter_end(rp__filter *f, rp__buf *out)
{
    pass(&f->rule, out);
    if (f->line.len > 0) {
        pass(&f->line, out);
        f->is_rest = true;
    }
    enter(f, RP__FILTER_TEXT);
}

void rp__filter_done(rp__filter *f)
{
    rp__buf_done(&f->line);
    rp__buf_done(&f->rule);
}
