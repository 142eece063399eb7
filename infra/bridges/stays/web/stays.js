'use strict';

const t = texts.page;
const find = (selector) => document.querySelector(selector);

// Days are texts, YYYY-MM-DD; they have no zone.
const DAY = 86400000;
const utc = (day) => new Date(day + 'T00:00:00Z');
const plus = (day, n) => new Date(utc(day).getTime() + n * DAY).toISOString().slice(0, 10);
const write = (day, options) => utc(day).toLocaleDateString(locale, { timeZone: 'UTC', ...options });
const short = (day) => write(day, { day: 'numeric', month: 'short', year: 'numeric' });
const span = (from, to) => (from === to ? short(from) : fill(t.span, { first: short(from), last: short(to) }));

const kindOf = (origin) => origin.split(':')[0];
const who = (origin) => {
  const [kind, name] = origin.split(':');
  return [t.holder[kind] || kind, name].filter(Boolean).join(' ');
};

let first = ''; // day that is shown; '': today
let sought = ''; // text by which owners are found
let drawn = ''; // what the page shows
let shown = null;

function move(by) {
  first = plus(shown.from, by);
  refresh();
}

function setUp() {
  find('.title').textContent = t.cottages;
  for (const [name, text, by, sign] of [['.before', t.before, -28, '‹'], ['.after', t.after, 28, '›']]) {
    find(name).textContent = sign;
    find(name).setAttribute('aria-label', text);
    find(name).title = text;
    find(name).addEventListener('click', () => move(by));
  }
  find('.legend').textContent = t.legend;
  find('.booking h2').textContent = t.book;
  find('.delivery h2').textContent = t.delivery;
  find('.delivery thead tr').append(...[t.destination, t.upto, t.left, t.state, t.pause].map((text) => element('th', text)));
  find('.owners h2').textContent = t.owners;
  find('.owners thead tr').append(...[t.owner, t.cottages_of, t.updated, t.conflicts, t.enter].map((text) => element('th', text)));
  find('.search span').textContent = t.search;
  find('.search input').addEventListener('input', (event) => {
    sought = event.target.value.trim();
    refresh();
  });
  find('.letters h3').textContent = t.letters_title;
  find('.journal h2').textContent = t.log;
  find('.journal thead tr').append(...[t.number, t.when, t.cottage, t.days, t.type, t.by, t.undo].map((text) => element('th', text)));
  [t.partner, t.cottage, t.from, t.to, t.type].forEach((text, i) => { document.querySelectorAll('.booking label span')[i].textContent = text; });
  find('.booking button').textContent = t.send;
  for (const type of ['booked', 'unavailable', 'available']) find('.booking .type').add(new Option(t[type], type));
  find('.booking form').addEventListener('submit', submit);
}

function submit(event) {
  event.preventDefault();
  const body = Object.fromEntries(['partner', 'unit', 'from', 'to', 'type'].map((name) => [name, find('.booking .' + name).value]));
  if (body.to < body.from) return say(find('.booking'), t.order, true);
  act(() => send('POST', 'dashboard/stays/book', body), (answer) => fill(t.done, { n: answer.change }), {
    failed(error, card) {
      const held = error.answer && error.answer.conflicts;
      if (!held) return false;
      const days = held.map((h) => span(h.from, h.to) + ' (' + t[h.type] + ', ' + who(h.holder) + ')').join(', ');
      say(card, fill(t.held, { days }), true);
      return true;
    },
  });
}

// calendar is a row of days for each cottage.
function calendar(view) {
  const days = [];
  for (let day = view.from; day <= view.to; day = plus(day, 1)) days.push(day);
  const head = days.map((day) => {
    const cell = element('th', write(day, { day: 'numeric' }));
    cell.scope = 'col';
    cell.title = write(day, { dateStyle: 'full' });
    cell.classList.toggle('today', day === view.today);
    cell.classList.toggle('weekend', [0, 6].includes(utc(day).getUTCDay()));
    return cell;
  });
  find('.calendar thead tr').replaceChildren(element('th', t.cottage), ...head);
  find('.calendar tbody').replaceChildren(...view.units.map((unit) => row(unit, days, view)));
}

function row(unit, days, view) {
  const line = document.createElement('tr');
  const name = element('th', unit.unit);
  name.scope = 'row';
  name.append(element('small', unit.listed ? unit.name : t.unlisted));
  line.append(name);
  for (const day of days) {
    const hold = unit.held.find((h) => h.from <= day && day <= h.to);
    const site = view.table && view.table.find((r) => r.unit === unit.unit && r.from <= day && day <= r.to);
    const cell = element('td', hold ? t.letters[kindOf(hold.origin)] || t.letters.others : '', hold ? hold.type : '');
    cell.classList.toggle('past', day < view.today);
    if (site) cell.classList.add('site-' + site.type);
    let what = hold ? t[hold.type] + ', ' + who(hold.origin) : t.available;
    if (view.table && (site ? site.type : 'available') !== (hold ? hold.type : 'available')) {
      const differs = fill(t.differs, { type: t[site ? site.type : 'available'] });
      what += '\n' + differs;
      cell.append(element('span', differs, 'sr'));
    }
    cell.title = write(day, { dateStyle: 'full' }) + ' : ' + what;
    if (hold) cell.append(element('span', t[hold.type], 'sr'));
    line.append(cell);
  }
  return line;
}

