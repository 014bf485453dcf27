/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions on their way to another rank: by name, by build id, by content.
 *
 * Built twice: test_function has a build id, test_function_content none. Both load function_object, a
 * module beside them that lies at another address in every process.
 */
#include "rpt.h"

#include "exec/function.h"

#include <dlfcn.h>
#include <unistd.h>

#ifdef RPT_NO_BUILD_ID
#define HERE RP__REF_CONTENT
#else
#define HERE RP__REF_BUILD_ID
#endif

static int first(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    return 1;
}

static int second(rp_task *t, const void *in, void *out)
{
    (void) t;
    (void) in;
    (void) out;
    return 2;
}

static const char not_code[64] = "bytes that are no code";

static const char *beside(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    size_t at = slash ? (size_t) (slash - path) + 1 : 0;
    (void) snprintf(path + at, sizeof path - at, "%s", name);
    return path;
}

/* dlsym gives data pointers; POSIX promises that they hold functions. */
static rp_task_fn symbol(void *object, const char *name)
{
    rp_task_fn fn = NULL;
    void *p = dlsym(object, name);
    memcpy(&fn, &p, sizeof fn);
    return fn;
}

/* There and back; what a rank with another layout would do is the same arithmetic with another base. */
static void check_way_back(rp_task_fn fn, rp__ref_how how, const char *object)
{
    rp__func_ref ref = {0}, over = {0};
    rp_task_fn found = NULL;
    rp_error err = {0};
    RPT_STATUS(rp__function_ref(fn, &ref, &err), RP_OK);
    RPT_EQ_I64(ref.how, how);
    RPT_HAS_STR(ref.name, object);
    RPT_OK(!strchr(ref.name, '/'));
    RPT_OK(how == RP__REF_NAME || ref.id_len >= 8);
    rp__msg_batch m = {.body = RP__BODY_FUNCTION, .ref = ref};
    rp__buf b = {0};
    rp__wire_put_batch(&b, &m); /* the way it travels */
    RPT_OK(rp__wire_get_batch((rp__bytes){b.data, b.len}, &m));
    over = m.ref;
    rp__buf_done(&b);
    RPT_STATUS(rp__function_find(&over, &found, &err), RP_OK);
    RPT_OK(found == fn);
}

static void functions_of_the_program(void)
{
    check_way_back(first, HERE, "test_function");
    check_way_back(second, HERE, "test_function");
    rp__func_ref a, b;
    RPT_STATUS(rp__function_ref(first, &a, NULL), RP_OK);
    RPT_STATUS(rp__function_ref(second, &b, NULL), RP_OK);
    RPT_OK(a.offset != b.offset && a.id_len == b.id_len && memcmp(a.id, b.id, a.id_len) == 0);
    if (HERE == RP__REF_CONTENT)
        RPT_EQ_I64(a.id_len, 16);
}

static void functions_of_a_library(void)
{
    check_way_back((rp_task_fn) (uintptr_t) &getpid, RP__REF_BUILD_ID, "libc"); /* not called */
}

static void functions_of_a_loaded_object(void)
{
    void *object = dlopen(beside("function_object.so"), RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        printf("    %s\n", dlerror());
        RPT_OK(object);
        return;
    }
    rp_task_fn fn = symbol(object, "object_body");
    RPT_OK(fn != NULL);
    check_way_back(fn, RP__REF_BUILD_ID, "function_object.so");
    rp_task_fn hidden = symbol(object, "object_hidden_body");
    RPT_OK(!hidden); /* not exported: only its address is known */
    typedef rp_task_fn getter(void);
    rp_task_fn get = symbol(object, "object_get_hidden");
    hidden = ((getter *) (uintptr_t) get)();
    check_way_back(hidden, RP__REF_BUILD_ID, "function_object.so");

    rp__func_ref ref;
    rp_error err = {0};
    RPT_STATUS(rp__function_ref(hidden, &ref, &err), RP_OK);
    dlclose(object);
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY); /* a rank that has not loaded it */
    RPT_STATUS(err.code, RP_EBODY);
    RPT_HAS_STR(err.text, "function_object.so");
}

/* ---- what is not there ---- */

