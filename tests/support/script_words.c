/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of event scripts: text to events, events and actions to text. */
#include "script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    rp__event_kind kind;
} event_words[] = {
    {"join", RP__EVENT_WORKER_JOIN},    {"lost", RP__EVENT_WORKER_LOST},
    {"open", RP__EVENT_BATCH_OPEN},     {"already", RP__EVENT_ALREADY_DONE},
    {"grow", RP__EVENT_BATCH_GROW},     {"seal", RP__EVENT_BATCH_SEAL},
    {"cancel", RP__EVENT_BATCH_CANCEL}, {"answer", RP__EVENT_ANSWER},
    {"return", RP__EVENT_RETURN},       {"stop", RP__EVENT_STOP},
    {"cancel", RP__EVENT_TASK_CANCEL},
};
#define EVENT_WORDS (sizeof event_words / sizeof event_words[0])

/* "lost" for RP_ELOST. */
static void status_word(rp_status status, char *out, size_t len)
{
    const char *name = rp_status_name(status);
    (void) snprintf(out, len, "%s", strncmp(name, "RP_E", 4) == 0 ? name + 4 : name + 3);
    for (; *out; out++)
        *out = (char) tolower((unsigned char) *out);
}

static bool read_status(const char *word, rp_status *out)
{
#define VALUE(name, value, text) name,
    static const rp_status all[] = {RP_STATUS_TABLE(VALUE)};
#undef VALUE
    char name[32];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        status_word(all[i], name, sizeof name);
        if (strcmp(name, word) == 0) {
            *out = all[i];
            return true;
        }
    }
    return false;
}

/* "1", "1[3]", "1[0,2)" */
static bool read_tasks(const char *word, rp__event *ev)
{
    char *rest;
    ev->batch = (uint32_t) strtoul(word, &rest, 10);
    if (*rest == '\0')
        return true;
    if (*rest != '[')
        return false;
    ev->first = strtoll(rest + 1, &rest, 10);
    ev->count = 1;
    if (*rest == ',')
        ev->count = strtoll(rest + 1, &rest, 10) - ev->first;
    return *rest == ']' || *rest == ')';
}

static bool read_time(const char *text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"", 1}, {"ns", 1}, {"us", RP__US}, {"ms", RP__MS}, {"s", RP__SEC}};
    char *unit;
    int64_t n = strtoll(text, &unit, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].unit) == 0) {
            *out = n * units[i].ns;
            return true;
        }
    return false;
}

static bool read_workers(const char *text, rp__event *ev, int *last_worker)
{
    char *rest;
    ev->worker = (int) strtol(text, &rest, 10);
    *last_worker = ev->worker;
    if (strncmp(rest, "..", 2) == 0)
        *last_worker = (int) strtol(rest + 2, &rest, 10);
    return *rest == '\0';
}

static bool read_word(const char *word, rp__event *ev, int *last_worker)
{
    if (word[0] == 'w')
        return read_workers(word + 1, ev, last_worker);
    if (isdigit((unsigned char) word[0]))
        return read_tasks(word, ev);
    if (word[0] == 'L')
        ev->lease = strtoull(word + 1, NULL, 10);
    else if (word[0] == '+')
        ev->count = strtoll(word + 1, NULL, 10);
    else if (strncmp(word, "chunk=", 6) == 0)
        ev->chunk = strtoll(word + 6, NULL, 10);
    else if (strncmp(word, "max=", 4) == 0)
        ev->max_chunk = strtoll(word + 4, NULL, 10);
    else if (strncmp(word, "busy=", 5) == 0)
        return read_time(word + 5, &ev->busy_ns);
    else
        return read_status(word, &ev->status);
    return true;
}

bool script_read_event(const char *text, rp__event *out, int *last_worker_out)
{
    char copy[256], *next = NULL;
    *out = (rp__event){.first = -1, .max_chunk = 1000, .status = RP_ECANCELED};
    *last_worker_out = 0;
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    char *word = strtok_r(copy, " ", &next);
    for (size_t i = 0; word && i < EVENT_WORDS && !out->kind; i++)
        if (strcmp(word, event_words[i].word) == 0)
            out->kind = event_words[i].kind;
    if (!out->kind)
        return false;
    while ((word = strtok_r(NULL, " ", &next)))
        if (!read_word(word, out, last_worker_out))
            return false;
    if (out->kind == RP__EVENT_BATCH_CANCEL && out->count == 1)
        out->kind = RP__EVENT_TASK_CANCEL;
    return true;
}

