/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_HTTP_TLS_H
#define SANJI_NODE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* A node's TLS identity: a P-256 key and a certificate signed by itself. Peers pin the key (SHA-256
 * over its SubjectPublicKeyInfo), so dates and names in the certificate carry no meaning between
 * nodes: the validity is 2000-01-01 to 9999-12-31 and a wrong clock cuts nobody off. */
enum { TLS_PIN_BYTES = 32 };

/* Makes key (0600) and certificate, each written to a temporary file, synced and renamed. Names
 * besides localhost, 127.0.0.1 and ::1: host names or numeric addresses, names_n of them.
 * SANJI_E_EXISTS: key_path exists. SANJI_E_SPEC: a name that cannot stand in a certificate. */
int tls_identity_create(const char *key_path, const char *cert_path, const char *node_id,
                        const char *const *names, size_t names_n,
                        uint8_t ret_pin[static TLS_PIN_BYTES]);
/* A new certificate for the key that is there (other names); the pin stays. */
int tls_cert_renew(const char *key_path, const char *cert_path, const char *node_id,
                   const char *const *names, size_t names_n, uint8_t ret_pin[static TLS_PIN_BYTES]);
/* Can it stand in a certificate: a host name, or a numeric address? */
bool tls_name_ok(const char *s);
/* The pin of the first certificate in a PEM file or text. SANJI_E_IO, SANJI_E_SYNTAX. */
int tls_pin_of_file(const char *cert_path, uint8_t ret_pin[static TLS_PIN_BYTES]);
int tls_pin_of_pem(const char *pem, size_t n, uint8_t ret_pin[static TLS_PIN_BYTES]);

/* Server contexts: TLS 1.2 or later, forward-secret AEAD suites only, buffers released while idle.
 * The certificate may be followed by its chain. Free with tls_ctx_free(). SANJI_E_CONFIG when key
 * and certificate cannot be read or do not belong together. */
int tls_ctx_from_files(const char *key_path, const char *cert_path, struct ssl_ctx_st **ret);
int tls_ctx_from_pem(const char *key, size_t key_n, const char *cert, size_t cert_n,
                     struct ssl_ctx_st **ret);
void tls_ctx_free(struct ssl_ctx_st *ctx);

#endif
