// Keeps the open page up to date: what changed comes as an event, the part that changes is asked for again, and what the
// visitor was doing in it (typing, ticking, focus, open details) stays. Without this script, the page works by reloading.
"use strict";

(() => {
  const said = document.getElementById("said");
  const live = () => document.querySelector("[data-live]");
  let source = null;
  let asked = 0;
  let timer = 0;

  function say(text) {
    if (said && text && said.textContent !== text) said.textContent = text;
  }

  function left(millis) {
    const seconds = Math.floor(millis / 1000);
    if (seconds <= 0) return "time is over";
    if (seconds < 120) return `${seconds} s left`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min left`;
    return `${Math.floor(seconds / 3600)} h left`;
  }

  function tick() {
    for (const place of document.querySelectorAll("[data-until]")) {
      const text = left(Number(place.dataset.until) - Date.now());
      if (place.textContent === text) continue;
      place.textContent = text;
      if (text === "time is over") soon();
    }
  }

  function remember(part) {
    const fields = new Map();
    for (const field of part.querySelectorAll("textarea[id], input[id]:not([type=hidden])")) {
      fields.set(field.id, field.type === "checkbox" ? field.checked : field.value);
    }
    const open = [...part.querySelectorAll("details[id][open]")].map((details) => details.id);
    const focus = document.activeElement;
    const inside = focus && part.contains(focus);
    return { fields, open, inside, id: inside ? focus.id || null : null, at: inside ? focus.selectionStart : null };
  }

  function restore(part, memory) {
    for (const [id, value] of memory.fields) {
      const field = document.getElementById(id);
      if (!field || !part.contains(field)) continue;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
    }
    for (const id of memory.open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    if (!memory.inside) return;
    const again = memory.id && document.getElementById(memory.id);
    const target = again && part.contains(again) ? again : part;
    if (!target.hasAttribute("tabindex") && target === part) target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
    if (target === again && typeof memory.at === "number") target.setSelectionRange(memory.at, memory.at);
  }

  async function look() {
    const part = live();
    if (!part) return;
    const mine = ++asked;
    const url = new URL(location.href);
    url.searchParams.delete("done");
    url.searchParams.set("part", "live");
    let answer;
    try {
      answer = await fetch(url, { credentials: "same-origin", redirect: "manual" });
    } catch {
      return;
    }
    if (mine !== asked) return;
    if (!answer.ok) {
      say("This page is no longer up to date. Load it again.");
      if (source) source.close();
      return;
    }
    const text = await answer.text();
    if (mine !== asked) return;
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-live]");
    if (!fresh || !part.isConnected) return;
    const memory = remember(part);
    part.replaceWith(fresh);
    restore(fresh, memory);
    if (fresh.dataset.title) document.title = fresh.dataset.title;
    say(fresh.dataset.say);
    tick();
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(look, 150);
  }

  function listen() {
    if (source || document.hidden || !live()) return;
    source = new EventSource("/live");
    let lost = false;
    source.addEventListener("approval", (event) => {
      const part = live();
      const about = part && part.dataset.approval;
      if (!about || about === JSON.parse(event.data).approval_id) soon();
    });
    source.addEventListener("reset", soon);
    source.addEventListener("error", () => { lost = true; });
    source.addEventListener("open", () => { if (lost) soon(); lost = false; });
  }

  // A hidden tab holds no connection; when it is seen again, it looks first.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
    } else {
      listen();
      soon();
    }
  });

  if (!live()) return;
  setInterval(tick, 1000);
  listen();
})();
