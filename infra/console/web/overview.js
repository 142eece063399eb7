'use strict';

const t = texts.page;
const find = (selector) => document.querySelector(selector);
let now = '';
let zone = 'UTC';

const badge = (state, text) => element('span', text, 'badge ' + state);
const soft = (text) => element('span', ' ' + text, 'soft');
// told is a text of the log's, which is English.
function told(text) {
  const node = element('span', text);
  node.lang = 'en';
  return node;
}
function item(...parts) {
  const node = document.createElement('li');
  node.append(...parts);
  return node;
}

// worst is the state to show of a bridge: the first of these that a part has.
const ORDER = ['fault', 'unknown', 'warning', 'busy', 'ok'];
const SHOWN = 12; // parts that are not well

function showBridge(bridge) {
  const id = 'bridge-' + bridge.name;
  let node = document.getElementById(id);
  if (!node) {
    node = document.getElementById('bridge').content.firstElementChild.cloneNode(true);
    node.id = id;
    const title = element(bridge.running ? 'a' : 'span', bridge.title);
    if (bridge.running) title.href = bridge.name + '.html';
    node.querySelector('h2').append(title);
    node.querySelector('h2').id = id + '-title';
    node.setAttribute('aria-labelledby', id + '-title');
    find('.bridges').append(node);
  }
  const { parts } = bridge;
  const state = bridge.fault || parts.length === 0 ? 'unknown' : ORDER.find((s) => parts.some((p) => p.state === s));
  node.querySelector('.all').replaceChildren(badge(state, bridge.running ? t.part[state] : t.off), ...(bridge.running ? [soft(sentence(bridge))] : []));
  const others = parts.filter((p) => p.state !== 'ok').sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const lines = others.slice(0, SHOWN).map((p) => item(badge(p.state, t.part[p.state]), element('strong', p.name),
    soft(p.seen_at ? fill(t.seen, { at: moment(p.seen_at, p.time_zone, now) }) : t.never_seen), ...(p.detail ? [element('br', ''), element('span', p.detail)] : [])));
  if (others.length > SHOWN) lines.push(item(fill(t.more, { n: others.length - SHOWN })));
  node.querySelector('ul').replaceChildren(...lines);
}

// sentence says how many parts are well, and as of when: what was not seen is not well.
function sentence({ units, parts, fault }) {
  if (fault) return t.unreadable;
  if (parts.length === 0) return t.empty;
  const well = parts.filter((p) => p.state === 'ok' && p.seen_at);
  const oldest = well.reduce((first, p) => (!first || p.seen_at < first.seen_at ? p : first), null);
  const at = oldest && moment(oldest.seen_at, oldest.time_zone, now);
  const params = { n: well.length, all: parts.length, unit: fill(units, { n: parts.length }), at };
  return fill(well.length === parts.length ? t.all_well : at ? t.well_at : t.well, params);
}

function showDoctor({ at, running, findings }) {
  find('.doctor .when').textContent = running ? t.checking : at ? fill(t.checked, { at: moment(at, zone, now), age: ago(at, now) }) : t.unchecked;
  enable(find('.doctor button'), !running, t.checking);
  const line = (f) => item(badge(f.state, t.finding[f.state]), element('strong', f.check), ' ', element('span', f.found), ...(f.do ? [element('br', ''), element('span', f.do)] : []));
  const bad = findings.filter((f) => f.state !== 'ok').sort((a, b) => (a.state > b.state) - (a.state < b.state));
  const fine = findings.filter((f) => f.state === 'ok');
  find('.findings').replaceChildren(...bad.map(line), ...(at && bad.length === 0 && fine.length > 0 ? [item(badge('ok', t.finding.ok), t.was_fine)] : []));
  find('.fine').hidden = fine.length === 0;
  find('.fine summary').textContent = fill(t.fine, { n: fine.length });
  find('.fine ul').replaceChildren(...fine.map(line));
}

function showDead({ dead, dead_count: count }) {
  find('.dead .count').textContent = count === 0 ? t.no_dead : fill(t.some_dead, { n: count });
  find('.dead ul').replaceChildren(...dead.map((d) => item(element('strong', d.subscription), soft('#' + d.id + ' · ' + moment(d.died, zone, now) + ' · ' + fill(t.attempts, { n: d.attempts })), element('br', ''), told(d.reason), ' ',
    button(t.again, t.again, d.subscription + ' #' + d.id, () => act(() => send('POST', 'dashboard/dead/' + d.id + '/send'), t.sent)))));
}

function showLog(log) {
  const time = (iso) => new Date(iso).toLocaleString(locale, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone });
  const lines = log.map((l) => item(badge(l.level, l.level), time(l.at) + ' ', element('strong', l.message), ...(l.details ? [soft(l.details)] : [])));
  find('.loglines').replaceChildren(...(lines.length > 0 ? lines : [item(t.no_log)]));
}

const drawn = {};
// changed reports whether a part of the page must be drawn anew: what a person reads or selects is left alone.
function changed(part, value) {
  const text = JSON.stringify(value);
  if (drawn[part] === text) return false;
  drawn[part] = text;
  return true;
}

for (const [selector, text] of [['#doctor-title', t.doctor], ['#dead-title', t.dead], ['#log-title', t.log], ['.doctor button', t.check]]) find(selector).textContent = text;
find('.doctor button').addEventListener('click', () => act(() => send('POST', 'dashboard/doctor'), t.begun));

startPage({
  path: 'dashboard/overview?locale=' + lang, every: 2000,
  draw(view) {
    now = view.now;
    zone = view.bridges.flatMap((b) => b.parts).map((p) => p.time_zone)[0] || 'UTC';
    showClock(now, zone);
    for (const bridge of view.bridges) if (changed(bridge.name, bridge)) showBridge(bridge);
    if (changed('doctor', [view.doctor, view.doctor.at && ago(view.doctor.at, now)])) showDoctor(view.doctor);
    if (changed('dead', view.dead)) showDead(view);
    if (changed('log', view.log)) showLog(view.log);
  },
  lost(away) {
    if (!away) Object.keys(drawn).forEach((part) => delete drawn[part]);
  },
});
