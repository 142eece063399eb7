'use strict';

const t = texts.page;

const main = document.querySelector('main');
const cards = new Map(); // by room: its node, its room as last answered, its meetings' lines by id
let now = new Date();

const events = (room, id) => 'dashboard/calendar/calendar/v3/calendars/' + encodeURIComponent(room.calendar_id) + '/events' + (id ? '/' + encodeURIComponent(id) : '');
const span = (room, m) => moment(m.start, room.time_zone, now) + '–' + clock(m.end, room.time_zone);
const planned = (e) => ({ start: e.start.dateTime, end: e.end.dateTime }); // of Google's event

// book books; where less is free than asked for, that is offered.
function book(entry, body) {
  const { room } = entry;
  act(() => send('POST', 'dashboard/book', { room_name: room.name, ...body }), (m) => fill(body.fit || m.duration_mins === body.duration_mins ? t.booked : t.booked_other, { span: span(room, m), mins: m.duration_mins }), {
    failed({ answer }, card) {
      const next = room.meetings.find((m) => new Date(m.start) > now);
      const free = next ? Math.floor((new Date(next.start) - now) / 60000) : 0;
      const mins = answer.available_mins;
      if (mins > 0 && mins !== body.duration_mins) say(card, fill(free > 0 ? t.offer : t.offer_any, { free, mins }), false, [fill(t.yes, { mins }), () => book(entry, { duration_mins: mins })]);
      else if (mins === 0 && free > 0 && !body.fit && room.thing.busynow === 0) {
        const until = clock(next.start, room.time_zone);
        say(card, fill(t.offer_rest, { until }), false, [fill(t.yes_rest, { until }), () => book(entry, { duration_mins: 15, fit: true })]);
      } else return false;
      return true;
    },
  });
}

const listWait = 15000; // milliseconds that a person waits for a calendar

// listNow has the calendar read, and answers when it was.
function listNow(entry) {
  const { room } = entry;
  const read = async () => {
    await send('POST', 'dashboard/rooms/' + encodeURIComponent(room.name) + '/list');
    for (const until = Date.now() + listWait; Date.now() < until;) {
      await refresh();
      if (entry.room.fetched_at !== room.fetched_at) return fill(t.listed, { at: clock(entry.room.fetched_at, entry.room.time_zone) });
      if (entry.room.faults.join() !== room.faults.join()) break;
      await new Promise((done) => setTimeout(done, 500));
    }
    throw new Failure(entry.room.faults.join(' ') || t.not_listed);
  };
  say(entry.node, t.listing);
  act(read, (text) => text);
}

function add(entry) {
  const { room, node } = entry;
  const find = (selector) => node.querySelector(selector);
  const start = new Date(now.getTime() + find('.in').value * 60000);
  const end = new Date(start.getTime() + find('.mins').value * 60000);
  const summary = find('.title').value;
  act(() => send('POST', events(room), { summary, start: { dateTime: start.toISOString() }, end: { dateTime: end.toISOString() } }), (e) => {
    if (find('.title').value === summary) find('.title').value = ''; // only now: what failed stays
    return fill(t.added, { title: summary, span: span(room, planned(e)) });
  });
}

function card(room) {
  const node = document.getElementById('room').content.firstElementChild.cloneNode(true);
  const entry = { node, room, last: '', lines: new Map() };
  node.dataset.room = room.name;
  const find = (selector) => node.querySelector(selector);
  find('h2').textContent = room.name;
  find('h2').id = 'room-' + cards.size;
  node.setAttribute('aria-labelledby', find('h2').id);
  node.querySelectorAll('label span').forEach((label, i) => { label.textContent = [t.title, t.in_mins, t.mins][i]; });
  find('.add button').textContent = t.add;
  find('.book').textContent = t.book;
  find('.list').textContent = t.list;
  find('.log summary').textContent = t.messages;
  find('.book').addEventListener('click', () => book(entry, { duration_mins: 30 }));
  find('.list').addEventListener('click', () => listNow(entry));
  find('.add').addEventListener('submit', (submit) => {
    submit.preventDefault();
    add(entry);
  });
  main.append(node);
  cards.set(room.name, entry);
  return entry;
}

// ways lets a keyboard pass over a room's controls: each card begins with a link to the next one.
function ways() {
  const all = [...cards.values()];
  all.forEach(({ node }, i) => {
    const next = all[i + 1];
    const over = node.querySelector('.over');
    over.textContent = next ? fill(t.over, { room: next.room.name }) : t.end;
    over.href = next ? '#' + next.node.querySelector('h2').id : '#faults';
  });
}

// line is a meeting's; it stays while its meeting does, and so does the focus in it.
function line(entry, id) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  const title = document.createElement('span');
  item.append(time, title);
  let m;
  const shift = (iso) => ({ dateTime: new Date(new Date(iso).getTime() + 15 * 60000).toISOString() });
  const later = button(t.later, t.later_hint, '', () => act(() => send('PATCH', events(entry.room, id), { start: shift(m.start), end: shift(m.end) }), (e) => {
    draw({ ...m, ...planned(e) });
    return fill(t.moved, { title: m.title, span: span(entry.room, m) });
  }));
  const del = button(t.del, t.del_hint, '', () => act(() => send('DELETE', events(entry.room, id)), () => fill(t.deleted, { title: m.title, span: span(entry.room, m) }), {
    undo: () => send('PATCH', events(entry.room, id), { status: 'confirmed' }), // as Google restores what was deleted
  }));
  const draw = (meeting) => {
    m = meeting;
    time.textContent = clock(m.start, entry.room.time_zone) + '–' + clock(m.end, entry.room.time_zone);
    title.textContent = m.title;
    rename(later, t.later, t.later_hint, m.title + ' ' + time.textContent);
    rename(del, t.del, t.del_hint, m.title + ' ' + time.textContent);
  };
  return { item, draw, editable: (is) => (is ? item.append(later, del) : (later.remove(), del.remove())) };
}