static void unknown_objects_are_named(void)
{
    rp__func_ref ref;
    rp_task_fn fn = second;
    rp_error err = {0};
    RPT_STATUS(rp__function_ref(first, &ref, &err), RP_OK);
    ref.id[3] ^= 1;
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
    RPT_STATUS(err.code, RP_EBODY);
    RPT_HAS_STR(err.text, "test_function");
    RPT_HAS_STR(err.text, "another build");
    RPT_HAS_STR(err.text, "rp_register");
    RPT_OK(fn == second); /* unchanged */
    ref.id[3] ^= 1;
    ref.id_len--;
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
    ref.id_len++;
    ref.how = HERE == RP__REF_CONTENT ? RP__REF_BUILD_ID : RP__REF_CONTENT;
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
}

static void offsets_outside_of_code_are_refused(void)
{
    static const uint64_t wild[] = {0, UINT64_MAX, UINT64_C(1) << 40, (uint64_t) INT64_MIN};
    rp__func_ref ref;
    rp_task_fn fn;
    rp_error err = {0};
    RPT_STATUS(rp__function_ref(first, &ref, &err), RP_OK);
    uint64_t data = ref.offset + (uint64_t) ((uintptr_t) not_code - (uintptr_t) first);
    for (size_t i = 0; i < RPT_COUNT(wild); i++) {
        ref.offset = wild[i];
        RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
    }
    ref.offset = data;
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
}

static void addresses_outside_of_code_are_refused(void)
{
    rp__func_ref ref;
    rp_error err = {0};
    int local = 0;
    RPT_STATUS(rp__function_ref((rp_task_fn) (uintptr_t) &local, &ref, &err), RP_EBODY);
    RPT_STATUS(err.code, RP_EBODY);
    RPT_HAS_STR(err.text, "rp_register");
    RPT_STATUS(rp__function_ref((rp_task_fn) (uintptr_t) not_code, &ref, &err), RP_EBODY);
    RPT_STATUS(rp__function_ref((rp_task_fn) (uintptr_t) 4096, &ref, NULL), RP_EBODY);
    RPT_STATUS(rp__function_ref(NULL, &ref, &err), RP_EBODY);
}

/* ---- names; last, as they stay ---- */

static void names_are_checked(void)
{
    char longest[65];
    memset(longest, 'n', sizeof longest - 1);
    longest[64] = '\0';
    RPT_STATUS(rp_register(longest, first), RP_EINVAL);
    RPT_STATUS(rp_register("", first), RP_EINVAL);
    RPT_STATUS(rp_register(NULL, first), RP_EINVAL);
    RPT_STATUS(rp_register("f", NULL), RP_EINVAL);
    rp__mem_fail_after(0);
    RPT_STATUS(rp_register("f", first), RP_ENOMEM);
    rp__mem_fail_after(-1);
    rp__func_ref ref = {.how = RP__REF_NAME, .name = "f"};
    rp_task_fn fn;
    rp_error err = {0};
    RPT_STATUS(rp__function_find(&ref, &fn, &err), RP_EBODY);
    RPT_HAS_STR(err.text, "'f'");
    RPT_HAS_STR(err.text, "rp_register");
    longest[63] = '\0';
    RPT_STATUS(rp_register(longest, second), RP_OK);
    check_way_back(second, RP__REF_NAME, longest);
}

static void names_go_before_objects(void)
{
    check_way_back(first, HERE, "test_function");
    RPT_STATUS(rp_register("f", first), RP_OK);
    RPT_STATUS(rp_register("f", first), RP_OK);
    RPT_STATUS(rp_register("f", second), RP_EEXIST);
    check_way_back(first, RP__REF_NAME, "f");
}

int main(int argc, char **argv)
{
    static const rpt_case cases[] = {
        RPT_CASE(functions_of_the_program),
        RPT_CASE(functions_of_a_library),
        RPT_CASE(functions_of_a_loaded_object),
        RPT_CASE(unknown_objects_are_named),
        RPT_CASE(offsets_outside_of_code_are_refused),
        RPT_CASE(addresses_outside_of_code_are_refused),
        RPT_CASE(names_are_checked),
        RPT_CASE(names_go_before_objects),
    };
    return rpt_main(argc, argv, cases, RPT_COUNT(cases));
}
