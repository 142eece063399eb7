'use strict';

// What people read, by language.
const TEXT = {
  en: { free: 'Free', busy: 'Busy', next: 'Next: ', add: 'Add', title: 'Title', inMins: 'Starts in (min)', mins: 'Minutes', later: '+15', laterHint: 'Move 15 minutes later', del: '✕', delHint: 'Delete', book: 'Book 30 minutes now', read: 'Calendar read at ', channel: 'notified until ', none: 'Nothing planned', booked: 'Booked', messages: 'Last messages', events: ' events' },
  fr: { free: 'Libre', busy: 'Occupée', next: 'Ensuite : ', add: 'Ajouter', title: 'Titre', inMins: 'Commence dans (min)', mins: 'Minutes', later: '+15', laterHint: 'Décaler de 15 minutes', del: '✕', delHint: 'Supprimer', book: 'Réserver 30 minutes', read: 'Agenda lu à ', channel: 'notifié jusqu’au ', none: 'Rien de prévu', booked: 'Réservé', messages: 'Derniers messages', events: ' événements' },
};
const t = TEXT[lang];

const main = document.getElementById('rooms');
const cards = new Map();
let now = new Date();

const events = (room, id) => 'dashboard/calendar/calendar/v3/calendars/' + encodeURIComponent(room.calendar_id) + '/events' + (id ? '/' + encodeURIComponent(id) : '');

function card(room) {
  const node = document.getElementById('room').content.firstElementChild.cloneNode(true);
  node.dataset.room = room.name;
  const find = (selector) => node.querySelector(selector);
  find('h2').textContent = room.name;
  for (const [selector, label] of [['.title', t.title], ['.in', t.inMins], ['.mins', t.mins]]) {
    find(selector).setAttribute('aria-label', label);
    find(selector).title = label;
  }
  find('.title').placeholder = t.title;
  find('.add button').textContent = t.add;
  find('.book').textContent = t.book;
  find('.log summary').textContent = t.messages;
  find('.book').addEventListener('click', () => act(() => send('POST', 'dashboard/book', { room_name: room.name, duration_mins: 30 }), t.booked));
  find('.add').addEventListener('submit', (submit) => {
    submit.preventDefault();
    const start = new Date(now.getTime() + find('.in').value * 60000);
    const end = new Date(start.getTime() + find('.mins').value * 60000);
    const body = { summary: find('.title').value, start: { dateTime: start.toISOString() }, end: { dateTime: end.toISOString() } };
    find('.title').value = '';
    act(() => send('POST', events(room), body));
  });
  main.append(node);
  return node;
}

function meeting(room, m, editable) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = clock(m.start, room.time_zone) + '–' + clock(m.end, room.time_zone);
  const title = document.createElement('span');
  title.textContent = m.title;
  item.append(time, title);
  if (!editable) return item;
  const shift = (iso) => ({ dateTime: new Date(new Date(iso).getTime() + 15 * 60000).toISOString() });
  item.append(button(t.later, t.laterHint, m.title, () => act(() => send('PATCH', events(room, m.id), { start: shift(m.start), end: shift(m.end) }))));
  item.append(button(t.del, t.delHint, m.title, () => act(() => send('DELETE', events(room, m.id)))));
  return item;
}

function show(room, editable) {
  if (!cards.has(room.name)) cards.set(room.name, { node: card(room), last: '' });
  const entry = cards.get(room.name);
  const current = JSON.stringify(room);
  if (entry.last === current) return; // leaves the focus where it is
  entry.last = current;
  const find = (selector) => entry.node.querySelector(selector);
  const thing = room.thing || {};
  find('.door').classList.toggle('busy', thing.busynow === 1);
  find('.state').textContent = thing.busynow === 1 ? t.busy : t.free;
  find('.current').textContent = thing.curevmtg || '…';
  find('.time').textContent = thing.curevtm || '';
  find('.next').textContent = thing.nextevmtg ? t.next + thing.nextevmtg + ' ' + thing.nextevtm : '';
  const list = room.meetings.map((m) => meeting(room, m, editable));
  if (list.length === 0) {
    const empty = document.createElement('li');
    empty.textContent = t.none;
    list.push(empty);
  }
  find('.meetings').replaceChildren(...list);
  find('.add').hidden = !editable;
  find('.faults').textContent = room.faults.join(' ');
  find('.log ol').replaceChildren(...room.messages.map((m) => {
    const line = document.createElement('li');
    line.textContent = new Date(m.at).toLocaleTimeString(lang, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: room.time_zone }) + ' ' + m.topic + (m.events === undefined ? '' : ' · ' + m.events + t.events);
    return line;
  }));
  const parts = [];
  if (room.fetched_at) parts.push(t.read + clock(room.fetched_at, room.time_zone));
  if (room.channel_expires) parts.push(t.channel + new Date(room.channel_expires).toLocaleDateString(lang));
  find('footer').textContent = parts.join(' · ');
}

// Faults that are often wanted: name, target, JSON.
const PRESETS = [
  ['Google 429, 60 s', 'sim/googlecal', { status: 429, reason: 'rateLimitExceeded', seconds: 60 }],
  ['Google 500, 60 s', 'sim/googlecal', { status: 500, seconds: 60 }],
  ['Google: next push lost', 'sim/googlecal', { pushes: 'drop', times: 1 }],
  ['Google: pushes 5 s late', 'sim/googlecal', { pushes: 'delay', latency_ms: 5000, seconds: 60 }],
  ['Google: blue_room unshared', 'sim/googlecal', { status: 404, path: 'calendars/blue_room@' }],
  ['Arduino 429, 60 s', 'sim/iotcloud', { status: 429, seconds: 60 }],
  ['Arduino 500, 60 s', 'sim/iotcloud', { status: 500, seconds: 60 }],
  ['Arduino 2 s slow', 'sim/iotcloud', { latency_ms: 2000, seconds: 60 }],
  ['Arduino: no limit', 'sim/iotcloud', { limit_off: true }],
];
startPage({
  bridge: 'rooms', path: 'dashboard/rooms', every: 500, simulators: { 'sim/googlecal': 'Google', 'sim/iotcloud': 'Arduino' }, presets: PRESETS,
  draw(view) {
    now = new Date(view.now);
    showClock(now, view.rooms.length > 0 ? view.rooms[0].time_zone : 'UTC'); // the rooms' zone, not this browser's
    view.rooms.forEach((room) => show(room, view.editable));
  },
});
