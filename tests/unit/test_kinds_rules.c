/* SPDX-License-Identifier: Apache-2.0 */
/* What no single field of a kind can say: one member needs another, times have an order, counts add
 * up, questions have answers. test_kinds tries every field by its table; here stands, by hand, one
 * content of each kind that keeps its rules and one for each way to break them, with the member
 * that is named. */
#include "protocol/base/buf.h"
#include "protocol/flow_booking.h"
#include "protocol/form.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"
#include "protocol/kinds/kind.h"
#include "protocol/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NODE_A "naaaaaaaaaaaaa"
#define NODE_B "nbbbbbbbbbbbba"
#define B32    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD   "{\"aud\":\"fed\",\"ep\":1,\"en\":\"AAAAAAAAAAA\",\"seq\":4,\"id\":\"" B32 "\"}"

static struct span text(const char *s)
{
    return span_of(s, strlen(s));
}

/* One quotation mark for two, so that the tables below can be read: ' stands for ". */
static const char *json(const char *s)
{
    static char out[8][4096];
    static int turn;
    char *o = out[turn++ % 8];
    size_t n = strlen(s);
    assert_true(n < sizeof(out[0]));
    for (size_t i = 0; i <= n; i++) {
        o[i] = s[i] == '\'' ? '"' : s[i];
    }
    if (json_gate(o, n, JSON_PROTOCOL, NULL) < 0) {
        fail_msg("no JSON of the protocol: %s", o);
    }
    return o;
}

struct rule {
    const char *kind, *base; /* base: the members all of the kind's lines have */
    const char *more;
    const char *wrong; /* the member that is named; NULL: taken */
};

#define CONS    "'org':'o1','title':'免税','line':'finance'"
#define ASSESS  "'org':'o1','title':'年度','year':2026"
#define BOOKING "'ask':'" NODE_A "/a1','no':1,'listing':'v1','org':'晨光'"
#define NINE    "'from':'2026-12-01T09:00','to':'2026-12-01T11:00'"
#define ASK     "'listing':'" NODE_A "/v1','org':'晨光','purpose':'meeting'"
#define SLOT    "['2026-12-01T09:00','2026-12-01T11:00']"
#define EVENT                                                                                      \
    "'kind':'course','title':'课','from':'2026-12-05T09:00','to':'2026-12-05T17:00','seats':30"
#define STAT "'period':'2026-11','ind':'ref.sent','n':3,'sum':'" B32 "'"
#define WEEK "'report':'weekly','title':'周'"
#define LINE "['" NODE_A "','fed',1,7,'AAAAAAAAAAA']"

