/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a report was late is judged by who asked for it: by what he asked and when it came, not
 * by what the report says of itself; what it says is kept beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_duty.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct app *city, *d1;
static char period[8], id[64], owed[11];
static struct app_duty_cell cell;

static int on_cell(const struct app_duty_cell *c, void *arg)
{
    (void)arg;
    if (strcmp(c->period, period) == 0) {
        cell = *c;
    }
    return 0;
}

/* How the city sees the month. */
static void look(void)
{
    cell = (struct app_duty_cell){0};
    assert_int_equal(app_duty_grid(city, 6, on_cell, NULL), 0);
    assert_true(cell.due != 0);
}

/* As the district says it, whatever the day is. */
static void say(int64_t r, int no, const char *first, const char *due)
{
    struct sync_tick t;
    struct buf item;
    char d[400], aud[LIM_AUD_BYTES + 1];
    snprintf(d, sizeof d,
             "{\"report\":\"monthly\",\"period\":\"%s\",\"title\":\"月报\",\"state\":\"submitted\","
             "\"no\":%d,\"first\":\"%s\",\"last\":\"%s\",\"due\":\"%s\",\"since\":\"%s\"}",
             period, no, first, first, due, first);
    snprintf(aud, sizeof aud, "up:%s", app_id(city));
    buf_init(&item, LIM_ITEM_BYTES);
    assert_int_equal(app__item(d1, NULL, id, kind_find("work_report"), OP_PUT, r, lit(d), &item),
                     0);
    struct span text = span_of(item.data, item.len);
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(store_begin(d1->store), 0);
    assert_int_equal(sync_write(d1->sync, &t, aud, &text, 1, true, NULL), 0);
    assert_int_equal(store_commit(d1->store), 0);
    buf_done(&item);
    app__wrote(d1);
    nodes_settle(city, d1);
}

static void begin(const char *name)
{
    char day[11], json[200], made[LIM_ID_BYTES + 1], c[64];
    struct fault f = {0};
    int today = date_of_ms(app_now_ms());
    date_write(today, day);
    int first = 0, last = 0;
    char month[8];
    memcpy(month, day, 7);
    month[7] = '\0';
    assert_int_equal(period_parse(month, 7, &first, &last), 0);
    date_write(first - 40, day); /* a day of the month before the last one */
    memcpy(period, day, 7);
    period[7] = '\0';
    snprintf(id, sizeof id, "work_report.monthly.%s", period);
    snprintf(c, sizeof c, "%s-city", name);
    city = node_born(0, c);
    snprintf(c, sizeof c, "%s-d1", name);
    d1 = node_child(city, 1, c);
    snprintf(json, sizeof json,
             "{\"title\":\"月报\",\"report\":\"monthly\",\"who\":\"children\",\"days\":5,"
             "\"valid_from\":\"2020-01-01\"}");
    assert_int_equal(node_put(city, "obligation", json, made, &f), 0);
    nodes_settle(city, d1);
    look();
    assert_false(cell.filed);
    assert_string_equal(cell.state, "missing");
    date_write(cell.due, owed);
}

static void end(void)
{
    app_close(city);
    app_close(d1);
}

static void test_came_late_and_says_otherwise(void **state)
{
    (void)state;
    char today[11];
    begin("says");
    date_write(date_of_ms(app_now_ms()), today);
    say(1, 1, owed, owed);
    look();
    assert_true(cell.filed && cell.late);
    assert_false(cell.said_late);
    assert_int_equal(cell.seen, date_of_ms(app_now_ms()));
    assert_int_equal(cell.said, cell.due);
    end();
}

/* A day by which it was owed that nobody asked for is no excuse. */
static void test_its_own_day(void **state)
{
    (void)state;
    char today[11];
    begin("own");
    date_write(date_of_ms(app_now_ms()), today);
    say(1, 1, today, "2099-01-01");
    look();
    assert_true(cell.late);
    assert_false(cell.said_late);
    end();
}

/* The first arrival counts, however often it is sent, and when its form is held no more. */
static void test_first_arrival_is_kept(void **state)
{
    (void)state;
    const struct sync_store *st;
    char key[160];
    begin("kept");
    st = store_port(city->store);
    snprintf(key, sizeof key, "report/seen/%s/%s", app_id(d1), id);
    say(1, 1, owed, owed);
    struct buf v;
    buf_init(&v, 64);
    assert_int_equal(app__duty_tick(city, app_mono_ms() + 20000000), 0);
    assert_int_equal(st->kv_get(st->ctx, key, &v), 0); /* noted by itself */
    buf_done(&v);
    assert_int_equal(st->kv_put(st->ctx, key, span_of(owed, 10)), 0); /* as if it were long ago */
    say(2, 2, owed, owed);
    look();
    assert_true(cell.filed && cell.revised);
    assert_false(cell.late);
    assert_int_equal(cell.seen, cell.due);
    assert_int_equal(st->kv_del(st->ctx, key), 0);
    look(); /* nobody knows any more, and its word is no proof */
    assert_int_equal(cell.seen, 0);
    assert_false(cell.late);
    assert_true(cell.unsure);
    end();
}

/* Where the first form was never seen, the word counts against who gave it, and not for him. */
static void test_word_alone(void **state)
{
    (void)state;
    char later[11];
    begin("word");
    date_write(cell.due + 1, later);
    say(1, 2, later, "2099-01-01");
    look();
    assert_int_equal(cell.seen, 0);
    assert_true(cell.late);
    assert_false(cell.unsure);
    assert_false(cell.said_late);
    say(2, 3, owed, owed);
    look();
    assert_false(cell.late);
    assert_true(cell.unsure);
    struct app_duty_sum sum = {0};
    app_duty_add(&sum, &cell, cell.due + 1);
    assert_int_equal(sum.actual, 1);
    assert_int_equal(sum.on_time + sum.late, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_came_late_and_says_otherwise),
        cmocka_unit_test(test_its_own_day),
        cmocka_unit_test(test_first_arrival_is_kept),
        cmocka_unit_test(test_word_alone),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
