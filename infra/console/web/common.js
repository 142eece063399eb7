'use strict';

// What every page of the dashboard shares: language, calls, answers, the loss of Carillon, the panel of faults.
const lang = document.documentElement.lang; // the server chose it
const texts = JSON.parse(document.getElementById('texts').textContent); // of its catalogues, in that language
const { shared } = texts;
// Dates and times are written as in the reader's country; where that is another language, by the text's.
const locale = navigator.languages.find((name) => name.startsWith(lang)) || shared.dates;
const plural = new Intl.PluralRules(lang);
// fill puts parameters into a text; one that counts has a form for each kind of number n.
function fill(text, params) {
  const form = typeof text === 'string' ? text : text[plural.select(params.n)] || text.other;
  return form.replace(/\{\{\.(\w+)\}\}/g, (_, name) => params[name]);
}
const message = document.getElementById('message');

// A Failure carries what the server answered, so that a page can offer what fits.
class Failure extends Error {
  constructor(text, answer) {
    super(text);
    this.answer = answer || {};
  }
}

// How long a call may take, in milliseconds: what a page shows is old after a few seconds without an answer; a booking may wait for Google.
const patience = { GET: 5000, other: 30000 };

async function send(method, path, body) {
  const response = await fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body), signal: AbortSignal.timeout(patience[method] || patience.other) })
    .catch(() => { throw new Failure(shared.silent, { silent: true }); });
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    answer = { detail: text.trim() };
  }
  if (!response.ok) throw new Failure(answer.detail || (answer.error && (answer.error.message || answer.error)) || String(response.status), answer);
  return answer;
}

function element(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

// The control that was used last tells where to answer; Safari does not focus a button that is clicked.
let used = document.body;
for (const type of ['click', 'submit']) document.addEventListener(type, (event) => { used = event.target; }, true);
const cardOf = (node) => node.closest('[data-card], article') || document.querySelector('main');

// say answers a person in the card of the control that was used, after its name; offers are buttons: [text, what it does].
function say(card, text, error, ...offers) {
  const place = card.querySelector('.answer');
  const name = card.querySelector('h2, h3, summary');
  const had = place.contains(document.activeElement);
  place.classList.toggle('error', Boolean(error));
  place.replaceChildren(...(text ? [element('span', (name ? name.textContent + shared.colon : '') + text)] : []), ...offers.map(([label, run]) => {
    const offer = element('button', label);
    offer.type = 'button';
    offer.addEventListener('click', run);
    return offer;
  }));
  if (had) place.focus();
  if (text) place.scrollIntoView({ block: 'nearest' });
  return place;
}

// act does something for a person and answers beside the control: done is a text, or makes one of the answer; undo takes it back;
// failed may answer a failure with an offer of its own.
async function act(run, done, { undo, failed } = {}) {
  const card = cardOf(used);
  const control = used.closest('button, form') || card;
  if (control.dataset.acting) return; // a double click acts once
  control.dataset.acting = 'yes';
  try {
    const answer = await run();
    const text = typeof done === 'function' ? done(answer) : done === undefined ? shared.done : done;
    const offers = undo ? [[shared.undo, () => act(undo, shared.undone)]] : [];
    const place = say(card, text, false, ...offers);
    if (undo) place.querySelector('button').focus({ preventScroll: true }); // what had the focus goes away
  } catch (error) {
    if (!failed || !failed(error, card)) say(card, fill(shared.failed, { why: error.message }), true);
  }
  delete control.dataset.acting;
  await refresh();
}

// enable switches a button on or off without taking the focus from it; off says why.
function enable(control, on, why) {
  if (on) control.removeAttribute('aria-disabled');
  else control.setAttribute('aria-disabled', 'true');
  control.dataset.why = on ? '' : why || '';
}
function refuse(event) {
  const control = event.type === 'submit' ? event.target.querySelector('button[type=submit]') : event.target.closest('button');
  if (!control || control.getAttribute('aria-disabled') !== 'true') return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (control.dataset.why) say(cardOf(control), control.dataset.why, true);
}
for (const type of ['click', 'submit']) document.addEventListener(type, refuse, true);

const clock = (iso, zone) => new Date(iso).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone });
const dayOf = (iso, zone) => new Date(iso).toLocaleDateString('sv', { timeZone: zone });
// moment is a time of today, or a day and a time.
const moment = (iso, zone, now) => (dayOf(iso, zone) === dayOf(now, zone) ? '' : new Date(iso).toLocaleDateString(locale, { day: 'numeric', month: 'short', timeZone: zone }) + ', ') + clock(iso, zone);

// ago is how long before now something was, in words.
const relative = new Intl.RelativeTimeFormat(lang);
function ago(iso, now) {
  const minutes = Math.floor((new Date(now) - new Date(iso)) / 60000);
  if (minutes < -1) return shared.unknown_age; // a wrong clock wrote it
  if (minutes < 1) return shared.just_now;
  if (minutes < 60) return relative.format(-minutes, 'minute');
  return minutes < 2880 ? relative.format(-Math.floor(minutes / 60), 'hour') : relative.format(-Math.floor(minutes / 1440), 'day');
}

function showClock(now, zone) {
  answered = clock(now, zone);
  document.getElementById('clock').textContent = new Date(now).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'medium', hourCycle: 'h23', timeZone: zone }) + ' · ' + zone;
}