static const struct rule rules[] = {
    {"consultation", CONS, "'fee':'free'", NULL},
    {"consultation", CONS, "'fee':'paid','price':100,'state':'asked'", NULL},
    {"consultation", CONS, "'fee':'free','price':0", NULL},
    {"consultation", CONS, "'fee':'free','price':1", "price"},
    {"consultation", CONS, "'fee':'free','state':'refused'", "reason"},
    {"consultation", CONS, "'fee':'free','state':'refused','reason':'忙'", NULL},
    {"consultation", CONS, "'fee':'free','state':'cancelled'", "reason"},
    {"consultation", CONS, "'fee':'free','state':'accepted'", "date"},
    {"consultation", CONS, "'fee':'free','state':'accepted','date':'2026-12-01'", NULL},
    {"consultation", CONS, "'fee':'free','state':'no_show'", "date"},
    {"consultation", CONS, "'fee':'free','state':'done'", "date"},
    {"consultation", CONS, "'fee':'free','state':'done','date':'2026-12-01'", "service"},
    {"consultation", CONS, "'fee':'free','state':'done','date':'2026-12-01','service':'s1'", NULL},
    {"assessment", ASSESS, "'state':'submitted'", NULL},
    {"assessment", ASSESS, "'state':'agreed'", "to_stage"},
    {"assessment", ASSESS, "'state':'told','effective':'2026-12-01'", "to_stage"},
    {"assessment", ASSESS, "'state':'agreed','to_stage':'activity'", "effective"},
    {"assessment", ASSESS, "'state':'told','to_stage':'activity','effective':'2026-12-01'", NULL},
    {"assessment", ASSESS, "'state':'returned'", "reason"},
    {"assessment", ASSESS, "'state':'returned','reason':'缺附件'", NULL},
    {"report_answer", "'about':'" NODE_A "/w1','seen':1", "'state':'returned'", "reason"},
    {"report_answer", "'about':'" NODE_A "/w1','seen':1", "'state':'reopened'", "reason"},
    {"report_answer", "'about':'" NODE_A "/w1','seen':1", "'state':'locked'", NULL},
    {"report_answer", "'about':'" NODE_A "/w1','seen':1", "'state':'returned','reason':'数'", NULL},
    {"activity", "'org':'o1','title':'月','period':'2026-11'", "'state':'returned'", "reason"},
    {"activity", "'org':'o1','title':'月','period':'2026-11'", "'state':'returned','reason':'x'",
     NULL},
    {"activity", "'org':'o1','title':'月'", "'period':'2026-Q4'", "period"},
    {"activity", "'org':'o1','title':'月'", "'period':'2026-W48'", "period"},
    {"form_entry", "'template':'" NODE_A "/f1','org':'o1','period':'2026-11'", "'answers':[]",
     "answers"},
    {"form_entry", "'template':'" NODE_A "/f1','org':'o1','period':'2026-11'", "'state':'returned'",
     "reason"},
    {"form_entry", "'template':'" NODE_A "/f1','org':'o1','period':'2026-11'",
     "'state':'returned','reason':'缺'", NULL},
    {"consult_quota", "'title':'x','line':'finance','per':'year','free':2",
     "'valid_from':'2026-02-01','valid_to':'2026-01-31'", "valid_to"},
    {"consult_quota", "'title':'x','line':'finance','per':'year','free':2",
     "'valid_from':'2026-02-01','valid_to':'2026-02-01'", NULL},
    {"consult_quota", "'title':'x','line':'finance','per':'year','free':2",
     "'valid_from':'2026-02-01'", NULL},
    {"obligation", "'title':'x','report':'monthly','days':5",
     "'valid_from':'2026-02-01','valid_to':'2026-01-31'", "valid_to"},
    {"obligation", "'title':'x','report':'monthly','days':5",
     "'valid_from':'2026-02-01','valid_to':'2026-02-28'", NULL},
    {"org", "'name':'晨光','stage':'activity'", "'state':'removed'", "reason"},
    {"org", "'name':'晨光','stage':'activity'",
     "'state':'incubating','entered':'2026-02-01','left_on':'2026-01-31'", "left_on"},
    {"org", "'name':'晨光','stage':'activity'",
     "'state':'incubating','entered':'2026-02-01','left_on':'2026-03-01'", NULL},
    {"code_list", "'list':'field','title':'x'", "'items':[{'code':'Migrants','zh':'x'}]",
     "items.1.code"},
    {"code_list", "'list':'field','title':'x'",
     "'items':[{'code':'a','zh':'x'},{'code':'a','zh':'y'}]", "items.2.code"},
    {"area", "'code':'370102','name':'x','level':30,'parent':'3701'", "'successor':['37x']",
     "successor"},
    {"area", "'code':'370102','name':'x','level':30,'parent':'3701'", "'successor':[1]",
     "successor"},
    /* bookings and times */
    {"booking", BOOKING "," NINE, "'state':'confirmed'", NULL},
    {"booking", BOOKING "," NINE, "'state':'held'", "until"},
    {"booking", BOOKING "," NINE, "'state':'confirmed','until':'2026-11-30T09:00'", "until"},
    {"booking", BOOKING "," NINE, "'state':'held','until':'2026-11-30T09:00'", NULL},
    {"booking", BOOKING "," NINE, "'state':'waitlisted'", "place"},
    {"booking", BOOKING "," NINE, "'state':'waitlisted','place':2", NULL},
    {"booking", BOOKING "," NINE, "'state':'confirmed','place':2", "place"},
    {"booking", BOOKING "," NINE, "'state':'rejected'", "reason"},
    {"booking", BOOKING "," NINE, "'state':'cancelled'", "reason"},
    {"booking", BOOKING "," NINE, "'state':'rejected','reason':'taken'", NULL},
    {"booking", BOOKING "," NINE, "'state':'confirmed','alt':{}", "alt"},
    {"booking", BOOKING "," NINE, "'state':'confirmed','alt':[{" NINE "}]", NULL},
    {"booking", BOOKING "," NINE, "'state':'confirmed','alt':[{'from':'2026-12-01T09:00'}]", "alt"},
    {"booking", BOOKING "," NINE,
     "'state':'confirmed','alt':[{" NINE "},{" NINE "},{" NINE "},{" NINE "},{" NINE "},{" NINE
     "}]",
     "alt"},
    {"booking", BOOKING ",'from':'2026-12-01T11:00','to':'2026-12-01T11:00'", "'state':'confirmed'",
     "to"},
    {"booking", BOOKING ",'from':'2026-12-01T11:00','to':'2027-12-01T11:00'", "'state':'confirmed'",
     "to"},
    {"booking", "'ask':'a1','no':1,'listing':'v1','org':'x'," NINE, "'state':'confirmed'", "ask"},
    {"booking_ask", ASK, "'at':[" SLOT "]", NULL},
    {"booking_ask", ASK, "'at':{}", "at"},
    {"booking_ask", ASK, "'at':[]", "at"},
    {"booking_ask", ASK, "'at':[['2026-12-01T09:00']]", "at"},
    {"booking_ask", ASK, "'at':[['2026-12-01T09:00','2026-12-01T11:00','x']]", "at"},
    {"booking_ask", ASK, "'at':[['2026-12-01T11:00','2026-12-01T09:00']]", "at"},
    {"booking_ask", ASK, "'at':[['2026-12-01T09:00',5]]", "at"},
    {"booking_ask", ASK, "'at':[[5,'2026-12-01T09:00']]", "at"},
    {"booking_ask", ASK, "'at':[['2026-12-01T09:00','2027-12-01T09:00']]", "at"},
    {"booking_ask", ASK, "'at':[" SLOT ",['2026-12-01T10:00','2026-12-01T12:00']]", "at"},
    {"booking_ask", ASK, "'at':[" SLOT ",['2026-12-02T09:00','2026-12-02T11:00']],'off':[2]", NULL},
    {"booking_ask", ASK, "'at':[" SLOT "],'off':[2]", "off"},
    {"booking_ask", ASK, "'at':[" SLOT "],'off':[1,1]", "off"},
    {"booking_ask", ASK, "'at':[" SLOT "],'off':['1']", "off"},
    {"booking_ask", ASK, "'at':[" SLOT "],'off':{}", "off"},
    {"booking_ask", "'listing':'v1','org':'x','purpose':'meeting'", "'at':[" SLOT "]", "listing"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':[]", NULL},
    {"busy", "'listing':'v1'", "'month':'2026-Q4','at':[]", "month"},
    {"busy", "'listing':'v1'", "'month':'2026-W49','at':[]", "month"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':{}", "at"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':[{}]", "at"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':[[]]", "at"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':[['2026-12-01T09:00','2026-12-01T11:00']]",
     "at"},
    {"busy", "'listing':'v1'",
     "'month':'2026-12','at':[['2026-12-01T09:00','2026-12-01T11:00','gone']]", "at"},
    {"busy", "'listing':'v1'",
     "'month':'2026-12','at':[['2026-12-01T09:00','2026-12-01T11:00','taken',1]]", "at"},
    {"busy", "'listing':'v1'",
     "'month':'2026-12','at':[['2026-12-01T11:00','2026-12-01T09:00','taken']]", "at"},
    {"busy", "'listing':'v1'", "'month':'2026-12','at':[[1,'2026-12-01T09:00','taken']]", "at"},
    {"event", EVENT, "'certificate':true", NULL},
    {"event", "'kind':'course','title':'x','from':'2026-12-05T09:00','seats':3",
     "'to':'2026-12-05T09:00'", "to"},
    {"event", "'kind':'course','title':'x','from':'2026-12-05T09:00','seats':3",
     "'to':'2027-12-05T09:00'", "to"},
    {"event", EVENT, "'signup_to':'2026-12-05T17:01'", "signup_to"},
    {"event", EVENT, "'signup_to':'2026-12-05T17:00'", NULL},
    {"event", EVENT, "'signup_from':'2026-12-02T09:00','signup_to':'2026-12-02T09:00'",
     "signup_to"},
    {"event", EVENT, "'signup_from':'2026-12-02T09:00','signup_to':'2026-12-02T09:01'", NULL},
    {"schedule", "'listing':'v1','slot':60", "'mon':'09:00-12:00'", NULL},
    {"schedule", "'listing':'v1','slot':60", "'mon':'12:00-09:00'", "mon"},
    {"schedule", "'listing':'v1','slot':60", "'sun':'09:00-12:00 '", "sun"},
    {"schedule", "'listing':'v1','slot':60", "'sun':'09:00-12:00,13:00-14:00'", "sun"},
    {"schedule", "'listing':'v1','slot':60", "'tue':'09.00-12:00'", "tue"},
    {"schedule", "'listing':'v1','slot':60", "'tue':'09:0a-12:00'", "tue"},
    {"schedule", "'listing':'v1','slot':60", "'tue':'09:00+12:00'", "tue"},
    {"schedule", "'listing':'v1','slot':60", "'closures':['2026-12-24']", NULL},
    {"schedule", "'listing':'v1','slot':60", "'closures':['2026-12-32']", "closures"},
    {"schedule", "'listing':'v1','slot':60", "'quota_org':2", "quota_per"},
    {"schedule", "'listing':'v1','slot':60", "'quota_node':2,'quota_per':'week'", NULL},
    {"schedule", "'listing':'v1','slot':60", "'valid_from':'2026-12-02','valid_to':'2026-12-01'",
     "valid_to"},
    {"schedule", "'listing':'v1','slot':60", "'valid_from':'2026-12-01','valid_to':'2026-12-01'",
     NULL},
    {"workday", "'year':2026,'name':'x'", "'holidays':['2026-01-01'],'makeup':['2026-01-04']",
     NULL},
    {"workday", "'year':2026,'name':'x'", "'holidays':['2025-01-01']", "holidays"},
    {"workday", "'year':2026,'name':'x'", "'holidays':['2026-01-32']", "holidays"},
    {"workday", "'year':2026,'name':'x'", "'makeup':['2027-01-04']", "makeup"},
    /* figures */
    {"work_report", WEEK, "'period':'2026-W48'", NULL},
    {"work_report", WEEK, "'period':'2026-11'", "period"},
    {"work_report", "'report':'monthly','title':'x'", "'period':'2026-11'", NULL},
    {"work_report", "'report':'quarterly','title':'x'", "'period':'2026-Q4'", NULL},
    {"work_report", "'report':'annual_plan','title':'x'", "'period':'2026'", NULL},
    {"work_report", "'report':'annual','title':'x'", "'period':'2026-Q4'", "period"},
    {"work_report", WEEK, "'period':'2026-W48','counted':[]", "counted"},
    {"work_report", WEEK, "'period':'2026-W48','counted':{'services':'2'}", "counted"},
    {"work_report", WEEK, "'period':'2026-W48','counted':{'services':-1}", "counted"},
    {"work_report", WEEK, "'period':'2026-W48','counted':{'cheers':1}", "counted"},
    {"work_report", WEEK, "'period':'2026-W48','counted':{'needs':2}", NULL},
    {"work_report", WEEK, "'period':'2026-W48','needs':2,'counted':{'needs':2}", NULL},
    {"work_report", WEEK, "'period':'2026-W48','needs':3,'counted':{'needs':2}", "why"},
    {"work_report", WEEK, "'period':'2026-W48','needs':3,'why':'漏','counted':{'needs':2}", NULL},
    {"stat", STAT, "'v':3,'cov':[]", NULL},
    {"stat", "'period':'2026-11','ind':'Ref','n':3,'sum':'" B32 "'", "'v':3,'cov':[]", "ind"},
    {"stat", "'period':'2026-11','ind':'a-b','n':3,'sum':'" B32 "'", "'v':3,'cov':[]", "ind"},
    {"stat", STAT, "'v':3,'cov':{}", "cov"},
    {"stat", STAT, "'v':3,'cov':[" HEAD "]", NULL},
    {"stat", STAT, "'v':3,'cov':[{'id':'" B32 "','ep':1}]", "cov"},
    {"stat", STAT, "'v':3,'cov':[{'id':'" B32 "','aud':'fed'}]", "cov"},
    {"stat", STAT, "'v':3,'cov':[{'aud':'fed','ep':1,'id':'" B32 "','seq':1}]", "cov"},
    {"stat", STAT, "'v':3,'cov':[{'aud':'fed','ep':1,'en':'AAAAAAAAAAA','id':'" B32 "'}]", "cov"},
    {"stat", STAT, "'v':3,'cov':[{'aud':'own','ep':1,'en':'AAAAAAAAAAA','seq':4,'id':'" B32 "'}]",
     "cov"},
    {"stat", STAT, "'v':3,'cov':[{'aud':'all','ep':1,'en':'AAAAAAAAAAA','seq':4,'id':'" B32 "'}]",
     "cov"},
    {"stat", STAT, "'v':3,'cov':[{}]", "id"},
    {"stat", STAT, "'v':3,'cov':[],'by':{}", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[{}]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[[]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "']]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',3,3]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[[3,3]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['nobody',3]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "','3']]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',0]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',4]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',2]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_B "',1],['" NODE_A "',2]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',1],['" NODE_A "',2]]", "by"},
    {"stat", STAT, "'v':3,'cov':[],'by':[['" NODE_A "',1],['" NODE_B "',2]]", NULL},
    {"heads", "'day':'2026-11-22'", "'h':[" LINE "],'page':1,'pages':1", NULL},
    {"heads", "'day':'2026-11-22'", "'h':[" LINE "],'page':2,'pages':1", "page"},
    {"heads", "'day':'2026-11-22'", "'h':{},'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'", "'h':[{}],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'", "'h':[['" NODE_A "','fed',1,7]],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','fed',1,7,'AAAAAAAAAAA',1]],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'", "'h':[[1,'fed',1,7,'AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'", "'h':[['" NODE_A "',1,1,7,'AAAAAAAAAAA']],'page':1,'pages':1",
     "h"},
    {"heads", "'day':'2026-11-22'", "'h':[['nobody','fed',1,7,'AAAAAAAAAAA']],'page':1,'pages':1",
     "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','all',1,7,'AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','own',1,7,'AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','fed',0,7,'AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','fed',1,0,'AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'",
     "'h':[['" NODE_A "','fed',1,'7','AAAAAAAAAAA']],'page':1,'pages':1", "h"},
    {"heads", "'day':'2026-11-22'", "'h':[['" NODE_A "','fed',1,7,'AAAA']],'page':1,'pages':1",
     "h"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,0,1],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", NULL},
    {"event_score", "'event':'e1','n':1", "'counts':[[0,0,0,0,1],[0,0,0,0,1],[0,0,1,0,0]]",
     "counts"},
    {"event_score", "'event':'e1','n':1", "'counts':[]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,0,1],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0],[1,0,0,0,0]]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,0,1,0],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,1],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,1,1],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,-1,1,1],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", "counts"},
    {"event_score", "'event':'e1','n':1", "'counts':[['1'],[0],[0],[0]]", "counts"},
    {"event_score", "'event':'e1','n':1", "'counts':[1,[0],[0],[0]]", "counts"},
    {"event_score", "'event':'e1','n':1",
     "'counts':[[0,0,0,0,100001],[0,0,0,0,1],[0,0,1,0,0],[1,0,0,0,0]]", "counts"},
    /* the table of a form */
    {"form_template", "'title':'x','code':'m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'Q','label':'x','type':'text'}]", "questions.1.name"},
    {"form_template", "'title':'x','code':'m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'q','label':'x','type':'choice'}]", "questions.1.choices"},
    {"form_template", "'title':'x','code':'m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'q','label':'x','type':'text','choices':['a']}]", "questions.1.choices"},
    {"form_template", "'title':'x','code':'m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'q','label':'x','type':'choices','choices':['a','a']}]",
     "questions.1.choices"},
    {"form_template", "'title':'x','code':'m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'q','label':'x','type':'text'},{'name':'q','label':'y','type':'int'}]",
     "questions.2.name"},
    {"form_template", "'title':'x','code':'-m','version':1,'about':'org','each':'month'",
     "'questions':[{'name':'q','label':'x','type':'text'}]", "code"},
    /* text that looks like nothing, or turns what follows */
    {"need", "'kind':'venue'", "'title':'\xc2\xa0'", "title"},
    {"need", "'kind':'venue'", "'title':'\xe3\x80\x80'", "title"},
    {"need", "'kind':'venue'", "'title':'\xe2\x80\x8b'", "title"},
    {"need", "'kind':'venue'", "'title':'\xef\xbb\xbf'", "title"},
    {"need", "'kind':'venue'", "'title':'\xef\xbb\xbe'", NULL},
    {"need", "'kind':'venue'", "'title':'\xef\xbc\xa1'", NULL},
    {"need", "'kind':'venue'", "'title':'\xe3\x80\x81'", NULL},
    {"need", "'kind':'venue'", "'title':'\xe3\x81\x80'", NULL},
    {"need", "'kind':'venue'", "'title':'\xc2\xa9\xd8\xa7\xe2\x82\xac'", NULL},
    {"need", "'kind':'venue'", "'title':'\xd8\x9c'", NULL},
    {"listing", "'kind':'venue','title':'x'", "'url':'http://'", "url"},
    {"listing", "'kind':'venue','title':'x'", "'url':'http://a'", NULL},
    {"listing", "'kind':'venue','title':'x'", "'url':'https://'", "url"},
    {"listing", "'kind':'venue','title':'x'", "'url':'javascript:alert(1)'", "url"},
};