static void write_tasks(rp__buf *out, uint32_t batch, int64_t first, int64_t count)
{
    if (count == 1)
        rp__buf_printf(out, " %" PRIu32 "[%" PRId64 "]", batch, first);
    else
        rp__buf_printf(out, " %" PRIu32 "[%" PRId64 ",%" PRId64 ")", batch, first, first + count);
}

void script_write_event(rp__buf *out, const rp__event *ev)
{
    char status[32];
    status_word(ev->status, status, sizeof status);
    for (size_t i = 0; i < EVENT_WORDS; i++)
        if (event_words[i].kind == ev->kind)
            rp__buf_printf(out, "%s", event_words[i].word);
    switch (ev->kind) {
    case RP__EVENT_WORKER_JOIN:
        rp__buf_printf(out, " w%d", ev->worker);
        break;
    case RP__EVENT_WORKER_LOST:
        rp__buf_printf(out, " w%d", ev->worker);
        if (ev->first >= 0)
            write_tasks(out, ev->batch, ev->first, 1);
        break;
    case RP__EVENT_BATCH_OPEN:
        rp__buf_printf(out, " %" PRIu32 " chunk=%" PRId64 " max=%" PRId64, ev->batch, ev->chunk,
                       ev->max_chunk);
        break;
    case RP__EVENT_BATCH_GROW:
        rp__buf_printf(out, " %" PRIu32 " +%" PRId64, ev->batch, ev->count);
        break;
    case RP__EVENT_BATCH_SEAL:
        rp__buf_printf(out, " %" PRIu32, ev->batch);
        break;
    case RP__EVENT_BATCH_CANCEL:
        rp__buf_printf(out, " %" PRIu32 " %s", ev->batch, status);
        break;
    case RP__EVENT_TASK_CANCEL:
        write_tasks(out, ev->batch, ev->first, 1);
        break;
    case RP__EVENT_ALREADY_DONE:
        write_tasks(out, ev->batch, ev->first, ev->count);
        break;
    case RP__EVENT_ANSWER:
    case RP__EVENT_RETURN:
        rp__buf_printf(out, " w%d L%" PRIu64, ev->worker, ev->lease);
        write_tasks(out, ev->batch, ev->first, ev->count);
        if (ev->kind == RP__EVENT_ANSWER)
            rp__buf_printf(out, " busy=%" PRId64, ev->busy_ns);
        break;
    case RP__EVENT_STOP:
    case RP__EVENT_NONE:
    case RP__EVENT_COUNT:
        break;
    }
}

/* Which words follow an action's name. */
enum { WORKER = 1, LEASE = 2, BATCH = 4, TASKS = 8, ATTEMPT = 16, STATUS = 32 };
static const int action_words[RP__ACTION_COUNT] = {
    [RP__ACTION_ASSIGN] = WORKER | LEASE | TASKS | ATTEMPT,
    [RP__ACTION_ACCEPT] = WORKER | LEASE | TASKS | ATTEMPT,
    [RP__ACTION_DUPLICATE] = WORKER | LEASE | TASKS,
    [RP__ACTION_REQUEUE] = WORKER | LEASE | TASKS | ATTEMPT,
    [RP__ACTION_CHARGE] = WORKER | TASKS | ATTEMPT,
    [RP__ACTION_SETTLE] = TASKS | ATTEMPT | STATUS,
    [RP__ACTION_CALL_BACK] = WORKER | BATCH,
    [RP__ACTION_BATCH_DONE] = BATCH,
};

void script_write_action(rp__buf *out, const rp__action *a)
{
    char status[32];
    int words = a->kind < RP__ACTION_COUNT ? action_words[a->kind] : 0;
    for (const char *c = rp__action_name(a->kind); *c; c++)
        rp__buf_printf(out, "%c", tolower((unsigned char) *c));
    if (words & WORKER)
        rp__buf_printf(out, " w%d", a->worker);
    if (words & LEASE)
        rp__buf_printf(out, " L%" PRIu64, a->lease);
    if (words & BATCH)
        rp__buf_printf(out, " %" PRIu32, a->batch);
    if (words & TASKS)
        write_tasks(out, a->batch, a->first, a->count);
    if (words & ATTEMPT)
        rp__buf_printf(out, " a%d", a->attempt);
    status_word(a->status, status, sizeof status);
    if (words & STATUS)
        rp__buf_printf(out, " %s", status);
}
