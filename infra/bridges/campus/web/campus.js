'use strict';

const t = texts.page;

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
      return fill(t.added, { title: body.title, at: when(body, view.time_zone) });
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
  const parts = [idle && run.agree ? t.same : idle && run.fault ? '' : fill(t.did, run)];
  if (!view.ecal) parts.push(t.feed_only);
  if (run.agree) {
    if (view.ecal) parts.push(fill(t.agreed, { at: moment(run.ended, view.time_zone, now) }));
  } else {
    const apart = { ...run, aside: (run.unreadable || []).length };
    const why = Object.keys(t.except).filter((key) => apart[key] > 0).map((key) => fill(t.except[key], { n: apart[key] }));
    parts.push(why.length > 0 ? fill(t.apart, { why: why.join(', ') }) : t.unseen, view.agreed_at ? fill(t.last_agreed, { at: moment(view.agreed_at, view.time_zone, now) }) : t.never_agreed);
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
  const parts = [view.seen_at ? fill(t.read, { ago: ago(view.seen_at, now), at: moment(view.seen_at, view.time_zone, now) }) : t.unread];
  parts.push(fill(t.next, { at: moment(view.next_run, view.time_zone, now) }), fill(t.feeds, { n: view.feeds }));
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
    button(t.later, t.later_hint, c.title, () => act(() => send('PATCH', lessons(view, c.id), { start: shift(c.start), end: shift(c.end) }), (moved) => fill(t.moved, { title: c.title, at: when(moved, view.time_zone) }))),
    button(t.del, t.del_hint, c.title, () => {
      let whole; // the lesson with all that the page does not show, to put it back
      act(async () => {
        whole = (await send('GET', lessons(view))).find((l) => String(l.id) === c.id);
        await send('DELETE', lessons(view, c.id));
      }, () => fill(t.deleted, { title: c.title, at: when(c, view.time_zone) }), { undo: () => send('POST', lessons(view), whole) });
    }),
  );
  find('.school ol').replaceChildren(...list(view.school, view.ecal ? view.calendar : view.school, view.time_zone, editable && edit));
  find('.calendar ol').replaceChildren(...list(view.calendar, view.school, view.time_zone));
  find('.calendar').hidden = !view.ecal;
  find('.add').hidden = !editable;
}

// Faults that are often wanted: name, target, JSON.
const PRESETS = [
  ['partial', 'sim/wigor', { kind: 'partial', items: 20, path: 'Home/Get' }],
  ['empty', 'sim/wigor', { kind: 'empty', path: 'Home/Get' }],
  ['repaired', 'sim/wigor', { kind: 'repaired', path: 'Home/Get' }],
  ['school_down', 'sim/wigor', { status: 503, seconds: 60 }],
  ['ecal_limit', 'sim/ecal', { status: 429, seconds: 10 }],
  ['ecal_down', 'sim/ecal', { status: 500, seconds: 60 }],
  ['ecal_lost', 'sim/ecal', { method: 'POST', lose_answer: true, times: 1 }],
  ['ecal_slow', 'sim/ecal', { latency_ms: 1000, seconds: 60 }],
];

startPage({
  path: 'dashboard/campus?locale=' + lang, every: 1000, simulators: { 'sim/wigor': 'MonCampus', 'sim/ecal': 'ECAL' }, presets: PRESETS,
  draw(view) {
    now = view.now;
    showClock(now, view.instances.length > 0 ? view.instances[0].time_zone : 'UTC'); // the campus's zone, not this browser's
    view.instances.forEach((instance) => show(instance, view.editable));
  },
});
