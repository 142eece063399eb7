'use strict';

// What people read, by language.
const TEXT = {
  en: { sync: 'Synchronise now', later: '+30', laterHint: 'Move 30 minutes later', del: '✕', delHint: 'Cancel', add: 'Add', title: 'Title', date: 'Day', from: 'From', until: 'Until', ok: 'Up to date', never: 'Not read yet', busy: 'At work…', read: 'MonCampus read at ', next: 'next run ', feeds: 'feeds: ', same: 'Nothing to change', none: 'No classes', differs: 'Not on the other side', verified: 'both agree', notVerified: 'they do not agree yet', did: (r) => r.created + ' created, ' + r.updated + ' updated, ' + r.deleted + ' deleted, ' + r.held_back + ' held back', what: { create: 'created', update: 'updated', delete: 'deleted', 'held back': 'held back' } },
  fr: { sync: 'Synchroniser', later: '+30', laterHint: 'Décaler de 30 minutes', del: '✕', delHint: 'Annuler', add: 'Ajouter', title: 'Titre', date: 'Jour', from: 'De', until: 'À', ok: 'À jour', never: 'Pas encore lu', busy: 'En cours…', read: 'MonCampus lu à ', next: 'prochain passage ', feeds: 'abonnements : ', same: 'Rien à changer', none: 'Aucun cours', differs: 'Absent de l’autre côté', verified: 'les deux concordent', notVerified: 'ils ne concordent pas encore', did: (r) => r.created + ' créés, ' + r.updated + ' modifiés, ' + r.deleted + ' supprimés, ' + r.held_back + ' retenus', what: { create: 'créé', update: 'modifié', delete: 'supprimé', 'held back': 'retenu' } },
};
const t = TEXT[lang];

// Reasons that a run gives, in French; in English they are as they come.
const REASONS = lang === 'fr' ? {
  new: 'nouveau', 'missing in ECAL': 'absent d’ECAL', time: 'horaire', title: 'intitulé', room: 'salle', details: 'détails', links: 'liens', 'taken over': 'repris', 'edited in ECAL': 'modifié dans ECAL',
  duplicate: 'doublon', 'no longer in the timetable': 'n’est plus à l’emploi du temps', 'it waits for a second complete reading without the class': 'attend une deuxième lecture complète sans ce cours',
  'the reading is empty': 'la lecture est vide', 'the lesson could not be read': 'le cours est illisible', 'a lesson of this reading could not be read, so what is missing proves nothing': 'un cours de cette lecture est illisible : ce qui manque ne prouve rien',
} : {};
const MANY = /^(\d+) of (\d+) coming classes would be deleted; without your consent (\d+) may be now$/;
function reason(text) {
  const many = lang === 'fr' && MANY.exec(text);
  if (many) return `${many[1]} des ${many[2]} cours à venir seraient supprimés ; sans votre accord, ${many[3]} peuvent l’être`;
  return REASONS[text] || text.split(', ').map((part) => REASONS[part] || part).join(', ');
}
const main = document.getElementById('instances');
const cards = new Map();
let now = new Date();

const lessons = (view, id) => 'dashboard/campus/timetable/' + encodeURIComponent(view.instance) + (id ? '/' + encodeURIComponent(id) : '');
const day = (iso, zone) => new Date(iso).toLocaleDateString(lang, { weekday: 'short', day: 'numeric', month: 'short', timeZone: zone });

// fromWall is the instant of a wall clock in a zone: the one whose clock there says so.
function fromWall(date, time, zone) {
  const wanted = new Date(date + 'T' + time + ':00Z').getTime();
  const shown = (at) => new Date(new Date(at).toLocaleString('sv', { timeZone: zone }).replace(' ', 'T') + 'Z').getTime();
  let at = wanted;
  for (let i = 0; i < 2; i++) at += wanted - shown(at);
  return new Date(at).toISOString();
}

function card(view) {
  const node = document.getElementById('instance').content.firstElementChild.cloneNode(true);
  node.dataset.instance = view.instance;
  const find = (selector) => node.querySelector(selector);
  find('h2').textContent = view.instance;
  find('.sync').textContent = t.sync;
  find('.sync').addEventListener('click', async () => {
    find('.sync').disabled = true;
    await act(() => send('POST', 'dashboard/campus/sync', { instance: view.instance }));
    find('.sync').disabled = false;
  });
  for (const [selector, label] of [['.title', t.title], ['.date', t.date], ['.from', t.from], ['.until', t.until]]) {
    find(selector).setAttribute('aria-label', label);
    find(selector).title = label;
  }
  find('.title').placeholder = t.title;
  find('.date').value = new Date(new Date(now).getTime() + 86400000).toLocaleDateString('sv', { timeZone: view.time_zone });
  find('.add button').textContent = t.add;
  find('.add').addEventListener('submit', (submit) => {
    submit.preventDefault();
    const at = (selector) => fromWall(find('.date').value, find(selector).value, view.time_zone);
    const body = { title: find('.title').value, start: at('.from'), end: at('.until') };
    find('.title').value = '';
    act(() => send('POST', lessons(view), body));
  });
  main.append(node);
  return node;
}

