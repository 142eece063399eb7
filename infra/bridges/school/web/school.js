'use strict';

const t = texts.page;
const find = (selector) => document.querySelector(selector);
const API = 'dashboard/school/api/';

// Days and moments of the API have no zone: they are on the school's clocks.
const DAY = 86400000;
const utc = (text) => new Date(text.slice(0, 10) + 'T' + (text.slice(11, 16) || '00:00') + ':00Z');
const plus = (day, n) => new Date(utc(day).getTime() + n * DAY).toISOString().slice(0, 10);
const write = (text, options) => utc(text).toLocaleString(locale, { timeZone: 'UTC', ...options });
const hour = (text) => write(text, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const weekday = (day) => write(day, { weekday: 'long', day: 'numeric', month: 'short' });
const mondayOf = (day) => plus(day, -((utc(day).getUTCDay() + 6) % 7));

let token = '';
let child = '';
let shown = null; // what the page's own server answered
let monday = ''; // of the week that is shown
let shownCalls = '';

// ask calls the API; a session that has ended is left.
async function ask(method, path, params) {
  const all = new URLSearchParams({ token, ...(child ? { child } : {}), ...params });
  try {
    return method === 'GET' ? await send('GET', API + path + '?' + all) : await send('POST', API + path, Object.fromEntries(all));
  } catch (error) {
    if (error.answer === 'expired' || error.answer === 'notfound') {
      leave();
      throw new Failure(t.expired);
    }
    throw error.answer && error.answer.message ? new Failure(error.answer.message, error.answer) : error;
  }
}

function leave() {
  token = child = '';
  find('.who').hidden = true;
  find('.login form').hidden = false;
  find('.days').replaceChildren(element('p', t.first, 'legend'));
  find('.homework ul').replaceChildren();
  find('.grades tbody').replaceChildren();
  find('.overall').textContent = '';
}

async function enter() {
  const body = Object.fromEntries(['url', 'username', 'password'].map((name) => [name, find('.login .' + name).value]));
  const answer = await send('POST', API + 'generatetoken', body);
  token = answer.token;
  const user = await ask('GET', 'user');
  find('.login form').hidden = true;
  find('.who').hidden = false;
  find('.who label').hidden = user.children.length === 0;
  find('.child').replaceChildren(...user.children.map((c) => new Option(c.name + ', ' + c.class, c.id)));
  monday = mondayOf(shown.today);
  await load();
  return fill(t.welcome, { name: user.name });
}

async function load() {
  await Promise.all([week(), homework(), grades()]);
}

function lesson(l) {
  const item = document.createElement('li');
  if (l.background_color) item.style.borderLeftColor = l.background_color;
  const title = element('span', l.subject.name || l.memo || t.none, l.is_cancelled ? 'off' : '');
  const about = [...l.rooms, ...l.teachers].join(', ');
  item.append(element('time', hour(l.start) + '–' + hour(l.end)), title, element('small', [about, l.status, l.is_cancelled && !l.status ? t.cancelled : ''].filter(Boolean).join(' · ')));
  return item;
}

async function week() {
  const days = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => ask('GET', 'timetable', { dateString: plus(monday, n) })));
  find('.weeks .shown').textContent = write(monday, { day: 'numeric', month: 'long', year: 'numeric' });
  find('.days').replaceChildren(...days.map((lessons, n) => {
    const column = document.createElement('section');
    const list = document.createElement('ol');
    lessons.sort((a, b) => a.start.localeCompare(b.start) || b.num - a.num);
    list.append(...lessons.map(lesson));
    column.append(element('h3', weekday(plus(monday, n))), lessons.length ? list : element('p', t.no_lessons, 'legend'));
    return column;
  }).filter((column, n) => n < 5 || days[n].length));
}

const span = () => ({ dateFrom: shown.today, dateTo: plus(shown.today, 14) });

async function homework() {
  const list = await ask('GET', 'homework', span());
  find('.homework ul').replaceChildren(...(list.length ? list.map(task) : [element('li', t.no_homework)]));
}

function task(h) {
  const item = document.createElement('li');
  const label = document.createElement('label');
  const box = document.createElement('input');
  box.type = 'checkbox';
  box.checked = h.done;
  box.setAttribute('aria-label', t.done + shared.colon + h.subject.name + ', ' + weekday(h.date));
  box.addEventListener('change', () => {
    used = box;
    act(() => ask('POST', 'homework/changeState', { ...span(), homeworkId: h.id, done: box.checked }).catch((error) => {
      box.checked = h.done;
      throw error;
    }), t.marked);
  });
  label.append(box, element('strong', ' ' + h.subject.name + ', ' + weekday(h.date)));
  item.append(label, element('p', h.description));
  return item;
}

const number = (n) => (n < 0 ? '–' : n.toLocaleString(locale));

async function grades() {
  const v = await ask('GET', 'grades');
  find('.overall').textContent = t.average + shared.colon + (v.overall_average < 0 ? t.none : number(v.overall_average));
  v.grades.sort((a, b) => b.date.localeCompare(a.date));
  find('.grades tbody').replaceChildren(...v.grades.map((g) => {
    const row = document.createElement('tr');
    const mark = g.grade.significant === 0 ? number(g.grade.value) + '/' + number(g.grade.out_of) : '–';
    for (const text of [write(g.date, { day: 'numeric', month: 'short' }), g.subject.name, mark, number(g.grade.average)]) row.append(element('td', text));
    return row;
  }));
}

function setUp() {
  find('.login h2').textContent = t.login;
  [t.address, t.username, t.password].forEach((text, i) => { document.querySelectorAll('.login form label span')[i].textContent = text; });
  find('.login form button').textContent = t.login;
  find('.who label span').textContent = t.child;
  find('.out').textContent = t.out;
  find('.week h2').textContent = t.week;
  find('.homework h2').textContent = t.homework;
  find('.grades h2').textContent = t.grades;
  find('.grades thead tr').append(...[t.date, t.subject, t.grade, t.class].map((text) => element('th', text)));
  find('.calls h2').textContent = t.calls;
  for (const [name, text, by, sign] of [['.before', t.before, -7, '‹'], ['.after', t.after, 7, '›']]) {
    find(name).textContent = sign;
    find(name).setAttribute('aria-label', text);
    find(name).title = text;
    find(name).addEventListener('click', () => {
      if (!token) return;
      monday = plus(monday, by);
      act(week, '');
    });
  }
  find('.login form').addEventListener('submit', (event) => {
    event.preventDefault();
    act(enter, (said) => said);
  });
  find('.child').addEventListener('change', () => {
    child = find('.child').value;
    used = find('.child');
    act(load, '');
  });
  find('.out').addEventListener('click', () => act(() => ask('POST', 'logout').then(leave), t.left));
  leave();
}

function draw(view) {
  showClock(view.now, view.time_zone);
  shown = view;
  find('.about').textContent = fill(t.about, { api: view.api });
  if (view.school && !find('.login .url').value) {
    find('.login .url').value = view.school + '/eleve.html';
    find('.login .username').value = find('.login .password').value = 'eleve';
  }
  const key = JSON.stringify(view.calls);
  if (key === shownCalls) return; // leaves the focus where it is
  shownCalls = key;
  find('.calls ol').replaceChildren(...(view.calls.length ? view.calls.map((c) => element('li', fill(t.call, c))) : [element('li', t.no_calls)]));
}

setUp();
startPage({ path: 'dashboard/school', every: 2000, draw });