static void test_rules(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *x = &rules[i];
        char d[4096];
        struct fault f = {0};
        const struct kind *k = kind_find(x->kind);
        assert_non_null(k);
        (void)snprintf(d, sizeof(d), "{%s,%s}", x->base, x->more);
        int r = kind_check_content(k, text(json(d)), &f);
        if (r != (x->wrong == NULL ? 0 : SANJI_E_SPEC) ||
            (x->wrong != NULL && strcmp(f.member, x->wrong) != 0)) {
            print_error("%s %s: %d, %s wants %s\n", x->kind, d, r, f.member, f.want);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void test_doubt(void **state)
{
    static const struct {
        const char *d, *member; /* NULL: nothing to ask about */
    } v[] = {
        {"{'persons':10,'person_times':10}", NULL},
        {"{'persons':10,'person_times':9}", "person_times"},
        {"{'persons':10}", NULL},
        {"{'person_times':9}", NULL},
        {"{'person_times':9,'sessions':0}", "sessions"},
        {"{'person_times':9,'sessions':1}", NULL},
        {"{'person_times':0,'sessions':0}", NULL},
    };
    (void)state;
    const struct kind *k = kind_find("service");
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct fault f = {0};
        assert_int_equal(k->doubt(text(json(v[i].d)), &f), v[i].member != NULL);
        assert_string_equal(f.member, v[i].member == NULL ? "" : v[i].member);
    }
}

/* ---- forms ---- */

/* A member of an object, as the functions get it. */
static struct span value(const char *s)
{
    char d[2048];
    struct span v;
    (void)snprintf(d, sizeof(d), "{'v':%s}", s);
    assert_true(jcur_get(text(json(d)), "v", &v));
    return v;
}

static const char questions[] =
    "[{'name':'t','label':'x','type':'text','required':true},"
    "{'name':'l','label':'x','type':'long','required':false},"
    "{'name':'i','label':'x','type':'int'},{'name':'b','label':'x','type':'bool'},"
    "{'name':'d','label':'x','type':'date'},"
    "{'name':'c','label':'x','type':'choice','choices':['室内','室外']},"
    "{'name':'m','label':'x','type':'choices','choices':['a','b']},"
    "{'name':'n','label':'x','type':'hologram'}]";

static void test_answers(void **state)
{
    static const struct {
        const char *answers;
        bool whole;
        const char *wrong;
    } v[] = {
        {"{}", false, NULL},
        {"{}", true, "answers.t"},
        {"[]", false, "answers"},
        {"{'t':'x','l':'一\\n二','i':3,'b':true,'d':'2026-12-01','c':'室外','m':['b','a']}", true,
         NULL},
        {"{'t':''}", true, "answers.t"},
        {"{'t':1}", false, "answers.t"},
        {"{'t':'a\\nb'}", false, "answers.t"},
        {"{'i':'3'}", false, "answers.i"},
        {"{'b':'yes'}", false, "answers.b"},
        {"{'d':'2026-02-30'}", false, "answers.d"},
        {"{'c':'露天'}", false, "answers.c"},
        {"{'c':['室内']}", false, "answers.c"},
        {"{'m':['a','c']}", false, "answers.m"},
        {"{'m':['a','a']}", false, "answers.m"},
        {"{'m':'a'}", false, "answers.m"},
        {"{'x':1}", false, "answers.x"},
        {"{'n':1}", false, "answers.n"},

    };
    (void)state;
    struct span q = value(questions);
    assert_int_equal(form_check_questions(value("{}"), NULL), SANJI_E_SPEC);
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        struct fault f = {0};
        int r = form_check_answers(q, value(v[i].answers), v[i].whole, &f);
        if (r != (v[i].wrong == NULL ? 0 : SANJI_E_SPEC) ||
            strcmp(f.member, v[i].wrong == NULL ? "" : v[i].wrong) != 0) {
            fail_msg("%s: %d, %s wants %s", v[i].answers, r, f.member, f.want);
        }
    }
}

