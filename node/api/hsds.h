/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_API_HSDS_H
#define SANJI_NODE_API_HSDS_H

#include "node/api/route.h"

/* Human Services Data Specification 3.0 (Open Referral), as other directories read it. What the
 * federation shares is shown: platforms and public cards as organizations, listings as services,
 * those with an address at a location, and the choice lists as taxonomies. Ids are UUIDs made from
 * owner and id of the record, the same at every node. Shared by hsds*.c alone. */
enum { HSDS_ID = 36, HSDS_TAXES = 8 };

/* what: of which thing ("service", "location", ...): a record stands for several. */
void hsds_id(const char *what, const char *owner, const char *id, char ret[static HSDS_ID + 1]);

/* Choice lists; a term is one choice. */
struct hsds_tax {
    const char *name;  /* of the list, in its id and as "taxonomy" of terms */
    const char *kind;  /* of records */
    const char *field; /* its member */
    bool card;         /* the cards' list, too */
};
extern const struct hsds_tax hsds_taxes[HSDS_TAXES];
const struct kind_field *hsds_tax_field(const struct hsds_tax *t, const struct kind **ret_k);
void hsds_term_id(const struct hsds_tax *t, struct span word, char ret[static HSDS_ID + 1]);
/* Has the record a choice with this term's id, among the lists of its kind? */
bool hsds_has_term(const char *kind, struct span d, const char *term);

/* hsds_write.c: one thing as an object; name NULL: in a list. */
enum hsds_form {
    HSDS_MINIMAL, /* id and when it changed */
    HSDS_LIST,    /* what there is once */
    HSDS_INNER,   /* all, but for what it stands in */
    HSDS_FULL,    /* all */
};
void hsds_put_tax(struct api_call *c, struct jw *w, const char *name, const struct hsds_tax *t);
void hsds_put_term(struct api_call *c, struct jw *w, const char *name, const struct hsds_tax *t,
                   struct span word);
void hsds_put_platform(struct api_call *c, struct jw *w, const char *name,
                       const struct roster_node *n);
void hsds_put_card(struct api_call *c, struct jw *w, const struct store_rec *rec,
                   enum hsds_form form);
void hsds_put_service(struct api_call *c, struct jw *w, const char *name,
                      const struct store_rec *rec, enum hsds_form form);
bool hsds_has_place(struct span d);
void hsds_put_place(struct api_call *c, struct jw *w, const struct store_rec *rec,
                    enum hsds_form form);

#endif
