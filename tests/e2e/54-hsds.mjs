// HSDS 3.0, read by another directory's program: what the federation shares, page by page, compared member by member with the specification's own examples (SANJI_TEST_DATA); and what others bring in that form, taken by the import.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Clock } from './lib/clock.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
const data = process.env.SANJI_TEST_DATA && path.join(process.env.SANJI_TEST_DATA, 'data/hsds');
const skip = !data || !fs.existsSync(data);
const example = (f) => JSON.parse(fs.readFileSync(path.join(data, 'spec-examples/examples', f), 'utf8'));
let origin, token;
const get = async (at, status = 200) => {
  const r = await fetch(`${origin}/hsds${at}`, { headers: { Authorization: `Bearer ${token}`, 'Accept-Language': 'en' } });
  const text = await r.text();
  assert.equal(r.status, status, `${at}: ${text}`);
  return JSON.parse(text);
};
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

before(async () => {
  await w.tree(['city', 'd1']);
  w.put('d1', 'listing', [
    { id: 'hall', kind: 'venue', title: '议事厅 "A"', detail: '一楼\n可坐四十人', org: '晨光社工', mode: ['cohost'], field: ['elderly', 'community'], area: '370102', address: '泉城路 1 号', lat: 366512345, lng: 1170000000, capacity: 40, fee: 'paid', price: 35050, price_note: '每小时', who: ['org', 'resident'], hours: '工作日 9-17 点', desk: '综合办', phone: '0531-1234567', url: 'https://example.cn/hall', assured: '2026-11-01', capacity_state: 'limited' },
    { id: 'mentor', kind: 'mentor', title: '财务导师', fee: 'free', state: 'paused' },
  ]);
  w.put('d1', 'listing', [{ id: 'inner', kind: 'venue', title: '只给本区' }], ['--audience', 'sub']);
  w.put('d1', 'org', [{ id: 'zu1', name: '青禾社', kind: 'association', usci: '51370102MJE123456X', founded: '2015-03-02', purpose: '助老', field: ['elderly'], desk: '办公室', phone: '0531-7654321', url: 'https://qinghe.example.cn', contact: '李小青', mobile: '13800000001', public: true }]);
  w.put('city', 'listing', Array.from({ length: 7 }, (_, i) => ({ id: `c${i}`, kind: 'course', title: `课程 ${i}` })));
  await until('all is at the city', 20000, () => ['hall', 'mentor', 'zu1.card'].every((id) => w.tryVerb('city', 'get', [id]).code === 0));
  origin = `http://127.0.0.1:${w.nodes.get('city').staff}`;
  token = JSON.parse(w.verb('city', 'token add', ['--name', 'directory', '--role', 'supervisor', '--json'])).token;
});
after(() => w.close());

test('says what it is, and nothing to who may not read', async () => {
  const base = await get('/');
  assert.equal(base.version, '3.0');
  const doc = await fetch(base.openapi_url, { headers: { Authorization: `Bearer ${token}` } });
  assert.ok((await doc.json()).paths['/hsds/services/{id}'].get);
  assert.equal((await fetch(`${origin}/hsds/services`)).status, 401);
});

test('pages: all of them together are everything, once', async () => {
  const all = await get('/services?per_page=100');
  assert.equal(all.total_items, 9);
  assert.deepEqual([all.first_page, all.last_page, all.empty, all.size, all.total_pages, all.page_number], [true, true, false, 9, 1, 1]);
  const ids = [];
  for (let p = 1; ; p++) {
    const one = await get(`/services?per_page=4&page=${p}`);
    ids.push(...one.contents.map((s) => s.id));
    assert.deepEqual([one.total_pages, one.page_number, one.first_page], [3, p, p === 1]);
    if (one.last_page) break;
  }
  assert.deepEqual([...ids].sort(), all.contents.map((s) => s.id).sort());
  assert.equal(new Set(ids).size, 9);
  const beyond = await get('/services?per_page=4&page=9');
  assert.deepEqual([beyond.empty, beyond.size, beyond.last_page, beyond.contents], [true, 0, true, []]);
  await get('/services?per_page=0', 422);
  await get('/services?format=csv', 422);
  await get('/services/00000000-0000-8000-8000-000000000000', 404);
});