/* ---- questionnaires ---- */

#define FIVE "[0,0,0,0,5]"

static void test_score(void **state)
{
    static const int64_t one[SCORE_ITEMS] = {5, 4, 3, 1}, two[SCORE_ITEMS] = {4, 4, 3, 2};
    static const char *const no[] = {
        "{}",
        "{'n':'1','counts':[]}",
        "{'n':1}",
        "{'n':1,'counts':{}}",
        "{'n':4,'counts':[[0,0,0,0,4],[0,0,0,0,4],[0,0,0,0,4],[0,0,0,0,4]],'shown':[]}",
        "{'n':5,'counts':[" FIVE "," FIVE "," FIVE "," FIVE "],'shown':[" FIVE "," FIVE "]}",
        "{'n':5,'counts':[" FIVE "," FIVE "," FIVE "," FIVE "],'shown':[[5,0,0,0,0]," FIVE "," FIVE
        "," FIVE "]}",
    };
    struct score s = {0}, shown = {0}, back, back_shown, after;
    struct buf b;
    struct jw w;
    (void)state;
    assert_int_equal(score_mean(&s, 0), 0);
    score_add(&s, &shown, one);
    score_add(&s, &shown, two);
    score_add(&s, &shown, two);
    assert_int_equal(score_mean(&s, 0), 433);
    assert_int_equal(score_mean(&s, 1), 400);
    assert_int_equal(score_mean(&s, 3), 167);
    assert_int_equal(shown.n, 0);
    score_add(&s, &shown, two);
    score_add(&s, &shown, two);
    assert_memory_equal(&shown, &s, sizeof(s));
    after = s;
    score_add(&s, &shown, one); /* one more answer is not to be worked out */
    assert_memory_equal(&shown, &after, sizeof(s));
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    score_write(&w, &s, &shown);
    jw_end_obj(&w);
    assert_int_equal(jw_done(&w), 0);
    assert_true(score_read(span_of(b.data, b.len), &back, &back_shown));
    assert_memory_equal(&back, &s, sizeof(s));
    assert_memory_equal(&back_shown, &shown, sizeof(s));
    buf_done(&b);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(score_read(text(json(no[i])), &back, &back_shown));
    }
}

