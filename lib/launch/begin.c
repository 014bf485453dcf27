/* SPDX-License-Identifier: BSD-3-Clause */
/* Watching the ranks come up. */
#include "launch/begin.h"
#include "launch/family.h"

#define GONE_PATIENCE                                                                                        \
    (700 * RP__MS) /* a job that ends by itself, all ranks one after the other, is over by then */
#define COME_PATIENCE (5 * RP__SEC) /* mpirun starts its ranks one right after the other */

#define LOOK          (100 * RP__MS) /* between looks */
#define LOOK_LATER    (1 * RP__SEC)  /* the same where nothing has changed for a while */

void rp__begin_look(rp__begin *b, pid_t mpirun, int ranks, bool is_ours, rp__time now)
{
    if (b->is_over || now < b->next_look)
        return;
    int alive = rp__family_count(mpirun);
    if (alive != b->alive)
        b->changed = now;
    b->alive = alive;
    b->next_look = now + (now - b->changed > COME_PATIENCE ? LOOK_LATER : LOOK);
    b->most = alive > b->most ? alive : b->most;
    if (b->most == 0 || alive >= ranks)
        return;
    if (alive == 0)
        b->is_over = true; /* all have ended */
    else if (is_ours && now - b->changed > (alive < b->most ? GONE_PATIENCE : COME_PATIENCE))
        b->is_over = b->is_lost = true;
}
