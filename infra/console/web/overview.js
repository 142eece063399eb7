'use strict';

// What people read, by language.
const TEXT = {
  en: {
    off: 'Does not run here', unreadable: 'Its state cannot be read', empty: 'Nothing is configured', seen: (at) => 'seen at ' + at, neverSeen: 'never seen',
    allWell: (n, unit, at) => (n === 1 ? 'The ' + unit + ' is' : 'All ' + n + ' ' + unit + ' are') + ' up to date, as seen at ' + at,
    well: (n, all, unit, at) => n + ' of ' + all + ' ' + unit + ' up to date' + (at ? ', as seen at ' + at : ''), more: (n) => 'and ' + n + ' more',
    part: { ok: 'Up to date', busy: 'At work', warning: 'Needs a look', fault: 'Fault', unknown: 'Not known' },
    doctor: 'What doctor found', check: 'Check now', checking: 'Doctor looks at settings and outside systems; that may take a minute…', checked: (at, age) => 'Looked at ' + at + ', ' + age + '.', unchecked: 'Not looked yet.', begun: 'The check has begun.', wasFine: 'Nothing was missing then.', fine: (n) => n + ' found in order', finding: { ok: 'In order', warning: 'Warning', missing: 'Missing' },
    dead: 'Undelivered messages', noDead: 'None: no message has run out of attempts.', someDead: (n) => n + (n === 1 ? ' message has' : ' messages have') + ' run out of attempts. See them with: carillon dead list', attempts: (n) => n + ' attempts', again: 'Send again', sent: 'Sent again.',
    log: 'Last log lines', noLog: 'Nothing has been logged yet',
  },
  fr: {
    off: 'Ne fonctionne pas ici', unreadable: 'Son état est illisible', empty: 'Rien n’est configuré', seen: (at) => 'vu à ' + at, neverSeen: 'jamais vu',
    allWell: (n, unit, at) => n + ' ' + unit + ' à jour sur ' + n + ', vu à ' + at,
    well: (n, all, unit, at) => n + ' ' + unit + ' à jour sur ' + all + (at ? ', vu à ' + at : ''), more: (n) => 'et ' + n + ' de plus',
    part: { ok: 'À jour', busy: 'En cours', warning: 'À regarder', fault: 'En défaut', unknown: 'Inconnu' },
    doctor: 'Ce que « doctor » a trouvé', check: 'Vérifier maintenant', checking: '« doctor » examine les réglages et les systèmes extérieurs ; cela peut prendre une minute…', checked: (at, age) => 'Vérifié à ' + at + ', ' + age + '.', unchecked: 'Pas encore vérifié.', begun: 'La vérification a commencé.', wasFine: 'Rien ne manquait alors.', fine: (n) => n + ' en ordre', finding: { ok: 'En ordre', warning: 'Attention', missing: 'Manque' },
    dead: 'Messages non distribués', noDead: 'Aucun : aucun message n’a épuisé ses tentatives.', someDead: (n) => n + (n === 1 ? ' message a' : ' messages ont') + ' épuisé les tentatives. Pour les voir : carillon dead list', attempts: (n) => n + ' tentatives', again: 'Renvoyer', sent: 'Renvoyé.',
    log: 'Dernières lignes du journal', noLog: 'Rien n’a encore été journalisé',
  },
};
const t = TEXT[lang] || TEXT.en;
const find = (selector) => document.querySelector(selector);
let now = '';
let zone = 'UTC';

const badge = (state, text) => element('span', text, 'badge ' + state);
const soft = (text) => element('span', ' ' + text, 'soft');
// told is the reason of a dead letter: an error, in English.
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
    soft(p.seen_at ? t.seen(moment(p.seen_at, p.time_zone, now)) : t.neverSeen), ...(p.detail ? [element('br', ''), element('span', p.detail)] : [])));
  if (others.length > SHOWN) lines.push(item(t.more(others.length - SHOWN)));
  node.querySelector('ul').replaceChildren(...lines);
}

// sentence says how many parts are well, and as of when: what was not seen is not well.
function sentence({ units, parts, fault }) {
  if (fault) return t.unreadable;
  if (parts.length === 0) return t.empty;
  const well = parts.filter((p) => p.state === 'ok' && p.seen_at);
  const oldest = well.reduce((first, p) => (!first || p.seen_at < first.seen_at ? p : first), null);
  const at = oldest && moment(oldest.seen_at, oldest.time_zone, now);
  const [one, many] = units;
  return well.length === parts.length ? t.allWell(well.length, well.length === 1 ? one : many, at) : t.well(well.length, parts.length, parts.length === 1 ? one : many, at);
}

function showDoctor({ at, running, findings }) {
  find('.doctor .when').textContent = running ? t.checking : at ? t.checked(moment(at, zone, now), ago(at, now)) : t.unchecked;
  enable(find('.doctor button'), !running, t.checking);
  const line = (f) => item(badge(f.state, t.finding[f.state]), element('strong', f.check), ' ', element('span', f.found), ...(f.do ? [element('br', ''), element('span', f.do)] : []));
  const bad = findings.filter((f) => f.state !== 'ok').sort((a, b) => (a.state > b.state) - (a.state < b.state));
  const fine = findings.filter((f) => f.state === 'ok');
  find('.findings').replaceChildren(...bad.map(line), ...(at && bad.length === 0 && fine.length > 0 ? [item(badge('ok', t.finding.ok), t.wasFine)] : []));
  find('.fine').hidden = fine.length === 0;
  find('.fine summary').textContent = t.fine(fine.length);
  find('.fine ul').replaceChildren(...fine.map(line));
}

function showDead({ dead, dead_count: count }) {
  find('.dead .count').textContent = count === 0 ? t.noDead : t.someDead(count);
  find('.dead ul').replaceChildren(...dead.map((d) => item(element('strong', d.subscription), soft('#' + d.id + ' · ' + moment(d.died, zone, now) + ' · ' + t.attempts(d.attempts)), element('br', ''), told(d.reason), ' ',
    button(t.again, t.again, d.subscription + ' #' + d.id, () => act(() => send('POST', 'dashboard/dead/' + d.id + '/send'), t.sent)))));
}

function showLog(log) {
  const time = (iso) => new Date(iso).toLocaleString(locale, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: zone });
  const lines = log.map((l) => item(badge(l.level, l.level), time(l.at) + ' ', element('strong', l.message), ...(l.details ? [soft(l.details)] : [])));
  find('.loglines').replaceChildren(...(lines.length > 0 ? lines : [item(t.noLog)]));
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
