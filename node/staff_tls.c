/* SPDX-License-Identifier: Apache-2.0 */
#include "node/staff_tls.h"

#include "node/http/tls.h"
#include "node/http/tls_ca.h"
#include "node/log.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 254, RENEW_DAYS = 30, DAY_MS = 86400000 };

struct names {
    char v[TLS_CA_NAMES][NAME_MAX_BYTES];
    size_t n, given; /* the first of them stand in the settings */
};

struct staff_tls {
    const struct app *app;
    struct tls_ca *ca; /* NULL: the administrator's certificate */
    struct ssl_ctx_st *ctx;
    struct names names;
    int64_t issued; /* ms */
    struct stat cert, key;
};

/* ---- the names of this machine ---- */

static void add(struct names *x, const char *s, size_t n)
{
    char one[NAME_MAX_BYTES];
    if (n == 0 || n >= sizeof one || x->n == TLS_CA_NAMES) {
        return;
    }
    memcpy(one, s, n);
    one[n] = '\0';
    bool twice = !tls_name_ok(one);
    for (size_t i = 0; i < x->n && !twice; i++) {
        twice = strcmp(x->v[i], one) == 0;
    }
    if (!twice) {
        memcpy(x->v[x->n++], one, n + 1);
    }
}

static void add_host_name(struct names *x)
{
    char host[NAME_MAX_BYTES - 8], local[NAME_MAX_BYTES];
    if (gethostname(host, sizeof host) < 0) {
        return;
    }
    host[sizeof host - 1] = '\0';
    add(x, host, strlen(host));
    if (strchr(host, '.') == NULL) { /* what multicast DNS calls it */
        int n = snprintf(local, sizeof local, "%s.local", host);
        add(x, local, (size_t)n);
    }
}

static void add_addresses(struct names *x)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0) {
        return;
    }
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN] = "";
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0 ||
            (i->ifa_flags & IFF_LOOPBACK) != 0) {
            continue;
        }
        if (i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *a = (const void *)i->ifa_addr;
            (void)inet_ntop(AF_INET, &a->sin_addr, text, sizeof text);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *a = (const void *)i->ifa_addr;
            if (!IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr)) { /* browsers take none with a zone */
                (void)inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text);
            }
        }
        add(x, text, strlen(text));
    }
    freeifaddrs(list);
}

/* Which names staff use comes first: a machine may have more addresses than have room. */
static void collect(const struct config *c, struct names *x)
{
    memset(x, 0, sizeof *x); /* compared as a whole */
    for (const char *p = c->staff_names + strspn(c->staff_names, " ,"); *p != '\0';
         p += strspn(p, " ,")) {
        size_t n = strcspn(p, " ,");
        add(x, p, strcspn(p, " ,:")); /* a port is no part of the name */
        p += n;
    }
    const char *host = c->staff_listen, *end = strrchr(host, ':');
    bool v6 = host[0] == '[', all = host[0] == '*' || strncmp(host, "0.0.0.0:", 8) == 0 ||
                                    strncmp(host, "[::]:", 5) == 0;
    if (end != NULL && !all && (!v6 || end - host > 2)) {
        add(x, host + (v6 ? 1 : 0), (size_t)(end - host) - (v6 ? 2 : 0));
    }
    x->given = x->n;
    add_host_name(x);
    add_addresses(x);
}

static void pointers(const struct names *x, const char *out[static TLS_CA_NAMES])
{
    for (size_t i = 0; i < x->n; i++) {
        out[i] = x->v[i];
    }
}

/* ---- the node's own ---- */

static int open_ca(struct staff_tls *t, bool *ret_made)
{
    char key[APP_PATH_BYTES], cert[APP_PATH_BYTES];
    const char *names[TLS_CA_NAMES];
    const struct roster_node *me = app_self_node(t->app);
    int r = app_path(t->app->dir, "keys/staff-ca.key", key);
    r = r < 0 ? r : app_path(t->app->dir, "keys/staff-ca.crt", cert);
    pointers(&t->names, names);
    tls_ca_free(t->ca);
    t->ca = NULL;
    return r < 0 ? r
                 : tls_ca_open(key, cert, me == NULL ? app_id(t->app) : me->name, names, t->names.n,
                               t->names.given, &t->ca, ret_made);
}

