/* SPDX-License-Identifier: BSD-3-Clause */
/* An object that test_function loads at run time: two bodies, one of them without a symbol. */
#include <rankpool/task.h>

RP_API int object_body(rp_task *t, const void *in, void *out);
RP_API rp_task_fn object_get_hidden(void);

int object_body(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    return 3;
}

static int object_hidden_body(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    return 4;
}

rp_task_fn object_get_hidden(void)
{
    return object_hidden_body;
}
