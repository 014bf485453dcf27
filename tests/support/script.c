/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs event scripts against a scheduler of their own. */
#include "script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS    256 /* actions that one line may have */
#define ITEM_LEN 128

typedef struct items {
    char text[ITEMS][ITEM_LEN];
    int len;
} items;

typedef struct script {
    rp__sched *sched;
    rp__actions actions; /* of the last event */
    rp__time now;
    int line;        /* of the line that is open */
    char shown[256]; /* its text */
    items expected, actual;
    bool fine;
} script;

static void complain(script *s, const char *what, const char *detail)
{
    s->fine = false;
    printf("    script line %d: %s\n      %s%s%s\n", s->line, s->shown, what, *detail ? ": " : "", detail);
}

static void add_item(script *s, items *list, const char *text)
{
    if (list->len == ITEMS || strlen(text) >= ITEM_LEN)
        complain(s, "too long for the script reader", text);
    else
        strcpy(list->text[list->len++], text);
}

/* ---- comparing ---- */

static bool has_word(const char *text, const char *word, size_t len)
{
    for (const char *at = text; (at = strstr(at, word)); at++)
        if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* The first words are equal, and each further expected word is somewhere in the actual text. */
static bool matches(const char *expected, const char *actual)
{
    char copy[ITEM_LEN], *next = NULL;
    strcpy(copy, expected);
    char *word = strtok_r(copy, " ", &next);
    size_t len = word ? strlen(word) : 0;
    if (!word || strncmp(word, actual, len) != 0 || (actual[len] != ' ' && actual[len] != '\0'))
        return false;
    while ((word = strtok_r(NULL, " ", &next)))
        if (!has_word(actual, word, strlen(word)))
            return false;
    return true;
}

static void print_items(const char *title, const items *list, const items *other)
{
    printf("      %s\n", title);
    for (int i = 0; i < list->len; i++) {
        bool same = i < other->len &&
                    (matches(list->text[i], other->text[i]) || matches(other->text[i], list->text[i]));
        printf("      %c   %s\n", same ? ' ' : '*', list->text[i]);
    }
    if (list->len == 0)
        printf("          (none)\n");
}

/* Ends the open line: compares its actions, checks the state. */
static void close_line(script *s)
{
    char why[256];
    bool same = s->expected.len == s->actual.len;
    for (int i = 0; same && i < s->actual.len; i++)
        same = matches(s->expected.text[i], s->actual.text[i]);
    if (!same) {
        complain(s, "the actions differ", "");
        print_items("expected", &s->expected, &s->actual);
        print_items("actual", &s->actual, &s->expected);
    }
    if (s->sched && !rp__sched_check(s->sched, why, sizeof why))
        complain(s, "rp__sched_check", why);
    s->expected.len = s->actual.len = 0;
}

/* ---- feeding ---- */

static int64_t option(const char *clause, const char *name, int64_t or_else)
{
    const char *at = strstr(clause, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : or_else;
}

static void open_pool(script *s, const char *clause)
{
    rp__sched_options opt = {.max_workers = (int) option(clause, "workers=", 4),
                             .prefetch = (int) option(clause, "prefetch=", 2),
                             .max_attempts = (int) option(clause, "attempts=", 3)};
    if (s->sched || rp__sched_new(&s->sched, &opt) != RP_OK)
        complain(s, "no pool", clause);
}

static void tell_counts(script *s)
{
    char text[ITEM_LEN];
    rp__sched_counts c;
    rp__sched_counts_get(s->sched, &c);
    (void) snprintf(text, sizeof text,
                    "counts joined=%d alive=%d busy=%d done=%" PRId64 " leased=%" PRId64 " waiting=%" PRId64
                    " requeued=%" PRId64 " duplicates=%" PRId64,
                    c.workers_joined, c.workers_alive, c.workers_busy, c.done, c.leased, c.waiting,
                    c.requeued, c.duplicates);
    add_item(s, &s->actual, text);
}

static void tell_running(script *s, const char *clause)
{
    char text[ITEM_LEN] = "running none";
    uint32_t batch;
    int64_t task;
    const char *worker = strchr(clause, 'w');
    if (!worker)
        complain(s, "running which worker", clause);
    else if (rp__sched_running(s->sched, atoi(worker + 1), &batch, &task))
        (void) snprintf(text, sizeof text, "running %" PRIu32 "[%" PRId64 "]", batch, task);
    add_item(s, &s->actual, text);
}

static void feed(script *s, const char *clause)
{
    rp__event ev;
    int last_worker;
    bool is_wrong = clause[0] == '!';
    if (!script_read_event(clause + is_wrong, &ev, &last_worker)) {
        complain(s, "not an event", clause);
        return;
    }
    do {
        s->actions.len = 0;
        rp_status st = rp__sched_step(s->sched, &ev, s->now++, &s->actions);
        if (st != (is_wrong ? RP_EINTERNAL : RP_OK))
            complain(s, rp_status_name(st), clause);
        for (size_t i = 0; i < s->actions.len; i++) {
            rp__buf text = {0};
            script_write_action(&text, &s->actions.item[i]);
            rp__buf_append(&text, "", 1);
            add_item(s, &s->actual, (const char *) text.data);
            rp__buf_done(&text);
        }
    } while (ev.worker++ < last_worker);
}

static void run_clause(script *s, const char *clause)
{
    if (strncmp(clause, "pool", 4) == 0) {
        open_pool(s, clause);
        return;
    }
    if (!s->sched)
        open_pool(s, "");
    if (strcmp(clause, "counts") == 0)
        tell_counts(s);
    else if (strncmp(clause, "running", 7) == 0)
        tell_running(s, clause);
    else
        feed(s, clause);
}

static char *trim(char *text)
{
    while (isspace((unsigned char) *text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char) text[len - 1]))
        text[--len] = '\0';
    return text;
}

static void run_line(script *s, int number, char *line)
{
    char *comment = strchr(line, '#'), *next = NULL;
    if (comment)
        *comment = '\0';
    line = trim(line);
    if (*line == '\0')
        return;
    char *arrow = strstr(line, "->");
    if (arrow != line) {
        close_line(s);
        s->line = number;
        (void) snprintf(s->shown, sizeof s->shown, "%s", line);
    }
    if (arrow)
        *arrow = '\0';
    for (char *c = strtok_r(line, ";", &next); c; c = strtok_r(NULL, ";", &next))
        if (*(c = trim(c)))
            run_clause(s, c);
    for (char *a = arrow ? strtok_r(arrow + 2, ";", &next) : NULL; a; a = strtok_r(NULL, ";", &next))
        if (*(a = trim(a)))
            add_item(s, &s->expected, a);
}

bool script_run(const char *text)
{
    int64_t live = rp__mem_live();
    script *s = rp__alloc(sizeof *s);
    char *copy = rp__strdup(text), *at = copy;
    if (!s || !copy)
        return false;
    s->fine = true;
    for (int number = 1; at; number++) {
        char *end = strchr(at, '\n');
        if (end)
            *end = '\0';
        run_line(s, number, at);
        at = end ? end + 1 : NULL;
    }
    close_line(s);
    rp__actions_done(&s->actions);
    rp__sched_free(&s->sched);
    bool fine = s->fine;
    rp__free(copy);
    rp__free(s);
    if (rp__mem_live() != live)
        printf("    script: memory left behind\n");
    return fine && rp__mem_live() == live;
}