/* ---- who may ---- */

static void test_access(void **state)
{
    const struct kind *org = kind_find("org"), *told = kind_find("assessment"),
                      *heads = kind_find("heads"), *need = kind_find("need");
    struct kind closed = *org;
    (void)state;
    assert_true(kind_may(org, "clerk", KACT_WRITE));
    assert_false(kind_may(org, "supervisor", KACT_WRITE));
    assert_true(kind_may(org, "supervisor", KACT_READ));
    assert_false(kind_may(org, "supervisor", KACT_PERSONAL));
    assert_true(kind_may(org, "clerk", KACT_PERSONAL));
    assert_false(kind_may(heads, "admin", KACT_WRITE));
    assert_false(kind_may(org, "", KACT_READ));
    assert_false(kind_may(org, "cler", KACT_READ));
    closed.access = NULL; /* forgotten is nobody's */
    assert_false(kind_may(&closed, "admin", KACT_READ));
    assert_false(kind_is_about(&closed, "o1", "o1", text("{}")));

    struct span of_o1 = text(json("{'org':'o1','state':'agreed'}"));
    assert_true(kind_is_about(org, "o1", "o1", text("{}")));
    assert_false(kind_is_about(org, "o1", "o2", of_o1));
    assert_false(kind_is_about(org, "", "", text("{}")));
    assert_true(kind_is_about(told, "o1", "x", of_o1));
    assert_false(kind_is_about(told, "o2", "x", of_o1));
    assert_false(kind_is_about(told, "o1", "x", text(json("{'org':'o1','state':'draft'}"))));
    assert_false(kind_is_about(need, "o1", "o1", of_o1));
}

