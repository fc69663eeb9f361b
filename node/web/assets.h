/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_WEB_ASSETS_H
#define SANJI_NODE_WEB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

/* The staff pages inside the binary: a constant table made at configure time from the manifest of
 * node/web/build.mjs. Served as they are, without touching the disk. A program built without node
 * carries one page that says so (web_pages is false then). */

/* Sent with every page and file of the staff listener. The pages hold no inline script or style and
 * ask nobody but their own origin. */
#define WEB_CSP                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

struct web_asset {
    const char *path; /* with the leading slash */
    const char *content_type;
    const unsigned char *data;
    size_t size;
    bool gz;          /* data is gzip: send Content-Encoding: gzip */
    const char *etag; /* without quotes */
    bool immutable;   /* the name contains the content's hash: may be cached for a year */
};

extern const struct web_asset web_assets[];
extern const size_t web_assets_n;
extern const bool web_pages; /* false: only the page saying that the pages were left out */

/* Exact path, "/" is the index page. NULL: unknown. */
const struct web_asset *web_asset_find(const char *path);

#endif