// list shows classes by day and marks those that the other side does not have; edit adds a class's buttons.
function list(classes, others, zone, edit) {
  const other = others.map((o) => ({ title: o.title, start_ms: Date.parse(o.start), end_ms: Date.parse(o.end) }));
  const items = [];
  let last = '';
  for (const c of classes) {
    if (day(c.start, zone) !== last) {
      last = day(c.start, zone);
      const head = document.createElement('li');
      head.className = 'day';
      head.textContent = last;
      items.push(head);
    }
    const item = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = clock(c.start, zone) + '–' + clock(c.end, zone);
    const title = document.createElement('span');
    title.textContent = c.title;
    const room = document.createElement('small');
    room.textContent = c.room;
    title.append(room);
    item.append(time, title);
    if (!other.some((o) => o.title === c.title && o.start_ms === Date.parse(c.start) && o.end_ms === Date.parse(c.end))) {
      item.className = 'differs';
      item.title = t.differs;
    }
    if (edit) edit(item, c);
    items.push(item);
  }
  if (items.length === 0) {
    const empty = document.createElement('li');
    empty.textContent = t.none;
    items.push(empty);
  }
  return items;
}

function state(view) {
  if (view.busy) return t.busy;
  if (!view.last_run) return t.never;
  return view.last_run.fault ? view.last_run.fault.detail : t.ok;
}

function result(view) {
  const run = view.last_run;
  if (!run) return '';
  const done = run.created + run.updated + run.deleted + run.held_back === 0 ? t.same : t.did(run);
  return done + ' · ' + (run.verified ? t.verified : t.notVerified) + (run.fault ? ' · ' + run.fault.do : '');
}

// changes are the last run's, as many as a glance takes in.
const SHOWN = 12;
function changes(view) {
  const all = (view.last_run && view.last_run.changes) || [];
  const rows = all.slice(0, SHOWN).map((c) => [t.what[c.what] || c.what, c.when, c.title, [reason(c.why), c.error].filter(Boolean).join(': ')]);
  if (all.length > SHOWN) rows.push(['… +' + (all.length - SHOWN)]);
  return rows.map((cells) => {
    const line = document.createElement('tr');
    for (const text of cells) line.insertCell().textContent = text;
    return line;
  });
}

function show(view, editable) {
  if (!cards.has(view.instance)) cards.set(view.instance, { node: card(view), last: '' });
  const entry = cards.get(view.instance);
  const current = JSON.stringify(view);
  if (entry.last === current) return; // leaves the focus where it is
  entry.last = current;
  const find = (selector) => entry.node.querySelector(selector);
  find('.state').textContent = state(view);
  find('.state').classList.toggle('bad', Boolean(view.last_run && view.last_run.fault));
  find('.result').textContent = result(view);
  find('.changes tbody').replaceChildren(...changes(view));
  const shift = (iso) => new Date(new Date(iso).getTime() + 30 * 60000).toISOString();
  const edit = (item, c) => item.append(
    button(t.later, t.laterHint, c.title, () => act(() => send('PATCH', lessons(view, c.id), { start: shift(c.start), end: shift(c.end) }))),
    button(t.del, t.delHint, c.title, () => act(() => send('DELETE', lessons(view, c.id)))),
  );
  find('.school ol').replaceChildren(...list(view.school, view.calendar, view.time_zone, editable && edit));
  find('.calendar ol').replaceChildren(...list(view.calendar, view.school, view.time_zone));
  find('.add').hidden = !editable;
  const parts = [];
  if (view.read_at) parts.push(t.read + clock(view.read_at, view.time_zone));
  parts.push(t.next + clock(view.next_run, view.time_zone), t.feeds + view.feeds);
  find('footer').textContent = parts.join(' · ');
}

// Faults that are often wanted: name, target, JSON.
const PRESETS = [
  ['MonCampus: 20 classes missing', 'sim/wigor', { kind: 'partial', items: 20, path: 'Home/Get' }],
  ['MonCampus: empty', 'sim/wigor', { kind: 'empty', path: 'Home/Get' }],
  ['MonCampus: clock repaired', 'sim/wigor', { kind: 'repaired', path: 'Home/Get' }],
  ['MonCampus 503, 60 s', 'sim/wigor', { status: 503, seconds: 60 }],
  ['ECAL 429, 10 s', 'sim/ecal', { status: 429, seconds: 10 }],
  ['ECAL 500, 60 s', 'sim/ecal', { status: 500, seconds: 60 }],
  ['ECAL: next answer lost', 'sim/ecal', { method: 'POST', lose_answer: true, times: 1 }],
  ['ECAL 1 s slow', 'sim/ecal', { latency_ms: 1000, seconds: 60 }],
];

startPage({
  bridge: 'campus', path: 'dashboard/campus?locale=' + lang, every: 1000, simulators: { 'sim/wigor': 'MonCampus', 'sim/ecal': 'ECAL' }, presets: PRESETS,
  draw(view) {
    now = view.now;
    showClock(now, view.instances.length > 0 ? view.instances[0].time_zone : 'UTC'); // the campus's zone, not this browser's
    view.instances.forEach((instance) => show(instance, view.editable));
  },
});
