/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands from ::: values, as GNU Parallel has them. */
#include "source/tasklist_impl.h"

#include <stdlib.h>
#include <string.h>

#define LISTS_MAX 16

typedef struct sweep {
    char *const *word; /* of the command */
    int words;
    struct {
        char *const *value;
        int count;
    } list[LISTS_MAX];
    int lists;
    bool has_place;      /* some word says where values go */
    int pick[LISTS_MAX]; /* the combination */
    int64_t number;      /* of the combination, from 1 */
} sweep;

/* Characters that need no quotes in a shell. */
static bool is_plain(const char *s)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";
    return *s && strspn(s, safe) == strlen(s);
}

static void put_quoted(rp__buf *b, const char *s)
{
    if (is_plain(s)) {
        rp__buf_append(b, s, strlen(s));
        return;
    }
    rp__buf_append(b, "'", 1);
    for (; *s; s++) {
        if (*s == '\'')
            rp__buf_append(b, "'\\''", 4);
        else
            rp__buf_append(b, s, 1);
    }
    rp__buf_append(b, "'", 1);
}

static void put_value(const sweep *s, rp__buf *b, int list, bool quote)
{
    const char *v = s->list[list].value[s->pick[list]];
    if (quote)
        put_quoted(b, v);
    else
        rp__buf_append(b, v, strlen(v));
}

static void put_all_values(const sweep *s, rp__buf *b, bool quote)
{
    for (int i = 0; i < s->lists; i++) {
        if (i)
            rp__buf_append(b, " ", 1);
        put_value(s, b, i, quote);
    }
}

/* Length of a replacement string at p, 0 when there is none; *list is its list, -1 for {}, -2 for {#}. */
static size_t place_at(const sweep *s, const char *p, int *list)
{
    if (strncmp(p, "{}", 2) == 0) {
        *list = -1;
        return s->lists ? 2 : 0;
    }
    if (strncmp(p, "{#}", 3) == 0) {
        *list = -2;
        return 3;
    }
    char *end;
    if (p[0] != '{' || p[1] < '1' || p[1] > '9')
        return 0;
    long n = strtol(p + 1, &end, 10);
    if (*end != '}' || n > s->lists)
        return 0;
    *list = (int) n - 1;
    return (size_t) (end + 1 - p);
}

static void put_word(const sweep *s, rp__buf *b, const char *word, bool quote)
{
    while (*word) {
        int list;
        size_t n = place_at(s, word, &list);
        if (n == 0) {
            rp__buf_append(b, word++, 1);
            continue;
        }
        if (list == -1)
            put_all_values(s, b, quote);
        else if (list == -2)
            rp__buf_printf(b, "%lld", (long long) s->number);
        else
            put_value(s, b, list, quote);
        word += n;
    }
}

static void put_command(const sweep *s, rp__buf *b)
{
    for (int w = 0; w < s->words; w++) {
        if (w)
            rp__buf_append(b, " ", 1);
        if (s->words == 1) {
            put_word(s, b, s->word[w], true);
            continue;
        }
        rp__buf one = {0};
        put_word(s, &one, s->word[w], false);
        rp__buf_append(&one, "", 1);
        b->failed = b->failed || one.failed;
        if (!one.failed)
            put_quoted(b, (const char *) one.data);
        rp__buf_done(&one);
    }
    if (!s->has_place && s->lists) {
        rp__buf_append(b, " ", 1);
        put_all_values(s, b, true);
    }
}

/* Moves to the next combination; false after the last. */
static bool next_combination(sweep *s)
{
    s->number++;
    for (int i = s->lists - 1; i >= 0; i--) {
        if (++s->pick[i] < s->list[i].count)
            return true;
        s->pick[i] = 0;
    }
    return false;
}

static rp_status split(sweep *s, char *const *argv, int argc, rp_error *err)
{
    int i = 0;
    while (i < argc && strcmp(argv[i], ":::") != 0)
        i++;
    s->word = argv;
    s->words = i;
    if (s->words == 0)
        return rp__fail(err, RP_EINVAL,
                        "no command after --: write rankpool run -- COMMAND ... ::: VALUE ...");
    while (i < argc) {
        if (s->lists == LISTS_MAX)
            return rp__fail(err, RP_EINVAL, "more than %d lists of values", LISTS_MAX);
        int first = ++i;
        while (i < argc && strcmp(argv[i], ":::") != 0)
            i++;
        if (i == first)
            return rp__fail(err, RP_EINVAL, "no value after ::: number %d", s->lists + 1);
        s->list[s->lists].value = argv + first;
        s->list[s->lists++].count = i - first;
    }
    for (int w = 0; w < s->words; w++)
        for (const char *p = s->word[w]; *p; p++) {
            int list;
            s->has_place = s->has_place || (place_at(s, p, &list) && list != -2);
        }
    return RP_OK;
}

rp_status rp__tasklist_sweep(rp__tasklist *l, char *const *argv, int argc, rp_error *err)
{
    sweep s = {.number = 1};
    rp_status st = split(&s, argv, argc, err);
    rp__buf b = {0};
    bool more = true;
    while (!st && more) {
        b.len = 0;
        put_command(&s, &b);
        if (b.len > RP__COMMAND_BYTES)
            st = rp__fail(err, RP_EINVAL, "command %lld is %zu bytes long; a shell command may have %d",
                          (long long) s.number, b.len, RP__COMMAND_BYTES);
        else if (b.failed || !rp__tasklist_add(l, b.data, b.len))
            st = rp__fail(err, RP_ENOMEM, "no memory for the task list");
        more = next_combination(&s);
    }
    rp__buf_done(&b);
    if (st)
        rp__tasklist_done(l);
    return st;
}
