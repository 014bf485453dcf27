/* SPDX-License-Identifier: BSD-3-Clause */
/* From the first start to the last end of the commands of a run, as its run file has them: bench_span RUN.h5
 */
#include "bench.h"

#include "store/store.h"

static int measure(rp__run *run, int64_t count, rp_error *err)
{
    double first = 0, last = 0, inside = 0;
    for (int64_t k = 0; k < count; k++) {
        rp__run_task t = {0};
        if (rp__run_task_get(run, k, &t, err) != RP_OK || t.state != RP__TASK_SUCCEEDED) {
            rp__run_task_done(&t);
            return 1;
        }
        first = k == 0 || t.started < first ? t.started : first;
        last = t.started + t.wall_s > last ? t.started + t.wall_s : last;
        inside += t.wall_s;
        rp__run_task_done(&t);
    }
    say("tasks", (double) count);
    say("s", last - first);
    say("inside_s", inside);
    return 0;
}

int main(int argc, char **argv)
{
    rp_error err = {.text = "a task did not succeed"};
    rp__run *run = NULL;
    rp__run_summary s = {0};
    int rc = 1;
    if (argc != 2) {
        fputs("usage: bench_span RUN.h5\n", stderr);
        return 2;
    }
    if (rp__run_open(&run, argv[1], &err) == RP_OK && rp__run_summary_get(run, &s, &err) == RP_OK)
        rc = measure(run, s.counts.tasks, &err);
    if (rc)
        fprintf(stderr, "bench_span: %s\n", err.text);
    rp__run_summary_done(&s);
    rp__run_close(&run);
    return rc;
}
