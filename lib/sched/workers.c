/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers in queues by their number of leases. */
#include "sched/workers.h"

#include <string.h>

bool rp__workers_init(rp__workers *w, int max, int prefetch)
{
    *w = (rp__workers){.max = max, .prefetch = prefetch};
    for (int k = 0; k <= RP__PREFETCH_MAX; k++)
        w->queue[k] = (rp__worker_queue){-1, -1};
    w->item = rp__alloc_array((size_t) max, sizeof *w->item);
    w->leases = rp__alloc_array((size_t) max * (size_t) prefetch, sizeof *w->leases);
    return w->item && w->leases;
}

void rp__workers_done(rp__workers *w)
{
    rp__free(w->item);
    rp__free(w->leases);
    *w = (rp__workers){0};
}

static void enqueue(rp__workers *w, int worker)
{
    rp__sched_worker *it = &w->item[worker];
    rp__worker_queue *q = &w->queue[it->lease_count];
    it->prev = q->tail;
    it->next = -1;
    if (q->tail >= 0)
        w->item[q->tail].next = worker;
    else
        q->head = worker;
    q->tail = worker;
}

static void dequeue(rp__workers *w, int worker)
{
    rp__sched_worker *it = &w->item[worker];
    rp__worker_queue *q = &w->queue[it->lease_count];
    if (it->prev >= 0)
        w->item[it->prev].next = it->next;
    else
        q->head = it->next;
    if (it->next >= 0)
        w->item[it->next].prev = it->prev;
    else
        q->tail = it->prev;
}

void rp__workers_join(rp__workers *w, int worker)
{
    rp__sched_worker *it = &w->item[worker];
    w->joined += it->life == RP__LIFE_ABSENT;
    w->alive++;
    *it = (rp__sched_worker){.life = RP__LIFE_ALIVE};
    enqueue(w, worker);
}

void rp__workers_lose(rp__workers *w, int worker)
{
    dequeue(w, worker);
    w->item[worker].life = RP__LIFE_LOST;
    w->alive--;
    w->busy -= w->item[worker].lease_count > 0;
}

int rp__workers_emptiest(const rp__workers *w, int room)
{
    for (int k = 0; k < room && k < w->prefetch; k++)
        if (w->queue[k].head >= 0)
            return w->queue[k].head;
    return -1;
}

rp__lease *rp__workers_leases(const rp__workers *w, int worker)
{
    return &w->leases[(size_t) worker * (size_t) w->prefetch];
}

void rp__workers_lease_add(rp__workers *w, int worker, const rp__lease *lease)
{
    dequeue(w, worker);
    rp__workers_leases(w, worker)[w->item[worker].lease_count++] = *lease;
    w->busy += w->item[worker].lease_count == 1;
    enqueue(w, worker);
}

void rp__workers_lease_drop(rp__workers *w, int worker, int at)
{
    rp__lease *l = rp__workers_leases(w, worker);
    dequeue(w, worker);
    int left = --w->item[worker].lease_count;
    memmove(&l[at], &l[at + 1], (size_t) (left - at) * sizeof *l);
    w->busy -= left == 0;
    enqueue(w, worker);
}

rp__lease *rp__workers_lease_find(const rp__workers *w, int worker, uint64_t id)
{
    if (w->item[worker].life != RP__LIFE_ALIVE)
        return NULL;
    rp__lease *l = rp__workers_leases(w, worker);
    for (int i = 0; i < w->item[worker].lease_count; i++)
        if (l[i].id == id)
            return &l[i];
    return NULL;
}