// button is a small button; its name holds its text, what it does, and with what.
function button(text, hint, about, run) {
  const b = element('button', text);
  b.type = 'button';
  b.title = hint;
  rename(b, text, hint, about);
  b.addEventListener('click', run);
  return b;
}
function rename(control, text, hint, about) {
  control.setAttribute('aria-label', (/[\p{L}\d]/u.test(text) ? text + ', ' : '') + hint + shared.colon + about);
}

// keepFocus draws, and gives the focus back to the control of the same name where the one that had it was drawn anew.
function keepFocus(draw) {
  const was = document.activeElement;
  const label = was.getAttribute('aria-label');
  const card = label && cardOf(was);
  const twins = () => [...card.querySelectorAll('[aria-label]')].filter((node) => node.getAttribute('aria-label') === label);
  const place = label ? twins().indexOf(was) : -1;
  draw();
  if (was.isConnected && was !== document.activeElement) was.focus({ preventScroll: true }); // it was moved
  if (place < 0 || was.isConnected) return;
  const next = twins()[place] || card.querySelector('.answer');
  if (next) next.focus({ preventScroll: true });
}

const faults = document.getElementById('faults');

// faultPanel sets the panel up with the simulators, by address and name, and presets: name in the catalogue, simulator, fault.
function faultPanel(simulators, presets) {
  faults.innerHTML = '<summary></summary><p class="hint"></p><form><label><span></span><select class="preset"></select></label><label><span></span><select class="target"></select></label><label class="whole"><span>JSON</span><textarea class="json" rows="2" spellcheck="false"></textarea></label><button type="submit"></button></form><p class="answer" role="status" tabindex="-1"></p><ul></ul>';
  const find = (selector) => faults.querySelector(selector);
  faults.hidden = false;
  faults.dataset.card = '';
  find('summary').textContent = shared.faults;
  find('.hint').textContent = shared.faults_hint;
  find('button').textContent = shared.start;
  Object.entries(simulators).forEach(([address, name]) => find('.target').add(new Option(name, address)));
  [shared.preset, shared.target].forEach((text, i) => { faults.querySelectorAll('label span')[i].textContent = text; });
  presets.forEach(([name], i) => find('.preset').add(new Option(texts.page.presets[name], i)));
  const choose = () => {
    const [, target, fault] = presets[find('.preset').value];
    find('.target').value = target;
    find('.json').value = JSON.stringify(fault);
  };
  find('.preset').addEventListener('change', choose);
  choose();
  find('form').addEventListener('submit', (submit) => {
    submit.preventDefault();
    act(async () => send('POST', find('.target').value + '/_faults', JSON.parse(find('.json').value)), shared.started);
  });
}

async function showFaults() {
  const lines = [];
  for (const target of [...faults.querySelector('.target').options].map((option) => option.value)) {
    for (const { id, hits, ...fault } of await send('GET', target + '/_faults').catch(() => [])) {
      const line = document.createElement('li');
      const text = JSON.stringify(fault);
      const end = button(shared.end, shared.faults, target + ' ' + text, () => act(() => send('DELETE', target + '/_faults/' + id), shared.ended));
      line.append(element('span', target + ' ' + text + ' · ' + fill(shared.hits, { n: hits })), end);
      lines.push([target + id + hits, line]);
    }
  }
  const key = lines.map(([name]) => name).join();
  if (faults.dataset.key === key) return; // leaves the focus where it is
  faults.dataset.key = key;
  keepFocus(() => faults.querySelector('ul').replaceChildren(...lines.map(([, line]) => line)));
}

// lose says on the page that Carillon does not answer, or stops saying so; its buttons are off meanwhile.
let answered = ''; // when Carillon last answered, on its clock
function lose(failure) {
  document.documentElement.classList.toggle('lost', Boolean(failure));
  const text = failure ? [failure.answer.silent ? shared.silent : fill(shared.failed, { why: failure.message }), shared.lost, answered && fill(shared.lost_since, { at: answered })].filter(Boolean).join(' ') : '';
  if (message.textContent !== text) message.textContent = text;
  document.querySelectorAll('main button, #faults button').forEach((control) => enable(control, !failure));
}

// startPage shows a page: draw gets what path, a text or what makes one, answers, every so many milliseconds and after each act;
// lost(true) is called when Carillon has stopped answering, lost(false) when it answers again, before the next draw, which must draw all.
let refresh;
function startPage({ path, every, simulators, presets, draw, lost = () => {} }) {
  let asked = 0;
  let drawn = 0;
  let away = false;
  refresh = async () => {
    const turn = ++asked;
    try {
      const view = await send('GET', typeof path === 'function' ? path() : path);
      if (turn < drawn) return; // a later one was quicker
      drawn = turn;
      if (away) {
        lose(null);
        lost(false);
        away = false;
      }
      keepFocus(() => draw(view));
      if (!view.editable || !simulators) return;
      if (faults.hidden) faultPanel(simulators, presets);
      await showFaults();
    } catch (error) {
      if (!(error instanceof Failure)) throw error; // a fault of this page: the console shows it
      if (turn < drawn) return;
      lose(error);
      if (!away) lost(true);
      away = true;
    }
  };
  const loop = async () => {
    await refresh().finally(() => setTimeout(loop, every));
  };
  for (const type of ['online', 'offline', 'focus', 'pageshow']) window.addEventListener(type, () => refresh());
  loop();
}