/* What the settings name has to be vouched for. A name or an address the machine has picked up
 * since is not worth asking every telephone to trust anew: it is left out. */
static size_t vouched(const struct tls_ca *ca, const char **names, size_t n, size_t given)
{
    size_t k = given;
    for (size_t i = given; i < n; i++) {
        if (tls_ca_covers(ca, &names[i], 1)) {
            names[k++] = names[i];
        }
    }
    return k;
}

static int issue(struct staff_tls *t)
{
    const char *names[TLS_CA_NAMES];
    struct ssl_ctx_st *ctx = NULL;
    bool made = false;
    int64_t now = app_now_ms();
    pointers(&t->names, names);
    int r = t->ca != NULL && tls_ca_covers(t->ca, names, t->names.given) ? 0 : open_ca(t, &made);
    if (r == 0) {
        size_t n = vouched(t->ca, names, t->names.n, t->names.given);
        r = tls_ca_issue(t->ca, names, n, now / 1000, &ctx);
    }
    if (r < 0) {
        return r;
    }
    if (made) {
        log_event(LOG_NOTICE, "staff.authority", "names=%zu", t->names.n);
    }
    tls_ctx_free(t->ctx);
    t->ctx = ctx;
    t->issued = now;
    return 0;
}

/* ---- the administrator's ---- */

static bool is_given(const struct config *c)
{
    return c->staff_cert[0] != '\0' || c->staff_key[0] != '\0';
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int take_given(struct staff_tls *t, struct fault *f)
{
    const struct config *c = &t->app->cfg;
    struct ssl_ctx_st *ctx = NULL;
    if (stat(c->staff_cert, &t->cert) < 0 || stat(c->staff_key, &t->key) < 0) {
        memset(&t->cert, 0, sizeof t->cert);
    }
    int r = tls_ctx_from_files(c->staff_key, c->staff_cert, &ctx);
    if (r < 0) {
        return fault_set(f, SANJI_E_CONFIG, "staff_cert",
                         "a certificate and its key, PEM, readable for this program, in staff_cert "
                         "and staff_key");
    }
    tls_ctx_free(t->ctx);
    t->ctx = ctx;
    return 0;
}

int staff_tls_new(const struct app *app, struct staff_tls **ret, struct fault *f)
{
    struct staff_tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return SANJI_E_NOMEM;
    }
    t->app = app;
    collect(&app->cfg, &t->names);
    int r = is_given(&app->cfg) ? take_given(t, f) : issue(t);
    if (r < 0) {
        staff_tls_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void staff_tls_free(struct staff_tls *t)
{
    if (t != NULL) {
        tls_ca_free(t->ca);
        tls_ctx_free(t->ctx);
        free(t);
    }
}

struct ssl_ctx_st *staff_tls_ctx(const struct staff_tls *t)
{
    SSL_CTX_up_ref(t->ctx);
    return t->ctx;
}

struct span staff_tls_ca(const struct staff_tls *t)
{
    return t->ca == NULL ? span_of(NULL, 0) : tls_ca_der(t->ca);
}

bool staff_tls_look(struct staff_tls *t)
{
    struct names now;
    struct stat cert = {0}, key = {0};
    const struct config *c = &t->app->cfg;
    struct fault f = {0};
    int r = 0;
    if (is_given(c)) {
        if (stat(c->staff_cert, &cert) < 0 || stat(c->staff_key, &key) < 0 ||
            (same_file(&cert, &t->cert) && same_file(&key, &t->key))) {
            return false;
        }
        r = take_given(t, &f); /* half a renewal: the one in use stays until both belong together */
    } else {
        collect(c, &now);
        bool same = memcmp(&now, &t->names, sizeof now) == 0;
        if (same && app_now_ms() - t->issued < (int64_t)RENEW_DAYS * DAY_MS) {
            return false;
        }
        t->names = now;
        r = issue(t);
    }
    if (r < 0) {
        log_event(LOG_WARNING, "staff.certificate", "err=%s", err_name(r));
    }
    return r == 0;
}