function showMeetings(entry, editable) {
  const { room, lines } = entry;
  const list = entry.node.querySelector('.meetings');
  const meetings = room.known ? room.meetings : [];
  const items = meetings.map((m) => {
    if (!lines.has(m.id)) lines.set(m.id, line(entry, m.id));
    const one = lines.get(m.id);
    one.draw(m);
    if (one.shown !== editable) one.editable(editable);
    one.shown = editable;
    return one.item;
  });
  for (const id of lines.keys()) if (!meetings.some((m) => m.id === id)) lines.delete(id);
  if (items.length === 0) items.push(element('li', room.known ? t.none : t.none_known));
  [...list.children].forEach((old) => items.includes(old) || old.remove());
  items.forEach((item, i) => list.children[i] === item || list.insertBefore(item, list.children[i] || null)); // what stands in its place is not moved: it would lose the focus
}

// door is what a display shows; what is not known is neither free nor busy.
function door(entry, away) {
  const { room } = entry;
  const find = (selector) => entry.node.querySelector(selector);
  const thing = room.thing || {};
  const told = [0, 1].includes(thing.busynow); // else the display has shown nothing yet
  const known = room.known && told && !away;
  const busy = thing.busynow === 1;
  find('.door').classList.toggle('busy', known && busy);
  find('.door').classList.toggle('unknown', !known);
  find('.state').textContent = known ? (busy ? t.busy : t.free) : t.unknown;
  const since = away ? answered : room.fetched_at && moment(room.fetched_at, room.time_zone, now);
  find('.current').textContent = known ? thing.curevmtg || '…' : room.known && !away ? t.untold : since ? fill(t.since, { at: since }) : t.never;
  find('.time').textContent = known ? thing.curevtm || '' : '';
  find('.next').textContent = known && thing.nextevmtg ? fill(t.next, { title: thing.nextevmtg, time: thing.nextevtm }) : '';
  find('.age').textContent = known && room.stale && room.fetched_at ? fill(t.old, { at: moment(room.fetched_at, room.time_zone, now), age: ago(room.fetched_at, now) }) : '';
  enable(find('.book'), known && !busy, away ? '' : known ? t.book_off : t.book_unknown);
}

function show(room, editable) {
  const entry = cards.get(room.name) || card(room);
  entry.room = room;
  const current = JSON.stringify(room) + (room.stale ? ago(room.fetched_at, now) : '');
  if (entry.last === current) return;
  entry.last = current;
  const find = (selector) => entry.node.querySelector(selector);
  door(entry, false);
  showMeetings(entry, editable);
  find('.add').hidden = !editable;
  find('.faults').textContent = room.faults.join(' ');
  find('.log ol').replaceChildren(...room.messages.map((m) => element('li', new Date(m.at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: room.time_zone }) + ' ' + m.topic + (m.events === undefined ? '' : ' · ' + fill(t.events, { n: m.events })))));
  const parts = [room.fetched_at ? fill(t.read, { at: moment(room.fetched_at, room.time_zone, now) }) : t.never_read];
  if (room.channel_expires) parts.push(fill(t.channel, { at: new Date(room.channel_expires).toLocaleDateString(locale, { day: 'numeric', month: 'short', timeZone: room.time_zone }) }));
  find('footer span').textContent = parts.join(' · ');
}

// Faults that are often wanted: name, target, JSON.
const PRESETS = [
  ['google_limit', 'sim/googlecal', { status: 429, reason: 'rateLimitExceeded', seconds: 60 }],
  ['google_down', 'sim/googlecal', { status: 500, seconds: 60 }],
  ['push_lost', 'sim/googlecal', { pushes: 'drop', times: 1 }],
  ['push_late', 'sim/googlecal', { pushes: 'delay', latency_ms: 5000, seconds: 60 }],
  ['unshared', 'sim/googlecal', { status: 404, path: 'calendars/blue_room@' }],
  ['arduino_limit', 'sim/iotcloud', { status: 429, seconds: 60 }],
  ['arduino_down', 'sim/iotcloud', { status: 500, seconds: 60 }],
  ['arduino_slow', 'sim/iotcloud', { latency_ms: 2000, seconds: 60 }],
  ['no_limit', 'sim/iotcloud', { limit_off: true }],
];
startPage({
  path: 'dashboard/rooms?locale=' + lang, every: 500, simulators: { 'sim/googlecal': 'Google', 'sim/iotcloud': 'Arduino' }, presets: PRESETS,
  draw(view) {
    now = new Date(view.now);
    showClock(now, view.rooms.length > 0 ? view.rooms[0].time_zone : 'UTC'); // the rooms' zone, not this browser's
    const before = cards.size;
    view.rooms.forEach((room) => show(room, view.editable));
    for (const [name, { node }] of cards) if (!view.rooms.some((room) => room.name === name)) cards.delete(name), node.remove();
    if (cards.size !== before) ways();
  },
  lost(away) {
    for (const entry of cards.values()) away ? door(entry, true) : entry.last = '';
  },
});
