'use strict';

const t = texts.page;

const main = document.querySelector('main');
const cards = new Map();
const size = (bytes) => new Intl.NumberFormat(locale, { maximumFractionDigits: 1, notation: 'compact', style: 'unit', unit: 'byte', unitDisplay: 'narrow' }).format(bytes);
const when = (iso, zone) => new Date(iso).toLocaleString(locale, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone });

const COLUMNS = ['when', 'transferred', 'deleted', 'quarantined', 'archived', 'kept', 'failed', 'size', 'fault'];

function card(view) {
  const node = document.getElementById('source').content.firstElementChild.cloneNode(true);
  node.dataset.source = view.source;
  const find = (selector) => node.querySelector(selector);
  find('h2').textContent = view.source;
  for (const part of ['blobs', 'files', 'held', 'runs']) find('.' + part + ' h3').textContent = t[part];
  find('.runs thead tr').replaceChildren(...COLUMNS.map((name) => element('th', t.columns[name])));
  find('.sync').textContent = t.transfer;
  find('.sync').addEventListener('click', async () => {
    enable(find('.sync'), false);
    await act(() => send('POST', 'dashboard/exports/transfer', { source: view.source }), '');
    enable(find('.sync'), true);
  });
  main.append(node);
  return node;
}

function list(files, zone, empty) {
  if (files === null) return [element('li', t.not_listed)];
  if (files.length === 0) return [element('li', empty)];
  return files.map((f) => {
    const item = document.createElement('li');
    item.append(element('span', f.name), element('small', size(f.size)), element('time', when(f.at, zone)));
    return item;
  });
}

// held are the files in quarantine; a file's report opens below it and stays open.
const open = new Map();
function held(view) {
  if (view.held_files.length === 0) {
    const last = view.runs.find((r) => r.transferred + r.quarantined > 0); // what was seen, and when
    return [element('li', last && last.checked > 0 && last.quarantined === 0 ? fill(t.passed, { n: last.checked, at: when(last.ended, view.time_zone) }) : t.none)];
  }
  return view.held_files.map((q) => {
    const item = document.createElement('li');
    const path = 'dashboard/exports/quarantine/' + encodeURIComponent(q.source) + '/' + q.id;
    const name = element('span', q.blob);
    name.append(element('small', q.summary));
    item.append(name, element('time', when(q.since, view.time_zone)),
      button(t.why, t.why_hint, q.blob, async () => {
        if (open.delete(q.id)) return forget(view);
        await act(async () => open.set(q.id, (await send('GET', path + '?locale=' + lang)).report), '');
        forget(view);
      }),
      button(t.release, t.release_hint, q.blob, () => {
        if (window.confirm(t.release_ask + '\n' + q.blob)) act(() => send('POST', path + '/release', {}));
      }));
    if (open.has(q.id)) item.append(report(open.get(q.id)));
    return item;
  });
}

function report(r) {
  const box = element('ul', '', 'report');
  const lines = (r.findings || []).slice(0, 20).map((f) => element('li', [f.line && fill(t.line, { n: f.line }), f.column, f.reason].filter(Boolean).join(shared.colon)));
  const more = (r.findings || []).length - lines.length + (r.more || 0);
  if (more > 0) lines.push(element('li', fill(t.more, { n: more })));
  box.append(...lines);
  return box;
}

function forget(view) {
  cards.get(view.source).last = '';
  refresh();
}

function runs(view) {
  return view.runs.slice(0, 8).map((r) => {
    const line = document.createElement('tr');
    for (const text of [when(r.began, view.time_zone), r.transferred, r.deleted, r.quarantined, r.archived, r.kept, r.failed, size(r.bytes), r.fault ? r.fault.detail : '']) line.insertCell().textContent = text;
    line.classList.toggle('bad', Boolean(r.fault));
    return line;
  });
}

// state says what the last run saw, and when that was.
function state(view) {
  if (view.busy) return t.busy;
  if (view.runs.length === 0) return t.never;
  const at = when(view.runs[0].ended, view.time_zone);
  if (view.runs[0].fault) return fill(t.failed, { why: view.runs[0].fault.detail, at });
  if (view.overdue) return fill(t.unknown, { at });
  if (view.quarantine === 0 && view.runs[0].left > 0) return fill(t.left_now, { n: view.runs[0].left, at });
  return view.quarantine > 0 ? fill(t.held_now, { n: view.quarantine, at }) : fill(t.ok, { at });
}

function show(view, answer) {
  if (!cards.has(view.source)) cards.set(view.source, { node: card(view), last: '' });
  const entry = cards.get(view.source);
  const current = JSON.stringify([view, answer.need, answer.queries]);
  if (entry.last === current) return; // leaves the focus where it is
  entry.last = current;
  const find = (selector) => entry.node.querySelector(selector);
  const last = view.runs[0];
  find('.state').textContent = state(view);
  find('.state').classList.toggle('bad', Boolean(last && last.fault));
  find('.state').classList.toggle('warn', view.quarantine > 0 || view.overdue || !last || last.left > 0);
  find('.result').textContent = [answer.need, last && fill(last.failed ? t.did_failed : t.did, last), last && last.fault && last.fault.do].filter(Boolean).join(' · ');
  find('.blobs').hidden = !answer.editable;
  find('.blobs ol').replaceChildren(...list(view.blobs, view.time_zone, t.none));
  find('.queries').replaceChildren(...(answer.queries || []).map((q) => {
    const item = element('li', q.name);
    item.append(button(t.run, t.run_hint, q.name, () => act(() => send('POST', 'dashboard/exports/queries/' + q.id))));
    return item;
  }));
  find('.path').textContent = view.destination;
  find('.files ol').replaceChildren(...list(view.files, view.time_zone, t.none));
  find('.held ol').replaceChildren(...held(view));
  find('.runs tbody').replaceChildren(...runs(view));
  const parts = [fill(t.next, { at: clock(view.next_run, view.time_zone) })];
  if (view.access_until) parts.push(fill(t.access, { at: when(view.access_until, view.time_zone) }));
  if (view.held > 0) parts.push(fill(t.stored, { n: view.held }));
  find('footer').textContent = parts.join(' · ');
}

// Faults that are often wanted: name, target, JSON.
const PRESETS = [
  ['token', 'sim/cegid', { path: 'tokenprovider', status: 401 }],
  ['subscription', 'sim/cegid', { path: 'tokenprovider', status: 401, reason: 'subscription' }],
  ['cegid_down', 'sim/cegid', { path: '^/(tokenprovider|storage|query)', status: 503, seconds: 60 }],
  ['no_delete', 'sim/cegid', { kind: 'no_delete', path: 'GetSASToken' }],
  ['short', 'sim/cegid', { kind: 'sas_life', items: 20, path: 'GetSASToken' }],
  ['blobs_down', 'sim/cegid', { path: '^/blobs/', status: 503, seconds: 60 }],
  ['cut', 'sim/cegid', { method: 'GET', path: '^/blobs/.*csv', truncate: true, times: 3 }],
  ['nothing', 'sim/cegid', { kind: 'query_writes_nothing' }],
];

startPage({
  path: 'dashboard/exports?locale=' + lang, every: 2000, simulators: { 'sim/cegid': 'Cegid' }, presets: PRESETS,
  draw(answer) {
    showClock(answer.now, answer.sources.length > 0 ? answer.sources[0].time_zone : 'UTC');
    answer.sources.forEach((view) => show(view, answer));
  },
});
