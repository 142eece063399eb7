'use strict';

// What people read, by language.
const TEXT = {
  en: { sync: 'Synchronise now', later: '+30', laterHint: 'Move 30 minutes later', del: '✕', delHint: 'Cancel', add: 'Add', title: 'Title', date: 'Day', from: 'From', until: 'Until', next: 'next run ', feeds: 'feeds: ', same: 'Nothing to change', none: 'No classes', differs: 'Not on the other side', added: (title, at) => '“' + title + '” added, ' + at + '.', moved: (title, at) => '“' + title + '” moved to ' + at + '.', deleted: (title, at) => '“' + title + '”, ' + at + ', deleted.', did: (r) => r.created + ' created, ' + r.updated + ' updated, ' + r.deleted + ' deleted, ' + r.held_back + ' held back', what: { create: 'created', update: 'updated', delete: 'deleted' },
    standing: { busy: 'At work…', never: 'Not read yet', stale: 'Not read of late', partial: 'Differences', ok: 'Up to date' },
    read: (ago, when) => 'MonCampus read ' + ago + ' (' + when + ')', unread: 'MonCampus was never read whole', feedOnly: 'no ECAL calendar: feeds only',
    agreed: (when) => 'both agreed at ' + when, apart: 'they do not agree: ', unseen: 'whether both agree was not seen', lastAgreed: (when) => 'last seen to agree at ' + when, neverAgreed: 'not seen to agree yet',
    except: { held_back: 'held back: ', kept: 'kept: ', stay_removed: 'removed in ECAL and left out: ', aside: 'put aside: ' },
    why: {
      unconfirmed: 'missing from one reading; deleted after a second one without it', unreadable: 'the lesson cannot be read, so its event stays as it was',
      incomplete: 'a lesson of the reading cannot be read, so what is missing proves nothing', empty: 'the reading was empty', too_many: 'more vanished at once than is deleted without your consent',
      begun: 'no longer on MonCampus, and kept: what has begun is not deleted', aside: 'put aside: dates that cannot be read, or cannot be right',
    } },
  fr: { sync: 'Synchroniser', later: '+30', laterHint: 'Décaler de 30 minutes', del: '✕', delHint: 'Annuler', add: 'Ajouter', title: 'Titre', date: 'Jour', from: 'De', until: 'À', next: 'prochain passage ', feeds: 'abonnements : ', same: 'Rien à changer', none: 'Aucun cours', differs: 'Absent de l’autre côté', added: (title, at) => '« ' + title + ' » ajouté, ' + at + '.', moved: (title, at) => '« ' + title + ' » décalé à ' + at + '.', deleted: (title, at) => '« ' + title + ' », ' + at + ', supprimé.', did: (r) => r.created + ' créés, ' + r.updated + ' modifiés, ' + r.deleted + ' supprimés, ' + r.held_back + ' retenus', what: { create: 'créé', update: 'modifié', delete: 'supprimé' },
    standing: { busy: 'En cours…', never: 'Pas encore lu', stale: 'Pas lu récemment', partial: 'Des écarts', ok: 'À jour' },
    read: (ago, when) => 'MonCampus lu ' + ago + ' (' + when + ')', unread: 'MonCampus n’a jamais été lu en entier', feedOnly: 'pas de calendrier ECAL : abonnements seulement',
    agreed: (when) => 'les deux concordaient à ' + when, apart: 'ils ne concordent pas : ', unseen: 'leur concordance n’a pas pu être constatée', lastAgreed: (when) => 'dernière concordance constatée à ' + when, neverAgreed: 'concordance jamais constatée',
    except: { held_back: 'retenus : ', kept: 'gardés : ', stay_removed: 'retirés d’ECAL et non recréés : ', aside: 'mis de côté : ' },
    why: {
      unconfirmed: 'absent d’une lecture ; supprimé après une deuxième lecture sans lui', unreadable: 'cours illisible : son événement reste tel quel',
      incomplete: 'un cours de la lecture est illisible : ce qui manque ne prouve rien', empty: 'la lecture était vide', too_many: 'plus de disparitions d’un coup qu’il n’en est supprimé sans votre accord',
      begun: 'absent de MonCampus, et gardé : un cours commencé n’est pas supprimé', aside: 'mis de côté : dates illisibles ou impossibles',
    } },
};
const t = TEXT[lang] || TEXT.en;

const main = document.querySelector('main');
const cards = new Map();
let now = new Date();

