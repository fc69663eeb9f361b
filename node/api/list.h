/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_API_LIST_H
#define SANJI_NODE_API_LIST_H

#include "node/api/route.h"

/* Shared by list.c and export.c: what a request for records asks for. */
enum { OWN_FILTERS = 4, QUERY_BYTES = 400 };

struct own_filter {
    char name[LIM_NAME_BYTES + 1], value[256];
    const struct kind_field *field;
};
struct api_list {
    struct api_call *c;
    const struct kind *k;
    char kind[40], owner[32], area[16], state[64], q[QUERY_BYTES + 1];
    struct own_filter f[OWN_FILTERS];
    size_t n_f;
    int64_t limit, shown, seen;
    int64_t skip, passed, block; /* of a search: shown before, passed over; blocks looked through */
    int64_t last_ts, last_n, hidden_ts, hidden_n; /* rows: the last one shown, looked at */
    bool scanned;                                 /* stopped at SCAN_MAX rows */
    bool more, narrow; /* narrow: some records that the store finds are left out */
    struct buf value;  /* to be made and ended by the caller */
};

/* Reads kind, filters, limit and cursor of the query; f borrows from l. */
int api_list_read(struct api_list *l, struct store_filter *f);
/* Do the filters that only the content tells let it through? */
int api_list_fits(struct api_list *l, const struct store_rec *rec, bool *ret);

#endif
