'use strict';

// What people read, by language.
const TEXT = {
  en: { free: 'Free', busy: 'Busy', unknown: 'Not known', since: (at) => 'Not known since ' + at, never: 'Never read', untold: 'Its Thing has shown nothing yet', old: (at, age) => 'Old: calendar read at ' + at + ', ' + age, next: 'Next: ', add: 'Add', title: 'Title', inMins: 'Starts in (min)', mins: 'Minutes', later: '+15', laterHint: 'Move 15 minutes later', del: '✕', delHint: 'Delete', book: 'Book 30 minutes now', bookOff: 'The room is busy: it cannot be booked now.', bookUnknown: 'It is not known whether the room is free: it cannot be booked now.', read: 'Calendar read at ', neverRead: 'Calendar never read', list: 'Read it now', listing: 'Reading the calendar…', listed: (at) => 'Calendar read at ' + at + '.', notListed: 'The calendar has not been read yet. It is tried again by itself.', channel: 'notified until ', none: 'Nothing planned', noneKnown: 'Meetings are not known', over: (name) => 'Skip to ' + name, end: 'Skip to the end', booked: (span, mins, asked) => 'Booked ' + span + (mins === asked ? '.' : ', ' + mins + ' minutes: bookings end on a quarter of an hour.'), offer: (free, mins) => (free > 0 ? 'Only ' + free + ' minutes are free: book ' + mins + '?' : 'Book ' + mins + ' minutes?'), yes: (mins) => 'Book ' + mins + ' minutes', offerRest: (until) => 'Free until ' + until + ' only: book until then?', yesRest: (until) => 'Book until ' + until, added: (title, span) => '“' + title + '” added, ' + span + '.', moved: (title, span) => '“' + title + '” moved to ' + span + '.', deleted: (title, span) => '“' + title + '”, ' + span + ', deleted.', messages: 'Last messages', events: ' events' },
  fr: { free: 'Libre', busy: 'Occupée', unknown: 'Inconnu', since: (at) => 'État inconnu depuis ' + at, never: 'Jamais lue', untold: 'Sa Thing n’a encore rien affiché', old: (at, age) => 'Ancien : agenda lu à ' + at + ', ' + age, next: 'Ensuite : ', add: 'Ajouter', title: 'Titre', inMins: 'Dans (min)', mins: 'Minutes', later: '+15', laterHint: 'Décaler de 15 minutes', del: '✕', delHint: 'Supprimer', book: 'Réserver 30 minutes', bookOff: 'La salle est occupée : elle ne peut pas être réservée maintenant.', bookUnknown: 'On ne sait pas si la salle est libre : elle ne peut pas être réservée maintenant.', read: 'Agenda lu à ', neverRead: 'Agenda jamais lu', list: 'Le lire maintenant', listing: 'Lecture de l’agenda…', listed: (at) => 'Agenda lu à ' + at + '.', notListed: 'L’agenda n’a pas encore été lu. Une nouvelle tentative suit d’elle-même.', channel: 'notifications jusqu’au ', none: 'Rien de prévu', noneKnown: 'Réunions inconnues', over: (name) => 'Passer à ' + name, end: 'Passer à la fin', booked: (span, mins, asked) => 'Réservée ' + span + (mins === asked ? '.' : ', ' + mins + ' minutes : une réservation finit au quart d’heure.'), offer: (free, mins) => (free > 0 ? 'Seules ' + free + ' minutes sont libres : en réserver ' + mins + ' ?' : 'Réserver ' + mins + ' minutes ?'), yes: (mins) => 'Réserver ' + mins + ' minutes', offerRest: (until) => 'Libre jusqu’à ' + until + ' seulement : réserver jusque-là ?', yesRest: (until) => 'Réserver jusqu’à ' + until, added: (title, span) => '« ' + title + ' » ajoutée, ' + span + '.', moved: (title, span) => '« ' + title + ' » décalée à ' + span + '.', deleted: (title, span) => '« ' + title + ' », ' + span + ', supprimée.', messages: 'Derniers messages', events: ' événements' },
};
const t = TEXT[lang] || TEXT.en;

const main = document.querySelector('main');
const cards = new Map(); // by room: its node, its room as last answered, its meetings' lines by id
let now = new Date();

