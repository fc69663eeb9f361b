/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_TLS_CA_H
#define SANJI_NODE_HTTP_TLS_CA_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;

/* The small certificate authority of one node, for browsers of its staff: a telephone that trusts
 * it once opens the pages without a warning whatever address the machine has next week. What it can
 * vouch for is written into it (RFC 5280 section 4.2.1.10, critical): this machine's names and
 * addresses of private networks, so that whoever steals its key deceives nobody about any other
 * site. The certificates it issues live in memory, for 13 months at most, because telephones take
 * none that lasts longer than 825 days. */
struct tls_ca;

enum { TLS_CA_NAMES = 32 };

/* Reads the authority, or makes it for all the names where there is none or where it may not vouch
 * for the first `must` of them: then *ret_made, and browsers have to trust it anew. label: the
 * node's name. SANJI_E_SPEC: a name that cannot stand in a certificate. */
int tls_ca_open(const char *key_path, const char *cert_path, const char *label,
                const char *const *names, size_t names_n, size_t must, struct tls_ca **ret,
                bool *ret_made);
void tls_ca_free(struct tls_ca *ca);
/* The certificate to be trusted, DER; belongs to ca. */
struct span tls_ca_der(const struct tls_ca *ca);
/* SHA-256 of a certificate as people compare it: "AB CD ..." in four groups of eight bytes. */
enum { TLS_CA_PRINT_BYTES = 104 };
void tls_ca_print(struct span der, char ret[static TLS_CA_PRINT_BYTES]);
/* The same of the first certificate in a PEM file. SANJI_E_NOT_FOUND, SANJI_E_IO, SANJI_E_SYNTAX.
 */
int tls_ca_print_file(const char *cert_path, char ret[static TLS_CA_PRINT_BYTES]);
/* May it vouch for these names? */
bool tls_ca_covers(const struct tls_ca *ca, const char *const *names, size_t names_n);
/* A server context with a new key and certificate for localhost and the names, valid from two days
 * before now_s. */
int tls_ca_issue(const struct tls_ca *ca, const char *const *names, size_t names_n, int64_t now_s,
                 struct ssl_ctx_st **ret);

#endif
