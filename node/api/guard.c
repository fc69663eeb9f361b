/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser may be tricked into, and what a stranger may try often. A page of another site can
 * point its own name at this machine (DNS rebinding): its requests then carry that name in Host, so
 * only names this node has are answered. It can also send forms here: those carry its Origin. */
#include "node/api/route.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_BYTES = 256,
    MINUTE_MS = 60000,
    DELAY_FREE = 3,
    DELAY_MAX_MS = 60000,
    FORGET_MS = 900000,
    EVERYBODY = 12
};

/* Name or address in front of the port, lower case, without brackets. */
static bool host_name(const char *s, char out[static HOST_BYTES])
{
    bool v6 = s[0] == '[';
    size_t n = v6 ? strcspn(s + 1, "]") : strcspn(s, ":/");
    const char *p = s + (v6 ? 1 : 0);
    const char *rest = p + n;
    if (n == 0 || n >= HOST_BYTES || (v6 && rest[0] != ']')) {
        return false;
    }
    rest += v6 ? 1 : 0;
    if (rest[0] == ':' && strspn(rest + 1, "0123456789") != strcspn(rest + 1, "/")) {
        return false;
    }
    if (rest[0] != '\0' && rest[0] != ':' && rest[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
    }
    out[n] = '\0';
    return true;
}

/* An address is this machine's when a socket can be bound to it: no list of interfaces to read. */
static bool is_own_address(const char *name)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    bool v4 = inet_pton(AF_INET, name, &a4.sin_addr) == 1;
    if (!v4 && inet_pton(AF_INET6, name, &a6.sin6_addr) != 1) {
        return false;
    }
    if (v4 && a4.sin_addr.s_addr == 0) {
        return false; /* 0.0.0.0 can be bound to but is nobody's */
    }
    int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    int r = v4 ? bind(fd, (struct sockaddr *)&a4, sizeof a4)
               : bind(fd, (struct sockaddr *)&a6, sizeof a6);
    close(fd);
    return r == 0;
}

/* One of the names the administrator listed: behind a reverse proxy no other way tells them. */
static bool is_given_name(const char *list, const char *name)
{
    char one[HOST_BYTES], own[HOST_BYTES];
    for (const char *p = list + strspn(list, " ,"); *p != '\0'; p += strspn(p, " ,")) {
        size_t n = strcspn(p, " ,");
        int k = snprintf(one, sizeof one, "%.*s", (int)n, p);
        if (k > 0 && k < HOST_BYTES && host_name(one, own) && strcmp(own, name) == 0) {
            return true;
        }
        p += n;
    }
    return false;
}

bool api_host_ok(const struct config *cfg, const char *host)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "::1"};
    char name[HOST_BYTES], own[HOST_BYTES];
    if (host == NULL || strchr(host, '/') != NULL || !host_name(host, name)) {
        return false;
    }
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        if (strcmp(name, loopback[i]) == 0) {
            return true;
        }
    }
    if (cfg->staff_listen[0] != '*' && host_name(cfg->staff_listen, own) &&
        strcmp(name, own) == 0) {
        return true;
    }
    if (is_given_name(cfg->staff_names, name)) {
        return true;
    }
    const char *p = strstr(cfg->url, "://");
    if (p != NULL && host_name(p + 3, own) && strcmp(name, own) == 0) {
        return true;
    }
    return is_own_address(name);
}

/* "host" and "host:443" are the same place for https. */
static bool same_host(const char *a, const char *b, const char *def)
{
    char na[HOST_BYTES], nb[HOST_BYTES];
    if (!host_name(a, na) || !host_name(b, nb) || strcmp(na, nb) != 0) {
        return false;
    }
    const char *pa = a[0] == '[' ? strchr(a, ']') : a, *pb = b[0] == '[' ? strchr(b, ']') : b;
    pa = strchr(pa, ':');
    pb = strchr(pb, ':');
    return strcmp(pa == NULL ? def : pa + 1, pb == NULL ? def : pb + 1) == 0;
}

bool api_origin_ok(const struct api_request *rq)
{
    if (rq->fetch_site != NULL && strcmp(rq->fetch_site, "same-origin") != 0 &&
        strcmp(rq->fetch_site, "none") != 0) {
        return false;
    }
    if (rq->origin == NULL) {
        return true; /* no browser: the token and the cookie decide */
    }
    bool https = strncmp(rq->origin, "https://", 8) == 0;
    if ((!https && strncmp(rq->origin, "http://", 7) != 0) || (rq->is_tls && !https) ||
        rq->host == NULL) {
        return false;
    }
    const char *o = rq->origin + (https ? 8 : 7);
    return strchr(o, '/') == NULL && same_host(o, rq->host, https ? "443" : "80");
}

