/* SPDX-License-Identifier: BSD-3-Clause */
/* The user's structs as HDF5 compounds, and units as attributes. */
#include "store/schema.h"

#include <string.h>

static hid_t number_type(rp_field_type type)
{
    switch (type) {
    case RP_F64:
        return H5T_NATIVE_DOUBLE;
    case RP_F32:
        return H5T_NATIVE_FLOAT;
    case RP_I64:
        return H5T_NATIVE_INT64;
    case RP_I32:
        return H5T_NATIVE_INT32;
    case RP_U64:
        return H5T_NATIVE_UINT64;
    case RP_U32:
        return H5T_NATIVE_UINT32;
    case RP_U8:
        return H5T_NATIVE_UINT8;
    case RP_FIELD_NONE:
    case RP_FIELD_TYPE_COUNT:
        break;
    }
    return -1;
}

size_t rp__field_bytes(const rp_field *f)
{
    static const size_t each[] = {
        [RP_F64] = 8, [RP_F32] = 4, [RP_I64] = 8, [RP_I32] = 4, [RP_U64] = 8, [RP_U32] = 4, [RP_U8] = 1};
    size_t bytes;
    if (f->type <= RP_FIELD_NONE || f->type >= RP_FIELD_TYPE_COUNT ||
        __builtin_mul_overflow(each[f->type], f->count, &bytes))
        return 0;
    return bytes;
}

hid_t rp__type_fields(const rp_field *fields, size_t count, size_t size)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, size);
    for (size_t i = 0; type >= 0 && i < count; i++) {
        const hsize_t n = fields[i].count;
        hid_t number = number_type(fields[i].type);
        hid_t part = n > 1 ? H5Tarray_create2(number, 1, &n) : H5Tcopy(number);
        if (part < 0 || H5Tinsert(type, fields[i].name, fields[i].offset, part) < 0) {
            rp__h5_drop(type);
            type = -1;
        }
        rp__h5_drop(part);
    }
    return type;
}

static bool set_units(hid_t dset, const char *const *units, size_t count)
{
    const hsize_t n = count;
    hid_t type = rp__h5_string_type(), space = H5Screate_simple(1, &n, NULL), attr = -1;
    if (type >= 0 && space >= 0)
        attr = H5Acreate2(dset, "units", type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attr >= 0 && H5Awrite(attr, type, units) >= 0;
    rp__h5_drop(attr);
    rp__h5_drop(space);
    rp__h5_drop(type);
    return ok;
}

bool rp__units_of_fields(hid_t dset, const rp_field *fields, size_t count)
{
    const char **units = rp__alloc_array(count, sizeof *units);
    bool any = false;
    for (size_t i = 0; units && i < count; i++) {
        units[i] = fields[i].unit ? fields[i].unit : "";
        any = any || units[i][0];
    }
    bool ok = units && (!any || set_units(dset, units, count));
    rp__free(units);
    return ok;
}

bool rp__units_of_rows(hid_t dset, const char *const *names_and_units)
{
    const char *units[32];
    hid_t type = H5Dget_type(dset);
    int n = type < 0 ? -1 : H5Tget_nmembers(type);
    for (int i = 0; i < n && i < 32; i++) {
        char *name = H5Tget_member_name(type, (unsigned) i);
        units[i] = "";
        for (size_t k = 0; name && names_and_units[k]; k += 2)
            if (strcmp(name, names_and_units[k]) == 0)
                units[i] = names_and_units[k + 1];
        H5free_memory(name);
    }
    rp__h5_drop(type);
    return n > 0 && n <= 32 && set_units(dset, units, (size_t) n);
}
