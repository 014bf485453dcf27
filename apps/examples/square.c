#include <rankpool/rankpool.h>
#include <stdio.h>

static int square(rp_task *t, const void *in, void *out)
{
    int x = *(const int *) in;
    if (x > 46340 || x < -46340)
        return rp_task_fail(t, 1, "the square of %d does not fit", x);
    *(int *) out = x * x;
    return 0;
}

int main(int argc, char **argv)
{
    int x[] = {1, 2, 3, 100000, 5}, y[5];
    rp_pool *pool = NULL;
    rp_init(&argc, &argv);
    if (rp_pool_open(&pool, NULL) == RP_OK) { /* only on rank 0; the others work until it closes */
        if (rp_map(pool, square, x, sizeof *x, y, sizeof *y, 5, NULL) != RP_OK)
            printf("task %d: %s\n", (int) rp_pool_error(pool)->task, rp_pool_error(pool)->text);
        printf("%d %d %d %d %d\n", y[0], y[1], y[2], y[3], y[4]);
        rp_pool_close(&pool);
    }
    return rp_finalize(0);
}
