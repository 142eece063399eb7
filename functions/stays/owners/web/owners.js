// The gestures of the calendars: days are chosen with a mouse, a finger or the keyboard, and saved without a reload. What
// they show comes from the server as HTML; without this script the links and forms do the same.
"use strict";
(() => {
  const grid = document.getElementById("grid");
  const form = document.getElementById("days");
  if (!grid || !form) return;
  const words = document.getElementById("texts").dataset;
  const said = document.getElementById("said");
  const fields = form.elements;
  const inStrips = form.hidden;
  const every = 3000;

  let chosen = null; // {unit, from, to, open}: open waits for its last day
  let drag = null; // {unit, from, moved}
  let etag = "";
  let facts = grid.innerHTML; // what the server has said last, without what is being saved
  let reached = Date.now(); // when the server answered last
  const waiting = []; // changes that are not saved yet, in their order
  let saving = false;
  let sent = ""; // the newest change that was asked for: a second click is not a second change
  let asked = 0; // refreshes, and the newest whose answer is shown
  let shown = 0;
  let ended = false; // the session is over
  let confirming = false; // Enter is down
  let brought = said.classList.contains("refused") ? "" : fields.note.value; // the note of the hold that was chosen
  const firstType = () => form.querySelector(".types button, .take button");

  const days = () => Array.from(grid.querySelectorAll("a[data-day]"));
  // The rows say whose their days are.
  const name = () => days().forEach((a) => { a.dataset.unit = a.closest("tr").dataset.unit; });
  const cellOf = (unit, day) => days().find((a) => a.dataset.unit === unit && a.dataset.day === day);
  const within = (a, c) => c && a.dataset.unit === c.unit && a.dataset.day >= c.from && a.dataset.day <= c.to;
  const ordered = (unit, a, b) => ({ unit, from: a < b ? a : b, to: a < b ? b : a });
  const element = (name, text) => {
    const e = document.createElement(name);
    e.textContent = text;
    return e;
  };

  // paint shows the chosen days, and those that are being saved as they will be.
  const paint = () => {
    for (const a of days()) {
      const cell = a.parentNode.classList;
      cell.toggle("chosen", Boolean(within(a, chosen)));
      a.parentNode.setAttribute("aria-selected", String(Boolean(within(a, chosen))));
      for (const change of waiting) {
        if (!within(a, change)) continue;
        cell.remove("booked", "unavailable", "free", "theirs");
        cell.add(change.type === "available" ? "free" : change.type, "saving");
      }
    }
  };

  // uncover scrolls so far that the form, which lies over the page on a phone, does not hide a cell.
  const uncover = (a) => {
    if (!a || getComputedStyle(form).position !== "fixed") return;
    const day = a.getBoundingClientRect();
    const sheet = form.getBoundingClientRect();
    if (day.bottom > sheet.top && day.right > sheet.left) window.scrollBy(0, day.bottom - sheet.top + 12);
  };

  // choose shows the form for the chosen days; null puts it away. The note of a hold goes with it, unless it is kept.
  const choose = (c, keep) => {
    chosen = c;
    if (!keep && fields.note.value === brought) fields.note.value = "";
    form.querySelector(".clear").hidden = !c;
    form.classList.toggle("sheet", Boolean(c));
    if (inStrips) form.hidden = !c;
    if (c) {
      sent = "";
      fields.from.value = c.from;
      fields.to.value = c.to;
      form.dataset.unit = c.unit;
      form.action = "/owners/units/" + encodeURIComponent(c.unit) + "/days";
      const row = inStrips && cellOf(c.unit, c.from);
      const called = form.querySelector(".unitname");
      if (row) called.textContent = row.closest("tr").querySelector("th").textContent;
      called.hidden = !row;
    }
    paint();
    if (c) uncover(cellOf(c.unit, c.to));
  };

  // One day of the grid is in the order of the Tab key; arrows move on from there.
  const rove = (a) => {
    for (const other of days()) other.tabIndex = -1;
    if (a) a.tabIndex = 0;
  };

  const say = (text, more) => {
    said.classList.remove("refused"); // what the server has refused before this script was there
    said.textContent = "";
    said.hidden = false;
    said.append(element("p", text));
    for (const e of more || []) said.append(e);
  };
  // Each refusal stays until it is answered: what is saved after it does not hide it.
  const refuse = (title, text, more, leave) => {
    const block = document.createElement("section");
    block.className = "refused refusal";
    block.tabIndex = -1;
    block.setAttribute("role", "alert");
    block.append(element("h2", title), element("p", text));
    for (const e of more || []) block.append(e);
    block.append(" ", button(leave || words.close, () => block.remove()));
    said.after(block);
    block.focus();
    return block;
  };
  const button = (text, act) => {
    const b = element("button", text);
    b.type = "button";
    b.addEventListener("click", act);
    return b;
  };

  // post sends a form; an answer that reports a failure is thrown.
  const post = async (path, body) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 20000);
    try {
      const answer = await fetch(path, {
        method: "POST", body: new URLSearchParams(body), headers: { Accept: "application/json" }, signal: stop.signal,
      });
      const data = await answer.json();
      if (!answer.ok) throw Object.assign(new Error(data.detail || words.fault), { problem: data });
      return data;
    } finally {
      clearTimeout(timer);
    }
  };

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16)).join("-");

  // save sends the changes that wait, one after the other. What the network loses is sent again: its key makes it one.
  const save = async () => {
    if (saving) return;
    saving = true;
    while (waiting.length > 0) {
      const change = waiting[0];
      try {
        const { unit, from, to, type, note, key, replaces } = change;
        const done = await post("/owners/units/" + encodeURIComponent(unit) + "/days", { from, to, type, note, key, replaces });
        waiting.shift();
        say(done.text, [button(words.undo, () => undo(done.change))]);
      } catch (err) {
        if (!err.problem) {
          if (said.textContent !== words.offline) say(words.offline);
          break;
        }
        if (err.problem.status === 401) {
          over();
          break;
        }
        waiting.shift();
        refused(change, err.problem);
      }
      await refresh(true);
    }
    saving = false;
  };

  const refused = (change, problem) => {
    sent = "";
    said.hidden = true;
    if (!problem.conflicts) {
      refuse(words.refused, problem.detail || words.fault);
      return;
    }
    const list = document.createElement("ul");
    for (const c of problem.conflicts) list.append(element("li", c.text));
    const replaces = problem.conflicts.map((c) => c.change).concat(change.replaces || []).join(",");
    const take = button(words.take, () => {
      block.remove();
      add(Object.assign({}, change, { replaces, key: newKey() }));
    });
    const block = refuse(words.conflict, problem.detail, [list, take], words.leave);
  };

  // over says once that the session has ended; what waits stays on the page.
  const over = () => {
    if (ended) return;
    ended = true;
    const link = element("a", words.signedout);
    link.href = "/owners/signin";
    link.target = "_blank";
    refuse(words.refused, "", [link]);
  };

  const add = (change) => {
    waiting.push(change);
    say(words.saving);
    const a = cellOf(change.unit, change.from);
    choose(null);
    if (a) {
      rove(a);
      a.focus({ preventScroll: true });
    }
    save();
  };

  const undo = async (number) => {
    sent = "";
    say(words.saving);
    try {
      say((await post("/owners/changes/" + number + "/undo", {})).text);
    } catch (err) {
      said.hidden = true;
      refuse(words.refused, err.problem ? err.message : words.fault);
    }
    await refresh(true);
  };

  // refresh asks what the days are by now.
  const refresh = async (anew) => {
    if (document.visibilityState !== "visible" && !anew) return;
    asked++;
    const turn = asked;
    const url = new URL(location.pathname, location.href);
    const from = grid.dataset.from;
    url.search = inStrips ? "?part=1&from=" + from : "?part=1&month=" + from.slice(0, 7);
    try {
      const answer = await fetch(url, { headers: { "If-None-Match": etag, Accept: "application/json, text/html" }, cache: "no-store" });
      const text = answer.status === 200 ? await answer.text() : "";
      if (turn < shown) return; // a later one was quicker
      if (answer.status === 200) {
        if (drag) return; // the gesture goes on over what it began with
        shown = turn;
        etag = answer.headers.get("ETag") || "";
        facts = text;
        show();
      } else if (anew) show();
      if (answer.status === 401) over();
      if (answer.status === 200 || answer.status === 304) {
        reached = Date.now();
        ended = false;
      }
    } catch (err) {
      // the next try comes soon; age says so when it has lasted
    }
    age();
  };

  // age says since when the server has not answered, when it has not for a while.
  const age = () => {
    if (document.visibilityState !== "visible") return;
    const stale = document.querySelector(".stale");
    const late = Date.now() - reached > 3 * every;
    if (stale && !late) stale.remove();
    if (late && !stale) {
      const note = element("p", words.stale.replace("%", new Date(reached).toTimeString().slice(0, 5)));
      note.className = "refused stale";
      grid.before(note);
    }
  };

  // show shows the facts, and over them what is being saved.
  const show = () => {
    const active = grid.contains(document.activeElement) ? document.activeElement : null;
    const focused = active && active.dataset;
    const href = active && active.getAttribute("href");
    const current = grid.querySelector("a[tabindex='0']");
    grid.innerHTML = facts;
    name();
    const again = focused && focused.day && cellOf(focused.unit, focused.day);
    const link = !again && href && Array.from(grid.querySelectorAll("a")).find((a) => a.getAttribute("href") === href);
    if (link) link.focus();
    rove(again || (current && cellOf(current.dataset.unit, current.dataset.day)) || days()[0]);
    if (again) again.focus();
    paint();
  };

  const dayAt = (event) => {
    const at = document.elementFromPoint(event.clientX, event.clientY);
    return at && at.closest("#grid a[data-day]");
  };

  grid.addEventListener("pointerdown", (event) => {
    const a = event.target.closest("a[data-day]");
    if (!a || event.button !== 0) return;
    drag = { unit: a.dataset.unit, from: a.dataset.day, moved: false, before: chosen };
    if (a.hasPointerCapture && a.hasPointerCapture(event.pointerId)) a.releasePointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const a = dayAt(event);
    if (!a || a.dataset.unit !== drag.unit) return;
    if (a.dataset.day !== drag.from) drag.moved = true;
    if (drag.moved) {
      chosen = ordered(drag.unit, drag.from, a.dataset.day);
      paint();
    }
  });
  document.addEventListener("pointerup", () => {
    if (!drag) return;
    const { unit, from, moved, before } = drag;
    drag = null;
    if (moved) choose(chosen);
    else tap(unit, from, before);
    const a = cellOf(unit, from);
    rove(a);
    if (a) a.focus({ preventScroll: true });
  });
  // tap chooses the first day, and then the last one.
  const tap = (unit, day, before) => {
    const last = before && before.open && before.unit === unit && before.from !== day;
    choose(last ? ordered(unit, before.from, day) : { unit, from: day, to: day, open: true });
  };
  document.addEventListener("pointercancel", () => {
    if (!drag) return;
    chosen = drag.before;
    drag = null;
    paint();
  });
  grid.addEventListener("dragstart", (event) => event.preventDefault());
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("a[data-day]");
    if (cell) event.preventDefault();
    if (cell && event.detail === 0) tap(cell.dataset.unit, cell.dataset.day, chosen); // by a voice or a screen reader
    const hold = event.target.closest("a[data-from]");
    if (!hold) return;
    event.preventDefault();
    choose({ unit: form.dataset.unit || days()[0].dataset.unit, from: hold.dataset.from, to: hold.dataset.to });
    if (fields.note.value === "") {
      brought = hold.dataset.note || "";
      fields.note.value = brought;
    }
    fields.from.focus();
  });

  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const moved = (day, by) => new Date(Date.parse(day + "T00:00:00Z") + by * 86400000).toISOString().slice(0, 10);
  const neighbour = (a, key) => {
    const { unit, day } = a.dataset;
    if (!inStrips || key === "ArrowLeft" || key === "ArrowRight") return cellOf(unit, moved(day, steps[key]));
    const column = days().filter((b) => b.dataset.day === day);
    return column[column.indexOf(a) + (key === "ArrowUp" ? -1 : 1)];
  };

  grid.addEventListener("keydown", (event) => {
    const a = event.target.closest("a[data-day]");
    if (!a) return;
    const { unit, day } = a.dataset;
    if (steps[event.key]) {
      event.preventDefault();
      const next = neighbour(a, event.key);
      if (!next) return;
      if (event.shiftKey && next.dataset.unit === unit) {
        const anchor = within(a, chosen) && chosen.anchor ? chosen.anchor : day;
        choose(Object.assign(ordered(unit, anchor, next.dataset.day), { anchor }));
      }
      rove(next);
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (!within(a, chosen)) choose({ unit, from: day, to: day, anchor: day });
      confirming = true;
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      document.querySelector(event.key === "PageUp" ? "a[rel=prev]" : "a[rel=next]").click();
    }
  });
  // The key that confirms the days must not press the first button too: that has the focus once the key is up.
  document.addEventListener("keyup", (event) => {
    if (!confirming || (event.key !== "Enter" && event.key !== " ")) return;
    firstType().focus();
    confirming = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !chosen) return;
    const a = cellOf(chosen.unit, chosen.from);
    choose(null);
    if (a) a.focus();
  });

  form.querySelector(".clear button").addEventListener("click", () => {
    const a = chosen && cellOf(chosen.unit, chosen.from);
    choose(null);
    if (a) a.focus();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT" && !event.isComposing) confirming = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target === fields.note) return;
    const unit = form.dataset.unit || (days()[0] && days()[0].dataset.unit);
    if (fields.from.value && fields.to.value && fields.from.value <= fields.to.value) {
      choose({ unit, from: fields.from.value, to: fields.to.value }, true);
    }
  });
  form.addEventListener("submit", (event) => {
    const type = event.submitter && event.submitter.value;
    const unit = decodeURIComponent(form.getAttribute("action").split("/")[3] || "");
    if (!type || !unit || fields.from.value > fields.to.value) return; // the server says what is wrong
    event.preventDefault();
    const replaces = fields.replaces ? fields.replaces.value : "";
    const wanted = [unit, fields.from.value, fields.to.value, type, replaces].join(" ");
    if (wanted === sent) return;
    sent = wanted;
    const note = type === "available" && fields.note.value === brought ? "" : fields.note.value; // it goes with its hold
    add({ unit, from: fields.from.value, to: fields.to.value, note, type, replaces, key: newKey() });
    fields.note.value = "";
  });
  said.addEventListener("submit", (event) => {
    const path = event.target.getAttribute("action").match(/^\/owners\/changes\/(\d+)\/undo$/);
    if (!path) return;
    event.preventDefault();
    undo(path[1]);
  });

  name();
  setInterval(() => {
    if (waiting.length > 0) save();
    else refresh();
    age();
  }, every);
  window.addEventListener("online", () => (waiting.length > 0 ? save() : refresh()));
  document.addEventListener("visibilitychange", () => {
    reached = Date.now(); // nothing was asked meanwhile
    refresh();
  });
  window.addEventListener("beforeunload", (event) => {
    if (waiting.length > 0) event.preventDefault();
  });
  if (/[?&](from|to)=/.test(location.search) && !inStrips && fields.from.value) {
    const unit = days()[0] && days()[0].dataset.unit;
    choose({ unit, from: fields.from.value, to: fields.to.value || fields.from.value, open: !/[?&]to=/.test(location.search) }, true);
  }
  rove(grid.querySelector("td.today a") || days()[0]);
  if (said.classList.contains("refused")) said.focus();
})();