test('a listing is a service at a location, member by member; what is not for all is not there', async () => {
  const found = await get(`/services?search=${encodeURIComponent('议事')}`);
  assert.equal(found.total_items, 1);
  const s = await get(`/services/${found.contents[0].id}`);
  assert.match(s.id, uuid);
  assert.deepEqual([s.name, s.description, s.url, s.status, s.fees_description, s.assured_date], ['议事厅 "A"', '一楼\n可坐四十人', 'https://example.cn/hall', 'active', '每小时', '2026-11-01']);
  assert.ok(Math.abs(Date.parse(s.last_modified) - Date.now()) < 120000);
  assert.deepEqual(s.phones.map((p) => p.number), ['0531-1234567']);
  assert.deepEqual(s.contacts.map((c) => [c.name, c.department]), [['晨光社工', '综合办']]);
  assert.deepEqual(s.cost_options.map((c) => [c.currency, c.amount, c.amount_description]), [['CNY', 350.5, '每小时']]);
  assert.deepEqual(s.schedules.map((x) => x.description), ['工作日 9-17 点']);
  const { location } = s.service_at_locations[0];
  assert.deepEqual([location.latitude, location.longitude, location.location_type], [36.6512345, 117, 'physical']);
  const [a] = location.addresses;
  assert.deepEqual([a.address_1, a.city, a.region, a.state_province, a.country], ['泉城路 1 号', '济南市', '历下区', '山东省', 'CN']);
  assert.deepEqual(s.attributes.map((x) => `${x.taxonomy_term.taxonomy}:${x.taxonomy_term.code}`).sort(), ['audience:org', 'audience:resident', 'availability:limited', 'fee:paid', 'field:community', 'field:elderly', 'mode:cohost', 'resource:venue']);
  assert.equal(s.organization.name, 'd1');
  const all = await get('/services?per_page=100&full=true');
  assert.ok(!JSON.stringify(all).includes('只给本区'));
  assert.deepEqual(all.contents.find((x) => x.id === s.id), s);
  assert.equal(all.contents.find((x) => x.name === '财务导师').status, 'inactive');
  const sal = await get('/service_at_locations');
  assert.equal(sal.total_items, 1);
  const one = await get(`/service_at_locations/${sal.contents[0].id}`);
  assert.equal(one.service.id, s.id);
  assert.deepEqual(one.location, location);
});

test('narrowed by term, by organization, by when it changed; the same ids at another node', async () => {
  const terms = (await get('/taxonomy_terms?per_page=100')).contents;
  const elderly = terms.find((t) => t.taxonomy === 'field' && t.code === 'elderly');
  assert.deepEqual((await get(`/services?taxonomy_term_id=${elderly.id}`)).contents.map((s) => s.name), ['议事厅 "A"']);
  assert.deepEqual((await get(`/organizations?taxonomy_term_id=${elderly.id}`)).contents.map((o) => o.name), ['青禾社']);
  const d1 = (await get('/organizations')).contents.find((o) => o.name === 'd1');
  assert.equal((await get(`/services?organization_id=${d1.id}`)).total_items, 2);
  assert.equal((await get(`/services?modified_after=${encodeURIComponent(new Date(Date.now() + 6e4).toISOString())}`)).total_items, 0);
  assert.equal((await get(`/services?modified_after=${encodeURIComponent(new Date(Date.now() - 6e5).toISOString())}&minimal=true`)).total_items, 9);
  assert.deepEqual(Object.keys((await get('/services?minimal=true')).contents[0]).sort(), ['id', 'last_modified']);
  await get('/services?modified_after=yesterday', 422);
  assert.deepEqual(await get(`/taxonomy_terms/${elderly.id}`), elderly);
  w.put('city', 'code_list', [{ list: 'field', title: '领域', items: [{ code: 'migrants', zh: '新市民', en: 'Migrants' }] }]);
  const more = (await get('/taxonomy_terms?per_page=100')).contents;
  const migrants = more.find((t) => t.taxonomy === 'field' && t.code === 'migrants');
  assert.equal(migrants.name, 'Migrants');
  assert.equal(more.length, terms.length + 1);
  assert.deepEqual(await get(`/taxonomy_terms/${migrants.id}`), migrants);
  const tax = (await get('/taxonomies')).contents;
  assert.deepEqual(await get(`/taxonomies/${tax[0].id}`), tax[0]);
  const there = JSON.parse(w.verb('d1', 'token add', ['--name', 'x', '--role', 'supervisor', '--json'])).token;
  const r = await fetch(`http://127.0.0.1:${w.nodes.get('d1').staff}/hsds/organizations`, { headers: { Authorization: `Bearer ${there}` } });
  assert.deepEqual((await r.json()).contents.map((o) => o.id).sort(), (await get('/organizations')).contents.map((o) => o.id).sort());
});

