'use strict';

// What every page of the dashboard shares: its language, its calls, its message line, its navigation and the panel of faults.
const lang = navigator.language.startsWith('fr') ? 'fr' : 'en';
document.documentElement.lang = lang;
const SHARED = {
  en: { failed: 'That did not work: ', lost: 'Carillon does not answer.', faults: 'Let a neighbour fail', faultsHint: 'A fault holds for its seconds or times, else until you end it. The fields are in docs/rooms.md, docs/campus.md and docs/exports.md.', start: 'Start', end: 'End', hits: ' times met', rooms: 'Rooms', campus: 'Campus', exports: 'Exports' },
  fr: { failed: 'Échec : ', lost: 'Carillon ne répond pas.', faults: 'Faire échouer un voisin', faultsHint: 'Une panne dure le temps ou le nombre de fois indiqué, sinon jusqu’à ce que vous y mettiez fin. Les champs sont dans docs/rooms.md, docs/campus.md et docs/exports.md.', start: 'Démarrer', end: 'Terminer', hits: ' fois rencontrée', rooms: 'Salles', campus: 'Campus', exports: 'Exports' },
};
const shared = SHARED[lang];
const message = document.getElementById('message');

function say(text, error) {
  message.textContent = text;
  message.className = error ? 'error' : '';
}

async function send(method, path, body) {
  const response = await fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : {};
  if (!response.ok) {
    throw new Error(answer.detail || (answer.error && (answer.error.message || answer.error)) || String(response.status));
  }
  return answer;
}

async function act(run, done) {
  try {
    const answer = await run();
    say(typeof done === 'function' ? done(answer) : done || '', false);
  } catch (error) {
    say(shared.failed + error.message, true);
  }
  await refresh();
}

const clock = (iso, zone) => new Date(iso).toLocaleTimeString(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone });

function showClock(now, zone) {
  document.getElementById('clock').textContent = new Date(now).toLocaleString(lang, { dateStyle: 'full', timeStyle: 'medium', hourCycle: 'h23', timeZone: zone }) + ' · ' + zone;
}

function button(text, hint, about, run) {
  const b = document.createElement('button');
  b.type = 'button';
  b.textContent = text;
  b.title = hint;
  b.setAttribute('aria-label', hint + ' : ' + about);
  b.addEventListener('click', run);
  return b;
}

// The bridges that run here, as links between their pages. A page whose bridge is off gives way to the other's.
const PAGES = { rooms: './', campus: 'campus.html', exports: 'exports.html' };
async function navigate(here) {
  const running = await send('GET', 'dashboard/bridges');
  const names = Object.keys(PAGES).filter((name) => running[name]);
  if (!running[here] && names.length > 0) location.replace(PAGES[names[0]]);
  if (names.length < 2) return;
  document.querySelector('nav').replaceChildren(...names.map((name) => {
    const link = document.createElement('a');
    link.href = PAGES[name];
    link.textContent = shared[name];
    if (name === here) link.setAttribute('aria-current', 'page');
    return link;
  }));
}

const faults = document.getElementById('faults');

// faultPanel sets the panel up with the simulators, by address and name, and presets: name, simulator, fault.
function faultPanel(simulators, presets) {
  faults.innerHTML = '<summary></summary><p class="hint"></p><form><select class="preset"></select><select class="target"></select><textarea class="json" rows="2" spellcheck="false"></textarea><button type="submit"></button></form><ul></ul>';
  const find = (selector) => faults.querySelector(selector);
  faults.hidden = false;
  find('summary').textContent = shared.faults;
  find('.hint').textContent = shared.faultsHint;
  find('button').textContent = shared.start;
  Object.entries(simulators).forEach(([address, name]) => find('.target').add(new Option(name, address)));
  for (const [selector, label] of [['.preset', shared.faults], ['.target', Object.values(simulators).join(' / ')], ['.json', 'JSON']]) find(selector).setAttribute('aria-label', label);
  presets.forEach(([name], i) => find('.preset').add(new Option(name, i)));
  const choose = () => {
    const [, target, fault] = presets[find('.preset').value];
    find('.target').value = target;
    find('.json').value = JSON.stringify(fault);
  };
  find('.preset').addEventListener('change', choose);
  choose();
  find('form').addEventListener('submit', (submit) => {
    submit.preventDefault();
    act(async () => send('POST', find('.target').value + '/_faults', JSON.parse(find('.json').value)));
  });
}

async function showFaults() {
  const lines = [];
  for (const target of [...faults.querySelector('.target').options].map((option) => option.value)) {
    for (const { id, hits, ...fault } of await send('GET', target + '/_faults')) {
      const line = document.createElement('li');
      const text = document.createElement('span');
      text.textContent = target + ' ' + JSON.stringify(fault) + ' · ' + hits + shared.hits;
      const end = document.createElement('button');
      end.type = 'button';
      end.textContent = shared.end;
      end.addEventListener('click', () => act(() => send('DELETE', target + '/_faults/' + id)));
      line.append(text, end);
      lines.push([target + id + hits, line]);
    }
  }
  const key = lines.map(([name]) => name).join();
  if (faults.dataset.key === key) return; // leaves the focus where it is
  faults.dataset.key = key;
  faults.querySelector('ul').replaceChildren(...lines.map(([, line]) => line));
}

// startPage shows a bridge's page: draw gets what path answers, every so many milliseconds and after each act.
let refresh;
function startPage({ bridge, path, every, simulators, presets, draw }) {
  refresh = async () => {
    try {
      const view = await send('GET', path);
      draw(view);
      if (view.editable) {
        if (faults.hidden) faultPanel(simulators, presets);
        await showFaults();
      }
      if (message.textContent === shared.lost) say('', false);
    } catch (error) {
      say(shared.lost, true);
    }
  };
  const loop = async () => {
    await refresh();
    setTimeout(loop, every);
  };
  navigate(bridge).then(loop, loop);
}
