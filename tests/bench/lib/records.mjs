// SPDX-License-Identifier: Apache-2.0
// The records of the benchmark: listings of about 600 bytes with a fixed seed. With SANJI_TEST_DATA the
// peers' own generator is used and its fields are mapped to a listing's, so that both sides carry the same
// text; without it a generator of the same shape stands in.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

function rng(a) { // mulberry32
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const pick = (r, a) => a[Math.floor(r() * a.length)];
const STREETS = ['文东', '建新', '智远', '龙洞', '舜华路', '泉城路', '千佛山', '大明湖', '解放路', '燕山', '姚家', '东关', '趵突泉', '四里村'];
const ROOMS = ['多功能厅', '会议室', '培训教室', '路演厅', '共享办公区', '心理咨询室', '儿童活动室', '书画室', '录播室', '社区客厅'];
const ORGS = ['善治', '益路同行', '仁爱', '春晖', '邻里守望', '微尘', '同心', '星火', '晨曦', '温馨家园'];
const WORDS = ['场地位于社区综合服务中心', '紧邻公交站和地铁口', '周边可免费停车', '周末可预约公益活动', '使用前请提前三天提交申请', '可提供茶水和桌签', '用后请恢复桌椅原位', '配有专职管理员', '适合三十人以内小组活动', '夜间九点后不开放', '节假日需另行协商'];
const THINGS = ['投影仪', '音响', '白板', '空调', '无线网络', '直播设备', '钢琴', '打印机', '电子屏', '电梯'];
const TAGS = ['培训', '路演', '沙龙', '亲子', '助老', '咨询', '展览', '会议', '党建', '志愿服务'];
const SURNAMES = '王李张刘陈杨赵黄周吴';

function own(i, rev = 1, seed = 20261122) {
  const r = rng(Math.imul(seed ^ i, 0x9e3779b1)), u = rng(Math.imul(seed ^ i ^ (rev << 20), 0x85ebca6b));
  const street = pick(r, STREETS), org = pick(r, ORGS);
  return {
    addr: `济南市历下区${street}街道${Math.floor(r() * 300) + 1}号${Math.floor(r() * 9) + 1}楼${Math.floor(r() * 20) + 101}室`,
    area: Math.floor(r() * 4000) / 10 + 20,
    cap: Math.floor(u() * 180) + 10,
    contact: pick(r, SURNAMES) + '老师',
    desc: [pick(r, WORDS), pick(r, WORDS), pick(r, WORDS)].join('，') + '。',
    equip: [pick(r, THINGS.slice(0, 4)), pick(r, THINGS.slice(4, 7)), pick(r, THINGS.slice(7))],
    fee: Math.floor(u() * 20) * 10,
    hours: `08:30-${17 + Math.floor(u() * 4)}:00`,
    lat: 36.5 + Math.floor(r() * 400000) / 1e6,
    lng: 116.8 + Math.floor(r() * 500000) / 1e6,
    name: `${street}${org.slice(0, 2)}${pick(r, ROOMS)}${Math.floor(r() * 40) + 1}号`,
    org: org + '社会工作服务中心',
    phone: '138' + String(Math.floor(r() * 1e8)).padStart(8, '0'),
    status: pick(u, ['open', 'open', 'open', 'paused', 'closed']),
    tags: [pick(r, TAGS.slice(0, 5)), pick(r, TAGS.slice(5))],
  };
}

let make = own;
export let source = 'own generator';
const theirs = process.env.SANJI_TEST_DATA && path.join(process.env.SANJI_TEST_DATA, 'bench/gen/gen_records.mjs');
if (theirs && fs.existsSync(theirs)) {
  make = (await import(pathToFileURL(theirs).href)).record;
  source = "the peers' generator";
}

// A listing/1 as a person would give it to `sanji put listing`. id: only when given.
export function listing(i, rev = 1, id) {
  const o = make(i, rev);
  const d = {
    kind: 'venue', title: o.name, detail: o.desc, org: o.org, mode: ['copublish'], area: `370102${String(i % 900 + 1).padStart(3, '0')}`,
    address: o.addr, lat: Math.round(o.lat * 1e7), lng: Math.round(o.lng * 1e7), capacity: o.cap, size_dm2: Math.round(o.area * 100),
    fee: o.fee > 0 ? 'paid' : 'free', hours: o.hours, equipment: o.equip, tags: o.tags, desk: o.contact, phone: o.phone,
    state: o.status === 'open' ? 'published' : 'paused', as_of: '2026-11-22', since: '2026-11-01',
  };
  if (o.fee > 0) d.price = o.fee * 100;
  return id === undefined ? d : { id, ...d };
}
export const line = (i, rev, id) => JSON.stringify(listing(i, rev, id)) + '\n';
