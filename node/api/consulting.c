/* SPDX-License-Identifier: Apache-2.0 */
/* What free consultations an organisation has left. */
#include "node/api/route.h"
#include "node/app_consult.h"
#include "protocol/base/text.h"

#include <string.h>

int h_consulting(struct api_call *c)
{
    const struct kind *k = kind_find("consultation");
    if (!api_may(c, k, KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    if (api_is_bound(c, k) && strcmp(c->me.org, c->param[0]) != 0) {
        return SANJI_E_NOT_FOUND;
    }
    jw_obj(&c->w, NULL);
    int r = app_consult_list(c->app, c->param[0], date_of_ms(c->now), "lines", &c->w);
    jw_end_obj(&c->w);
    return r;
}