static void test_impersonal(void **state)
{
    const struct kind *org = kind_find("org"), *heads = kind_find("heads");
    struct buf b;
    (void)state;
    assert_true(kind_has_personal(org));
    assert_false(kind_has_personal(heads));
    const char *personal = NULL;
    for (size_t i = 0; i < org->n_fields && personal == NULL; i++) {
        personal = (org->fields[i].flags & KFF_P1) != 0 ? org->fields[i].name : NULL;
    }
    assert_non_null(personal);
    char d[256];
    (void)snprintf(d, sizeof(d), "{'name':'晨光','%s':'王某','unheard':'王某'}", personal);
    buf_init(&b, 4096);
    assert_int_equal(kind_impersonal_write(org, text(json(d)), &b), 0);
    assert_int_equal(buf_putc(&b, '\0'), 0);
    assert_string_equal(buf_str(&b), json("{'name':'晨光'}"));
    buf_done(&b);
}

/* ---- bookings ---- */

static void test_booking_states(void **state)
{
    static const struct {
        const char *name;
        bool takes, is_end;
    } v[] = {
        {"asked", false, false},     {"held", true, false},        {"confirmed", true, false},
        {"rejected", false, true},   {"waitlisted", false, false}, {"cancelled", false, true},
        {"checked_in", true, false}, {"completed", true, true},    {"no_show", true, false},
    };
    (void)state;
    assert_int_equal(sizeof(v) / sizeof(v[0]), BKS_COUNT);
    for (size_t i = 0; i < BKS_COUNT; i++) {
        enum bk_state s = BKS_COUNT;
        assert_int_equal(bk_state_by_name(v[i].name, strlen(v[i].name), &s), 0);
        assert_string_equal(bk_state_name(s), v[i].name);
        assert_int_equal(bk_state_takes(s), v[i].takes);
        assert_int_equal(bk_state_is_end(s), v[i].is_end);
        for (size_t e = 0; e < bk_edges_n; e++) { /* nothing more happens to what is over */
            assert_false(v[i].is_end && bk_edges[e].from == s);
        }
    }
    assert_string_equal(bk_state_name(BKS_COUNT), "unknown");
    assert_string_equal(bk_event_name(BKE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),          cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_score),
        cmocka_unit_test(test_access),         cmocka_unit_test(test_impersonal),
        cmocka_unit_test(test_booking_states),
    };
    return cmocka_run_group_tests_name("kinds_rules", tests, NULL, NULL);
}