test('who harvests misses nothing of a writer whose clock is behind', async () => {
  await w.stop('city');
  const clock = new Clock(w.dir); // of the city alone: to it the district lives five hours ago
  clock.jump(5);
  await w.start('city');
  delete process.env.LD_PRELOAD;
  origin = `http://127.0.0.1:${w.nodes.get('city').staff}`;
  const last = new Date(Date.now() + 5 * 3600e3 - 6e4).toISOString();
  const [late] = w.put('d1', 'listing', [{ kind: 'venue', title: '后来的会议室', field: ['elderly'] }]);
  await until('it is at the city', 20000, () => w.tryVerb('city', 'get', [late]).code === 0);
  const news = await get(`/services?modified_after=${encodeURIComponent(last)}`);
  assert.deepEqual(news.contents.map((s) => s.name), ['后来的会议室']);
  assert.ok(news.contents[0].last_modified >= last.slice(0, 19), news.contents[0].last_modified);
});

test('a public card is an organization, and nothing personal of the archive comes with it', async () => {
  const list = await get('/organizations');
  assert.equal(list.total_items, 3);
  const o = await get(`/organizations/${list.contents.find((x) => x.name === '青禾社').id}`);
  assert.deepEqual([o.name, o.description, o.website, o.year_incorporated], ['青禾社', '助老', 'https://qinghe.example.cn', 2015]);
  assert.deepEqual(o.organization_identifiers.map((i) => [i.identifier_scheme, i.identifier]), [['CN-USCI', '51370102MJE123456X']]);
  assert.ok(!/李小青|13800000001/.test(JSON.stringify([list, o])));
  const child = list.contents.find((x) => x.name === 'd1');
  assert.equal(list.contents.find((x) => x.id === child.parent_organization_id).name, 'city');
});

