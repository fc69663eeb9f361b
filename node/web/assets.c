/* SPDX-License-Identifier: Apache-2.0 */
/* Table of the embedded staff pages. The rows come from the generated web_assets.inc:
 * X(path, content type, symbol, size, gz, etag, immutable). */
#include "node/web/assets.h"

#include "web_assets.inc"

#include <string.h>

/* clang-format off */
#define X(path, type, symbol, size, gz, etag, immutable) extern const unsigned char symbol[];
WEB_ASSETS(X)
#undef X

const struct web_asset web_assets[] = {
#define X(path, type, symbol, size, gz, etag, immutable) \
    { path, type, symbol, size, gz, etag, immutable },
    WEB_ASSETS(X)
#undef X
};
/* clang-format on */
const size_t web_assets_n = sizeof(web_assets) / sizeof(web_assets[0]);
const bool web_pages = WEB_PAGES;

const struct web_asset *web_asset_find(const char *path)
{
    for (size_t i = 0; i < web_assets_n; i++) {
        if (strcmp(web_assets[i].path, path) == 0) {
            return &web_assets[i];
        }
    }
    return NULL;
}