const lessons = (view, id) => 'dashboard/campus/timetable/' + encodeURIComponent(view.instance) + (id ? '/' + encodeURIComponent(id) : '');
const when = (c, zone) => day(c.start, zone) + ', ' + clock(c.start, zone) + '–' + clock(c.end, zone);
const day = (iso, zone) => new Date(iso).toLocaleDateString(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone: zone });

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
    enable(find('.sync'), false);
    await act(() => send('POST', 'dashboard/campus/sync', { instance: view.instance }), '');
    enable(find('.sync'), true);
  });
  node.querySelectorAll('label span').forEach((label, i) => { label.textContent = [t.title, t.date, t.from, t.until][i]; });
  find('.date').value = new Date(new Date(now).getTime() + 86400000).toLocaleDateString('sv', { timeZone: view.time_zone });
  find('.add button').textContent = t.add;
  find('.add').addEventListener('submit', (submit) => {
    submit.preventDefault();
    const at = (selector) => fromWall(find('.date').value, find(selector).value, view.time_zone);
    const body = { title: find('.title').value, start: at('.from'), end: at('.until') };
    act(() => send('POST', lessons(view), body), () => {
      find('.title').value = ''; // only now: what failed stays
      return t.added(body.title, when(body, view.time_zone));
    });
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

const state = (view) => (view.standing === 'failed' ? view.last_run.fault.detail : t.standing[view.standing]);

// result says what the last run did, and of both sides no more than it saw.
function result(view) {
  const run = view.last_run;
  if (!run) return '';
  const idle = run.created + run.updated + run.deleted + run.held_back === 0;
  const parts = [idle && run.agree ? t.same : idle && run.fault ? '' : t.did(run)];
  if (!view.ecal) parts.push(t.feedOnly);
  if (run.agree) {
    if (view.ecal) parts.push(t.agreed(moment(run.ended, view.time_zone, now)));
  } else {
    const apart = { ...run, aside: (run.unreadable || []).length };
    const why = Object.keys(t.except).filter((key) => apart[key] > 0).map((key) => t.except[key] + apart[key]);
    parts.push(why.length > 0 ? t.apart + why.join(', ') : t.unseen, view.agreed_at ? t.lastAgreed(moment(view.agreed_at, view.time_zone, now)) : t.neverAgreed);
  }
  return parts.concat(run.fault ? [run.fault.do] : []).filter(Boolean).join(' · ');
}

// exceptions are the classes in which both sides differ for a reason: a line for each reason.
const NAMED = 6;
function exceptions(view) {
  const all = [...view.held, ...view.kept].map((h) => [h.code, h.class.title + ' (' + day(h.class.start, view.time_zone) + ' ' + clock(h.class.start, view.time_zone) + ')']);
  for (const text of (view.last_run && view.last_run.unreadable) || []) all.push(['aside', text.split(':')[0]]);
  return [...new Set(all.map(([code]) => code))].map((code) => {
    const names = all.filter(([c]) => c === code).map(([, name]) => name);
    const line = document.createElement('li');
    const list = document.createElement('small');
    list.textContent = names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ', … +' + (names.length - NAMED) : '');
    line.append(names.length + ' × ' + t.why[code], list);
    return line;
  });
}

// changes are the last run's, as many as a glance takes in.
const SHOWN = 12;
function changes(view) {
  const all = ((view.last_run && view.last_run.changes) || []).filter((c) => !c.code); // the others are exceptions
  const rows = all.slice(0, SHOWN).map((c) => [t.what[c.what] || c.what, c.when, c.title, [c.why, c.error].filter(Boolean).join(': ')]);
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
  const parts = [view.seen_at ? t.read(ago(view.seen_at, now), moment(view.seen_at, view.time_zone, now)) : t.unread];
  parts.push(t.next + moment(view.next_run, view.time_zone, now), t.feeds + view.feeds);
  entry.node.querySelector('footer').textContent = parts.join(' · ');
  const current = JSON.stringify({ ...view, now: day(now, view.time_zone) });
  if (entry.last === current) return; // leaves the focus where it is
  entry.last = current;
  const find = (selector) => entry.node.querySelector(selector);
  find('.state').textContent = state(view);
  find('.state').classList.toggle('bad', view.standing === 'failed');
  find('.state').classList.toggle('warn', view.standing !== 'ok');
  find('.result').textContent = result(view);
  find('.exceptions').replaceChildren(...exceptions(view));
  find('.changes tbody').replaceChildren(...changes(view));
  const shift = (iso) => new Date(new Date(iso).getTime() + 30 * 60000).toISOString();
  const edit = (item, c) => item.append(
    button(t.later, t.laterHint, c.title, () => act(() => send('PATCH', lessons(view, c.id), { start: shift(c.start), end: shift(c.end) }), (moved) => t.moved(c.title, when(moved, view.time_zone)))),
    button(t.del, t.delHint, c.title, () => {
      let whole; // the lesson with all that the page does not show, to put it back
      act(async () => {
        whole = (await send('GET', lessons(view))).find((l) => String(l.id) === c.id);
        await send('DELETE', lessons(view, c.id));
      }, () => t.deleted(c.title, when(c, view.time_zone)), { undo: () => send('POST', lessons(view), whole) });
    }),
  );
  find('.school ol').replaceChildren(...list(view.school, view.ecal ? view.calendar : view.school, view.time_zone, editable && edit));
  find('.calendar ol').replaceChildren(...list(view.calendar, view.school, view.time_zone));
  find('.calendar').hidden = !view.ecal;
  find('.add').hidden = !editable;
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
  path: 'dashboard/campus?locale=' + lang, every: 1000, simulators: { 'sim/wigor': 'MonCampus', 'sim/ecal': 'ECAL' }, presets: PRESETS,
  draw(view) {
    now = view.now;
    showClock(now, view.instances.length > 0 ? view.instances[0].time_zone : 'UTC'); // the campus's zone, not this browser's
    view.instances.forEach((instance) => show(instance, view.editable));
  },
});
