/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform did in a week, month, quarter or year and what it plans next, for those above it.
 * Drafts stay at home. The figures are filled in from what the node itself has on file; who knows
 * better says why, and both numbers travel. Names of people do not belong here. */
#include "protocol/kinds/report.h"

#include "protocol/kinds/choices.h"
#include "protocol/kinds/internal.h"
#include "protocol/period.h"

/* clang-format off */
static const struct kind_field fields[] = {
    F_ENUM("report", CH_REPORT, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_PERIOD("period", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_ENUM("state", "draft submitted", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_LONG("done", 0, 16000, KFF_SEARCH),
    F_LONG("next", 0, 8000, KFF_SEARCH),
    F_LONG("problems", 0, 4000, KFF_SEARCH),
    F_TEXTS("recipients", 0, 10, 0),
    F_INT("services", 0, 10000000, 0),
    F_INT("sessions", 0, 10000000, 0),
    F_INT("person_times", 0, 100000000, KFF_LIST),
    F_INT("volunteers", 0, 10000000, 0),
    F_INT("orgs", 0, 1000000, 0),
    F_INT("honours", 0, 1000000, 0),
    F_INT("needs", 0, 1000000, 0),
    F_TEXT("why", 0, 400, 0),
    F_FILES("files", 0),
    F_OBJ("counted", KFF_AUTO),
    F_INT("no", 0, 1000000, KFF_AUTO),
    F_DATE("first", KFF_AUTO),
    F_DATE("last", KFF_AUTO),
    F_DATE("due", KFF_AUTO),
    F_DATE("since", KFF_SINCE),
};
static const struct kind_step steps[] = {
    {"",          "draft submitted", NULL, NULL, NULL},
    {"draft",     "submitted",       NULL, NULL, NULL},
    {"submitted", "submitted",       NULL, NULL, NULL},
};
const struct report_figure report_figures[] = {
    {"services",     "service",   "date",  NULL,   NULL,      NULL},
    {"sessions",     "service",   "date",  NULL,   NULL,      "sessions"},
    {"person_times", "service",   "date",  NULL,   NULL,      "person_times"},
    {"volunteers",   "service",   "date",  NULL,   NULL,      "volunteers"},
    {"orgs",         "org",       NULL,    "state", "incubating", NULL},
    {"honours",      "org_event", "date",  "kind", "honour",  NULL},
    {"needs",        "need",      "since", NULL,   NULL,      NULL},
};
/* clang-format on */
const size_t report_figures_n = F_COUNT(report_figures);

enum period_type report_period(struct span report)
{
    static const struct {
        const char *report;
        enum period_type type;
    } map[] = {{"weekly", PERIOD_WEEK},
               {"monthly", PERIOD_MONTH},
               {"quarterly", PERIOD_QUARTER},
               {"annual_plan", PERIOD_YEAR},
               {"annual", PERIOD_YEAR}};
    for (size_t i = 0; i < F_COUNT(map); i++) {
        if (span_eqs(report, map[i].report)) {
            return map[i].type;
        }
    }
    return PERIOD_TYPES;
}

/* Is this one of the figures? Its value in d into ret; absent: as counted. */
static bool is_figure(struct span d, struct span name, int64_t count, int64_t *ret)
{
    struct span v;
    for (size_t i = 0; i < report_figures_n; i++) {
        if (span_eqs(name, report_figures[i].field)) {
            *ret = count;
            return !jcur_get(d, report_figures[i].field, &v) || jcur_int(v, ret);
        }
    }
    return false;
}

static int check_figures(struct span d, struct fault *f)
{
    struct span counted, name, value, why;
    struct jcur c;
    bool differs = false;
    if (!jcur_get(d, "counted", &counted)) {
        return 0;
    }
    if (!jcur_object(&c, counted)) {
        return kind__wrong(f, "counted", "figures by name");
    }
    while (jcur_member(&c, &name, &value)) {
        int64_t count = 0, said = 0;
        if (!jcur_int(value, &count) || count < 0 || !is_figure(d, name, count, &said)) {
            return kind__wrong(f, "counted", "figures by name");
        }
        differs = differs || said != count;
    }
    return differs && !jcur_get(d, "why", &why)
               ? kind__wrong(f, "why", "a reason when a figure is not what was counted")
               : 0;
}

static int check(struct span d, struct fault *f)
{
    enum period_type t = PERIOD_TYPES;
    int first = 0, last = 0;
    if (period_read(jcur_plain_of(d, "period"), &t, &first, &last) < 0 ||
        t != report_period(jcur_plain_of(d, "report"))) {
        return kind__wrong(f, "period", "a period of the report: 2026-W48, 2026-11, 2026-Q4, 2026");
    }
    return check_figures(d, f);
}

static const struct kind_filing filing = {
    .sent = "submitted", .no = "no", .first = "first", .last = "last", .due = "due"};

const struct kind kind_work_report = {
    .name = "work_report",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "up",
    .audiences = "up own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_desk,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .key = "report period",
    .home = "draft",
    .filing = &filing,
};
