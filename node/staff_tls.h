/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STAFF_TLS_H
#define SANJI_NODE_STAFF_TLS_H

#include "node/app.h"

struct ssl_ctx_st;

/* The certificate of the staff pages. One of the administrator's (staff_cert, staff_key), or one of
 * the node's own authority (http/tls_ca.h) for every name and address this machine has now. Looked
 * at again once a minute: addresses change, and a public certificate is renewed under the same
 * path. Belongs to the database thread. */
struct staff_tls;

/* SANJI_E_CONFIG with f: what the settings name cannot be read or does not belong together. */
int staff_tls_new(const struct app *app, struct staff_tls **ret, struct fault *f);
void staff_tls_free(struct staff_tls *t);
/* What the listener begins with; a reference of its own for the caller. */
struct ssl_ctx_st *staff_tls_ctx(const struct staff_tls *t);
/* The authority's certificate, DER; empty: the administrator's own certificate is in use. */
struct span staff_tls_ca(const struct staff_tls *t);
/* Has anything changed since? Then there is a new context. */
bool staff_tls_look(struct staff_tls *t);

#endif