const events = (room, id) => 'dashboard/calendar/calendar/v3/calendars/' + encodeURIComponent(room.calendar_id) + '/events' + (id ? '/' + encodeURIComponent(id) : '');
const span = (room, m) => moment(m.start, room.time_zone, now) + '–' + clock(m.end, room.time_zone);
const planned = (e) => ({ start: e.start.dateTime, end: e.end.dateTime }); // of Google's event

// book books; where less is free than asked for, that is offered.
function book(entry, body) {
  const { room } = entry;
  act(() => send('POST', 'dashboard/book', { room_name: room.name, ...body }), (m) => t.booked(span(room, m), m.duration_mins, body.fit ? m.duration_mins : body.duration_mins), {
    failed({ answer }, card) {
      const next = room.meetings.find((m) => new Date(m.start) > now);
      const free = next ? Math.floor((new Date(next.start) - now) / 60000) : 0;
      const mins = answer.available_mins;
      if (mins > 0 && mins !== body.duration_mins) say(card, t.offer(free, mins), false, [t.yes(mins), () => book(entry, { duration_mins: mins })]);
      else if (mins === 0 && free > 0 && !body.fit && room.thing.busynow === 0) {
        const until = clock(next.start, room.time_zone);
        say(card, t.offerRest(until), false, [t.yesRest(until), () => book(entry, { duration_mins: 15, fit: true })]);
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
      if (entry.room.fetched_at !== room.fetched_at) return t.listed(clock(entry.room.fetched_at, entry.room.time_zone));
      if (entry.room.faults.join() !== room.faults.join()) break;
      await new Promise((done) => setTimeout(done, 500));
    }
    throw new Failure(entry.room.faults.join(' ') || t.notListed);
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
    return t.added(summary, span(room, planned(e)));
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
  node.querySelectorAll('label span').forEach((label, i) => { label.textContent = [t.title, t.inMins, t.mins][i]; });
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
    over.textContent = next ? t.over(next.room.name) : t.end;
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
  const later = button(t.later, t.laterHint, '', () => act(() => send('PATCH', events(entry.room, id), { start: shift(m.start), end: shift(m.end) }), (e) => {
    draw({ ...m, ...planned(e) });
    return t.moved(m.title, span(entry.room, m));
  }));
  const del = button(t.del, t.delHint, '', () => act(() => send('DELETE', events(entry.room, id)), () => t.deleted(m.title, span(entry.room, m)), {
    undo: () => send('PATCH', events(entry.room, id), { status: 'confirmed' }), // as Google restores what was deleted
  }));
  const draw = (meeting) => {
    m = meeting;
    time.textContent = clock(m.start, entry.room.time_zone) + '–' + clock(m.end, entry.room.time_zone);
    title.textContent = m.title;
    rename(later, t.later, t.laterHint, m.title + ' ' + time.textContent);
    rename(del, t.del, t.delHint, m.title + ' ' + time.textContent);
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
  if (items.length === 0) items.push(element('li', room.known ? t.none : t.noneKnown));
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
  find('.current').textContent = known ? thing.curevmtg || '…' : room.known && !away ? t.untold : since ? t.since(since) : t.never;
  find('.time').textContent = known ? thing.curevtm || '' : '';
  find('.next').textContent = known && thing.nextevmtg ? t.next + thing.nextevmtg + ' ' + thing.nextevtm : '';
  find('.age').textContent = known && room.stale && room.fetched_at ? t.old(moment(room.fetched_at, room.time_zone, now), ago(room.fetched_at, now)) : '';
  enable(find('.book'), known && !busy, away ? '' : known ? t.bookOff : t.bookUnknown);
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
  find('.log ol').replaceChildren(...room.messages.map((m) => element('li', new Date(m.at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZone: room.time_zone }) + ' ' + m.topic + (m.events === undefined ? '' : ' · ' + m.events + t.events))));
  const parts = [room.fetched_at ? t.read + moment(room.fetched_at, room.time_zone, now) : t.neverRead];
  if (room.channel_expires) parts.push(t.channel + new Date(room.channel_expires).toLocaleDateString(locale, { day: 'numeric', month: 'short', timeZone: room.time_zone }));
  find('footer span').textContent = parts.join(' · ');
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