bool api_peer_is_local(const char *peer)
{
    return peer != NULL && (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
                            strncmp(peer, "::ffff:127.", 11) == 0);
}

/* ---- attempts to log in ---- */

/* Somebody with an IPv6 network has 2^64 addresses of his own: the network counts, not the address.
 */
static void network_of(const char *peer, char out[static 48])
{
    struct in6_addr a;
    snprintf(out, 48, "%.47s", peer == NULL ? "" : peer);
    if (peer != NULL && inet_pton(AF_INET6, peer, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
        memset(a.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &a, out, 48);
    }
}

/* Keyed with a secret, so that nobody can choose names that push another's slot out. */
static uint64_t key_of(const struct api *a, const char *peer, const char *login)
{
    uint8_t h[HASH_LEN];
    char text[512];
    char net[48];
    uint64_t k = 0;
    network_of(peer, net);
    int n = snprintf(text, sizeof text, "%s|%.200s", net, login == NULL ? "" : login);
    hmac_bytes(a->salt, sizeof a->salt, text, (size_t)n, h);
    memcpy(&k, h, sizeof k);
    return k | 1; /* 0: an empty slot */
}

/* The slot of a key, else the longest unused of eight beside it. */
static struct login_slot *slot_of(struct login_slot *v, uint64_t key)
{
    struct login_slot *oldest = NULL;
    for (size_t i = 0; i < 8; i++) {
        struct login_slot *s = &v[(key + i) % API_LOGIN_SLOTS];
        if (s->key == key) {
            return s;
        }
        if (oldest == NULL || s->key == 0 || (oldest->key != 0 && s->at < oldest->at)) {
            oldest = s;
        }
    }
    *oldest = (struct login_slot){.key = key};
    return oldest;
}

/* One more in this minute, unless `most` have been already. ms to wait, or 0. */
static int64_t minute(struct login_slot *s, int64_t most, int64_t mono)
{
    if (s->n == 0 || mono - s->at >= MINUTE_MS) {
        s->at = mono;
        s->n = 0;
    }
    if (s->n >= most) {
        return s->at + MINUTE_MS - mono;
    }
    s->n++;
    return 0;
}

/* A check costs the database thread tens of milliseconds, so all addresses together have a limit as
 * well: a flood keeps people from logging in, but not those who are from working. */
int64_t api_login_gate(struct api *a, const char *peer, const char *login, int64_t mono)
{
    struct login_slot *p = slot_of(a->by_peer, key_of(a, peer, NULL));
    int64_t most = a->app->cfg.login_per_minute;
    int64_t wait = minute(p, most, mono);
    if (wait > 0) {
        return wait;
    }
    const struct login_slot *l = slot_of(a->by_login, key_of(a, peer, login));
    if (l->until > mono) {
        return l->until - mono;
    }
    return minute(&a->everybody, most * EVERYBODY, mono);
}

int64_t api_token_gate(struct api *a, const char *peer, int64_t n, int64_t mono)
{
    char no[24];
    snprintf(no, sizeof no, "%lld", (long long)n);
    return n == 0 ? minute(slot_of(a->by_token, key_of(a, peer, NULL)),
                           a->app->cfg.login_per_minute, mono)
                  : minute(slot_of(a->by_token, key_of(a, NULL, no)), a->app->cfg.token_per_minute,
                           mono);
}

/* No hard lock: it would let anybody shut a colleague out. Each failure of an address with a login
 * doubles the wait, from the fourth on. */
void api_login_result(struct api *a, const char *peer, const char *login, int64_t mono, bool ok)
{
    struct login_slot *l = slot_of(a->by_login, key_of(a, peer, login));
    if (ok || mono - l->at > FORGET_MS) {
        l->n = 0;
        l->until = 0;
    }
    if (!ok) {
        l->at = mono;
        l->n = l->n < 30 ? l->n + 1 : 30;
        int64_t wait = l->n <= DELAY_FREE ? 0 : INT64_C(1000) << (l->n - DELAY_FREE - 1);
        l->until = mono + (wait < DELAY_MAX_MS ? wait : DELAY_MAX_MS);
        a->refused_login++;
    }
}
