/* SPDX-License-Identifier: Apache-2.0 */
/* What each type of act says (P9), as tables: one row per member, read and written by the same
 * rows, so that what a writer can say and what a reader accepts cannot drift apart. */
#include "protocol/act_table.h"

static const char *const type_names[ACT_TYPE_COUNT] = {
    [ACT_ROOT] = "root",   [ACT_NODE] = "node",         [ACT_KEY] = "key",
    [ACT_CUT] = "cut",     [ACT_MOVE] = "move",         [ACT_STEWARD] = "steward",
    [ACT_QUOTA] = "quota", [ACT_FLOOR] = "floor",       [ACT_CLOSE] = "close",
    [ACT_INFO] = "info",   [ACT_HANDOVER] = "handover", [ACT_ADOPT] = "adopt",
};

#define MAX_INT15 INT64_C(999999999999999)
/* clang-format off */
#define AT(m) offsetof(struct act, m)
#define BYTES(m) 0, sizeof(((struct act *)0)->m)
#define END {NULL, M_NODE, false, 0, 0, 0, 0}
#define ROW_SIG {"sig", M_SIGNKEY, false, AT(sig), 0, SIGN_PUB_LEN, AT(has_sig)}
#define ROW_SEAL {"seal", M_BYTES, false, AT(seal), BYTES(seal), AT(has_seal)}
#define ROW_TLS(o) {"tls", M_BYTES, o, AT(tls), BYTES(tls), AT(has_tls)}
#define ROW_WHY {"why", M_WHY, false, AT(why), 0, 0, 0}
#define ROW_LV {"lv", M_INT, false, AT(lv), 1, 99, 0}
#define ROW_TO {"to", M_BYTES, false, AT(to), BYTES(to), 0}
#define ROW_HEADS {"heads", M_HEADS, false, 0, 0, ACT_MAX_HEADS, 0}
#define ROW_BY {"heads", M_HEADS_BY, false, 0, 0, ACT_MAX_HEADS, 0}

const struct act__member act__common[] = {
    {"g", M_BYTES, true, AT(g), BYTES(g), AT(has_g)},
    {"by", M_AUTHOR, false, AT(by), 0, 0, 0},
    {"n", M_NODE, false, AT(n), 0, 0, 0},
    {"after", M_BYTES, false, AT(after), BYTES(after), 0},
    {"ts", M_INT, false, AT(ts), 0, MAX_INT15, 0},
    END};
static const struct act__member m_root[] = {
    {"ver", M_INT, false, AT(ver), 1, 1000000, 0},
    {"k", M_INT, false, AT(k), 1, LIM_ROOT_KEYS, 0},
    {"keys", M_KEYS, false, 0, 1, LIM_ROOT_KEYS, 0},
    {"prev", M_BYTES, true, AT(prev), BYTES(prev), 0},
    END};
static const struct act__member m_node[] = {
    {"up", M_NODE, true, AT(up), 0, 0, 0}, ROW_LV,
    {"name", M_TEXT, false, AT(name), 1, 80, 0},
    {"area", M_DIGITS, false, AT(area), 2, 12, 0},
    {"reg", M_BOOL, false, AT(reg), 0, 1, 0}, ROW_SIG, ROW_SEAL, ROW_TLS(false),
    {"inst", M_BYTES, false, AT(inst), BYTES(inst), AT(has_inst)},
    {"url", M_TOKEN, true, AT(url), 1, 300, 0},
    END};
static const struct act__member m_key[] = {
    ROW_SIG, ROW_SEAL, ROW_TLS(false),
    {"lost", M_TRUE, true, AT(lost), 0, 1, 0}, ROW_HEADS, END};
static const struct act__member m_cut[] = {
    {"kid", M_KID, false, AT(kid), 0, 0, 0}, ROW_HEADS, ROW_WHY, END};
static const struct act__member m_move[] = {
    {"up", M_NODE, false, AT(up), 0, 0, 0},
    {"hist", M_HIST, false, AT(hist_all), 0, 0, 0}, ROW_BY, END};
static const struct act__member m_steward[] = {{"st", M_NODE, false, AT(st), 0, 0, 0}, END};
static const struct act__member m_quota[] = {
    {"items", M_INT, false, AT(items), 0, 1000000000, 0},
    {"bytes", M_INT, false, AT(bytes), 0, 1000000000000, 0}, END};
static const struct act__member m_floor[] = {
    {"minv", M_TOKEN, false, AT(minv), 1, 32, 0},
    {"date", M_DATE, false, AT(date), 0, 0, 0}, END};
static const struct act__member m_close[] = {ROW_HEADS, ROW_WHY, END};
static const struct act__member m_info[] = {
    {"name", M_TEXT, true, AT(name), 1, 80, 0},
    {"url", M_TOKEN, true, AT(url), 1, 300, 0},
    {"area", M_DIGITS, true, AT(area), 2, 12, 0}, ROW_TLS(true), END};
static const struct act__member m_handover[] = {ROW_TO, ROW_BY, END};
static const struct act__member m_adopt[] = {
    ROW_TO, {"prev", M_BYTES, false, AT(prev), BYTES(prev), 0},
    {"up", M_NODE, false, AT(up), 0, 0, 0}, ROW_LV, END};
const struct act__member *const act__tables[ACT_TYPE_COUNT] = {
    [ACT_ROOT] = m_root, [ACT_NODE] = m_node, [ACT_KEY] = m_key, [ACT_CUT] = m_cut,
    [ACT_MOVE] = m_move, [ACT_STEWARD] = m_steward, [ACT_QUOTA] = m_quota, [ACT_FLOOR] = m_floor,
    [ACT_CLOSE] = m_close, [ACT_INFO] = m_info, [ACT_HANDOVER] = m_handover, [ACT_ADOPT] = m_adopt};
/* clang-format on */

const char *act_type_name(enum act_type t)
{
    return (unsigned)t < ACT_TYPE_COUNT ? type_names[t] : "?";
}
