/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions by name, or by object and offset.
 *
 * An object is known by its GNU build id, a note the linker writes; where there is none, by the XXH3-128 of
 * its file. The offset counts from the object's load address, so address space randomisation does not matter.
 */
#include "exec/function.h"

#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- the registry of names ---- */

typedef struct named named;
struct named {
    named *next;
    rp_task_fn fn;
    char name[64];
};

static named *registry; /* lives as long as the process */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

rp_status rp_register(const char *name, rp_task_fn fn)
{
    if (!name || !*name || strlen(name) > 63 || !fn)
        return RP_EINVAL;
    rp_status st = RP_OK;
    pthread_mutex_lock(&registry_lock);
    named *n = registry;
    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    if (n) {
        st = n->fn == fn ? RP_OK : RP_EEXIST;
    } else if (!(n = rp__alloc(sizeof *n))) {
        st = RP_ENOMEM;
    } else {
        memcpy(n->name, name, strlen(name) + 1);
        n->fn = fn;
        n->next = registry;
        registry = n;
    }
    pthread_mutex_unlock(&registry_lock);
    return st;
}

static const named *find_named(const char *name, rp_task_fn fn)
{
    pthread_mutex_lock(&registry_lock);
    const named *n = registry;
    while (n && !(name ? strcmp(n->name, name) == 0 : n->fn == fn))
        n = n->next;
    pthread_mutex_unlock(&registry_lock);
    return n;
}

/* ---- loaded objects ---- */

/* What dl_iterate_phdr is asked: the object that holds an address, or the one with an id. */
typedef struct search {
    uintptr_t address;        /* when want is NULL */
    const rp__func_ref *want; /* NULL: search by address */
    rp__func_ref found;
    uintptr_t base;
    bool is_found;
} search;

static bool read_build_id(const struct dl_phdr_info *info, rp__func_ref *out)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_NOTE)
            continue;
        const uint8_t *at = (const uint8_t *) (info->dlpi_addr + ph->p_vaddr), *end = at + ph->p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            ElfW(Nhdr) n;
            memcpy(&n, at, sizeof n);
            const uint8_t *name = at + sizeof n, *desc = name + ((n.n_namesz + 3) & ~3u);
            if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
                n.n_descsz > 0 && n.n_descsz <= sizeof out->id && desc + n.n_descsz <= end) {
                out->how = RP__REF_BUILD_ID;
                out->id_len = (uint8_t) n.n_descsz;
                memcpy(out->id, desc, n.n_descsz);
                return true;
            }
            at = desc + ((n.n_descsz + 3) & ~3u);
        }
    }
    return false;
}

static bool hash_file(const char *path, rp__func_ref *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *map = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        map = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return false;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(map, (size_t) st.st_size));
    munmap(map, (size_t) st.st_size);
    out->how = RP__REF_CONTENT;
    out->id_len = sizeof canonical;
    memcpy(out->id, &canonical, sizeof canonical);
    return true;
}

static const char *object_path(const struct dl_phdr_info *info)
{
    return info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
}

static bool identify(const struct dl_phdr_info *info, rp__func_ref *out)
{
    const char *path = object_path(info), *slash = strrchr(path, '/');
    char exe[512];
    ssize_t n = !info->dlpi_name || !*info->dlpi_name ? readlink("/proc/self/exe", exe, sizeof exe - 1) : -1;
    if (n > 0) {
        exe[n] = '\0';
        slash = strrchr(exe, '/');
    }
    const char *name = slash ? slash + 1 : path;
    size_t len = strnlen(name, sizeof out->name - 1);
    memcpy(out->name, name, len);
    out->name[len] = '\0';
    return read_build_id(info, out) || hash_file(path, out);
}

/* Whether an address lies in code of the object. */
static bool holds_code(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + ph->p_vaddr;
        if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X) && address >= start &&
            address < start + ph->p_memsz)
            return true;
    }
    return false;
}

static int visit(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void) size;
    search *s = ctx;
    if (!s->want) {
        if (!holds_code(info, s->address))
            return 0;
        s->is_found = identify(info, &s->found);
        s->found.offset = s->address - info->dlpi_addr;
        return 1;
    }
    rp__func_ref id = {0};
    if (s->want->how == RP__REF_BUILD_ID ? !read_build_id(info, &id) : !hash_file(object_path(info), &id))
        return 0;
    if (id.id_len != s->want->id_len || memcmp(id.id, s->want->id, id.id_len) != 0)
        return 0;
    s->base = info->dlpi_addr;
    s->is_found = holds_code(info, s->base + s->want->offset);
    return 1;
}

rp_status rp__function_ref(rp_task_fn fn, rp__func_ref *out, rp_error *err)
{
    const named *n = find_named(NULL, fn);
    if (n) {
        *out = (rp__func_ref){.how = RP__REF_NAME};
        memcpy(out->name, n->name, sizeof out->name);
        return RP_OK;
    }
    search s = {.address = (uintptr_t) fn};
    (void) dl_iterate_phdr(visit, &s); /* its answer is in s */
    if (!s.is_found)
        return rp__fail(
            err, RP_EBODY,
            "the task function at %p is in no program or library that could be read; give it a name "
            "with rp_register() on every rank",
            (void *) (uintptr_t) fn);
    *out = s.found;
    return RP_OK;
}

rp_status rp__function_find(const rp__func_ref *ref, rp_task_fn *out, rp_error *err)
{
    if (ref->how == RP__REF_NAME) {
        const named *n = find_named(ref->name, NULL);
        if (!n)
            return rp__fail(err, RP_EBODY,
                            "no function is registered as '%s' here; call rp_register() on every rank before "
                            "rp_pool_open()",
                            ref->name);
        *out = n->fn;
        return RP_OK;
    }
    search s = {.want = ref};
    (void) dl_iterate_phdr(visit, &s); /* its answer is in s */
    if (!s.is_found)
        return rp__fail(err, RP_EBODY,
                        "the task's function is in '%s' of another build than what runs here; start the same "
                        "program on every rank, or name the function with rp_register()",
                        ref->name);
    uintptr_t address = s.base + ref->offset;
    *out = (rp_task_fn) address;
    return RP_OK;
}