function lines(view) {
  if (view.changes.length === 0) {
    const line = document.createElement('tr');
    const cell = element('td', t.none);
    cell.colSpan = 7;
    line.append(cell);
    return [line];
  }
  return view.changes.map((c) => {
    const line = document.createElement('tr');
    const site = view.destinations.find((d) => d.name === 'site');
    const note = (c.undoes ? ' (' + fill(t.undoes, { n: c.undoes }) + ')' : '') + (site && c.seq > site.number ? ' · ' + t.waits : '');
    for (const text of [c.seq, moment(c.at, view.time_zone, view.now), c.unit, span(c.from, c.to), t[c.type] + note, who(c.actor || c.origin)]) line.insertCell().textContent = text;
    line.insertCell().append(button(t.undo, t.undo_hint, c.seq + ', ' + c.unit + ', ' + span(c.from, c.to), () => act(() => send('POST', 'dashboard/stays/undo/' + c.seq, {}), t.undone)));
    return line;
  });
}

// owners are lines of who they are, and what their calendars are used for.
function owners(view) {
  return view.owners.map((o) => {
    const line = document.createElement('tr');
    const units = o.units.map((u) => u.unit + ' (' + t.states[u.state] + ')').join(', ');
    const told = o.units.reduce((n, u) => n + u.conflicts, 0);
    const name = o.name + (o.active ? '' : ' (' + t.inactive + ')');
    const seen = o.last_update ? moment(o.last_update, view.time_zone, view.now) : t.never;
    for (const text of [name, units, seen, told || '']) line.insertCell().textContent = text;
    const cell = line.insertCell();
    if (view.editable && o.active) cell.append(button(t.enter, t.enter_hint, o.name, () => enter(o.id)));
    return line;
  });
}

// enter signs this browser in; the answer goes on to the owners' pages.
const enter = (id) => act(async () => {
  await fetch('dashboard/stays/enter/' + id, { method: 'POST', redirect: 'manual' });
  location.href = 'owners/';
}, t.entered);

function letters(view) {
  return view.letters.map((letter) => {
    const item = document.createElement('li');
    const more = document.createElement('details');
    more.append(element('summary', letter.subject + ' · ' + fill(t.mail_to, { to: letter.to })), element('p', letter.text, 'letter'));
    const link = letter.text.match(/https?:\/\/\S+/);
    if (link) {
      const a = element('a', link[0]);
      a.href = link[0];
      more.append(a);
    }
    item.append(more);
    return item;
  });
}

// destinations are lines of where changes go, each with its switch.
function destinations(view) {
  const named = view.destinations.slice();
  for (const [name, there] of [['site', view.replaces !== 'service'], ['broker', view.broker && view.replaces !== 'both']]) {
    if (!named.some((d) => d.name === name)) named.push({ name, absent: there ? 'soon' : name });
  }
  named.sort((a, b) => (a.name < b.name ? 1 : -1));
  return named.map((d) => {
    const line = document.createElement('tr');
    const name = t.destinations[d.name] || fill(t.hook, { id: d.name.replace('hook:', '') });
    const left = d.restart ? t.anew : d.lag;
    const numbers = d.absent || d.name === 'queue' ? ['', ''] : [d.number, left];
    for (const text of [name, ...numbers, d.absent ? t.absent[d.absent] : stateOf(d, view)]) line.insertCell().textContent = text;
    line.cells[3].classList.toggle('failing', Boolean(d.failing) && !d.paused);
    const cell = line.insertCell();
    if (!d.absent && (d.name === 'site' || d.name === 'broker')) {
      const [label, verb, done] = d.paused ? [t.resume, 'resume', t.resumed] : [t.pause, 'pause', t.paused_done];
      cell.append(button(label, t.switch_hint, name, () => act(() => send('POST', 'dashboard/stays/destinations/' + d.name + '/' + verb, {}), done)));
    }
    return line;
  });
}

function stateOf(d, view) {
  if (d.paused) return t.paused;
  if (d.failing) return fill(t.failing, { since: moment(d.failing, view.time_zone, view.now), error: t.codes[d.code] || d.error });
  return d.lag > 0 && d.name !== 'queue' ? t.underway : t.well;
}

function draw(view) {
  showClock(view.now, view.time_zone);
  const { now, ...facts } = view;
  const current = JSON.stringify(facts);
  if (current === drawn) return; // leaves the focus where it is
  drawn = current;
  shown = view;
  find('.month').textContent = span(view.from, view.to);
  calendar(view);
  find('.journal tbody').replaceChildren(...lines(view));
  find('.owners tbody').replaceChildren(...owners(view));
  find('.more').hidden = view.more === 0;
  find('.more').textContent = fill(t.more, { n: view.more });
  find('.letters').hidden = view.letters.length === 0;
  find('.letters ul').replaceChildren(...letters(view));
  find('.delivery tbody').replaceChildren(...destinations(view));
  let table = view.site ? t.where.site : t.where.own;
  if (view.table === null) table = view.replaces === 'service' ? t.where.theirs : t.where.unreadable;
  find('.where').textContent = [view.server ? t.where.server : t.where.file, table, view.broker ? t.where.broker : ''].filter(Boolean).join(' ');
  find('.booking').hidden = !view.editable;
  options(find('.booking .partner'), view.partners);
  options(find('.booking .unit'), view.units.map((u) => u.unit));
  for (const name of ['from', 'to']) if (!find('.booking .' + name).value) find('.booking .' + name).value = plus(view.today, 2);
}

// options fills a list anew where it has changed, and keeps what was chosen.
function options(list, values) {
  if ([...list.options].map((o) => o.value).join() === values.join()) return;
  const was = list.value;
  list.replaceChildren(...values.map((value) => new Option(value, value)));
  if (values.includes(was)) list.value = was;
}

setUp();
startPage({
  path: () => 'dashboard/stays?' + new URLSearchParams({ from: first, owner: sought }), every: 2000, draw,
  lost() { drawn = ''; },
});
