/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_TLS_INTERNAL_H
#define SANJI_NODE_HTTP_TLS_INTERNAL_H

#include "protocol/base/buf.h"

#include <openssl/x509v3.h>
#include <stdbool.h>
#include <sys/types.h>

/* Shared by tls.c and tls_ca.c only. */

/* Written beside, synced, renamed. */
int tls__file_put(const char *path, mode_t mode, const uint8_t *p, size_t n);
/* SANJI_E_NOT_FOUND, SANJI_E_IO. */
int tls__file_get(const char *path, struct buf *b);
/* What a memory BIO holds; the caller frees it. */
int tls__bio_put(BIO *bio, const char *path, mode_t mode);
/* NULL: no key, or one with a passphrase. */
EVP_PKEY *tls__key_read(const void *pem, size_t n);
/* localhost, its addresses, and the names given. SANJI_E_SPEC: one that cannot stand there. */
int tls__alt_names(X509 *x, const char *const *names, size_t names_n);
bool tls__ext(X509 *x, X509 *issuer, int nid, const char *value);
/* A random serial number. */
bool tls__serial(X509 *x);
/* Valid from 2000 to 9999: for who is trusted by key, or until it is taken out by hand. */
bool tls__always(X509 *x);

#endif