// Every member that is sent is one of the specification's own example of that thing, of the same type; ids are
// UUIDs, days are days, and what the schemas of 3.0 require is there.
const required = { service: ['id', 'name', 'status'], organization: ['id', 'name', 'description'], service_at_location: ['id'], location: ['id', 'location_type'], address: ['id', 'address_1', 'city', 'state_province', 'postal_code', 'country', 'address_type'], phone: ['id', 'number'], taxonomy: ['id', 'name', 'description'], taxonomy_term: ['id', 'name', 'description'], attribute: ['id'], schedule: ['id'], cost_option: ['id'], contact: ['id'], organization_identifier: ['id', 'identifier_scheme', 'identifier'] };
const things = { phones: 'phone', addresses: 'address', schedules: 'schedule', contacts: 'contact', cost_options: 'cost_option', attributes: 'attribute', services: 'service', organization_identifiers: 'organization_identifier', service_at_locations: 'service_at_location', taxonomy_detail: 'taxonomy' };
let members = 0;
const compared = (mine, theirs, at) => {
  members++;
  assert.equal(Array.isArray(mine) ? 'array' : typeof mine, Array.isArray(theirs) ? 'array' : typeof theirs, at);
  if (Array.isArray(mine)) return mine.forEach((m) => compared(m, theirs[0], `${at}[]`));
  const name = at.split(/[.[]/).filter((x) => x && x !== ']').pop();
  if (name === 'id' || name.endsWith('_id')) assert.match(mine, uuid, at);
  if (name === 'assured_date') assert.match(mine, /^\d{4}-\d\d-\d\d$/);
  if (name === 'last_modified') assert.ok(!Number.isNaN(Date.parse(mine)), at);
  if (mine === null || typeof mine !== 'object') return undefined;
  for (const [k, v] of Object.entries(mine)) {
    assert.ok(k in theirs, `${at}.${k} is not in the specification's example`);
    compared(v, theirs[k], `${at}.${k}`);
  }
  for (const k of required[things[name] ?? name] ?? []) assert.ok(k in mine, `${at}.${k} is required`);
  return undefined;
};

test('member by member against the examples of the specification', { skip: skip && 'no SANJI_TEST_DATA' }, async () => {
  const full = example('service_full.json');
  const cases = [
    ['/', 'base.json'], ['/services', 'service_list.json'], ['/organizations', 'organization_list.json'], ['/service_at_locations', 'service_at_location_list.json'],
    ['/taxonomies', 'taxonomy_list.json'], ['/taxonomy_terms', 'taxonomy_term_list.json'],
  ];
  for (const [at, f] of cases) compared(await get(at), example(f), `${f}:`);
  for (const s of (await get('/services?per_page=100')).contents) compared(await get(`/services/${s.id}`), full, 'service');
  for (const s of (await get('/service_at_locations')).contents) compared(await get(`/service_at_locations/${s.id}`), example('service_at_location_full.json'), 'service_at_location');
  // Attributes belong to any thing; the example shows them at services alone.
  const organization = { ...example('organization_full.json'), attributes: full.attributes };
  for (const o of (await get('/organizations')).contents) compared(await get(`/organizations/${o.id}`), organization, 'organization');
  const [t] = (await get('/taxonomy_terms')).contents;
  compared(await get(`/taxonomy_terms/${t.id}`), example('taxonomy_term.json'), 'taxonomy_term');
  assert.ok(members > 1000, `only ${members} members were compared`);
});

test('what this node gives out, another federation takes, and gives out again the same', async () => {
  const there = new World();
  try {
    await there.tree(['city']);
    const pages = [];
    w.put('city', 'listing', [{ id: 'c0', kind: 'course', title: '课程 0', field: ['migrants'] }]);
    for (let p = 1; ; p++) {
      const one = await get(`/services?full=true&per_page=4&page=${p}`);
      pages.push(...one.contents);
      if (one.last_page) break;
    }
    const file = path.join(there.dir, 'services.json');
    fs.writeFileSync(file, JSON.stringify({ contents: pages }, null, 2));
    // A word that a list was given beside its own: who has it too takes it along.
    there.put('city', 'code_list', [{ list: 'field', title: '领域', items: [{ code: 'migrants', zh: '新市民', en: 'Migrants' }] }]);
    there.verb('city', 'import', ['listing', file]);
    const t2 = JSON.parse(there.verb('city', 'token add', ['--name', 'x', '--role', 'supervisor', '--json'])).token;
    const r = await fetch(`http://127.0.0.1:${there.nodes.get('city').staff}/hsds/services?full=true&per_page=100`, { headers: { Authorization: `Bearer ${t2}`, 'Accept-Language': 'en' } });
    const back = (await r.json()).contents;
    // Ids, the platform and where it lies are that of who publishes now.
    const own = ['last_modified', 'organization', 'service_areas', 'city', 'region', 'state_province', 'contacts'];
    const bare = (s) => JSON.parse(JSON.stringify(s, (k, v) => (k === 'id' || k.endsWith('_id') || own.includes(k) ? undefined : v)));
    const sorted = (v) => v.map(bare).sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(sorted(back), sorted(pages));
    assert.deepEqual(back.find((s) => s.name.startsWith('议事厅')).contacts.map((c) => c.department), ['综合办']);
  } finally {
    await there.close();
  }
});

test('files of others: the examples of the specification and two public directories', { skip: skip && 'no SANJI_TEST_DATA' }, () => {
  const dry = (kind, f) => {
    const r = w.tryVerb('d1', 'import', [kind, path.join(data, f), '--dry-run', '--json']);
    return { ...JSON.parse(r.out.trim().split('\n').pop()), said: r.err.slice(0, 2000) };
  };
  // The example's latitude is 100: said by row and column, not believed.
  const full = dry('listing', 'spec-examples/examples/service_full.json');
  assert.equal(full.bad, 1, full.said);
  assert.match(full.said, /Latitude/);
  for (const f of ['tabular.json', 'service_list.json', 'csv/services.csv']) assert.equal(dry('listing', `spec-examples/examples/${f}`).new, 1, f);
  for (const f of ['organization_full.json', 'organization_list.json', 'tabular.json', 'csv/organizations.csv']) assert.equal(dry('org', `spec-examples/examples/${f}`).new, 1, f);
  for (const [kind, f, least] of [['org', 'ohana/organizations.csv', 7], ['listing', 'ohana/services.csv', 12], ['listing', 'ohana/locations.csv', 12], ['org', 'florida/organizations.csv', 8], ['listing', 'florida/services.csv', 60]]) {
    const n = dry(kind, f);
    assert.ok(n.new >= least, `${f}: ${JSON.stringify(n)}`);
  }
});
