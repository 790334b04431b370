// What a script adds to pages that work without: the viewer's zone, keys, a palette, live parts that wait, brushing.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// ── Trusted Types: htmx parses answers of this host, inertly; nothing else may become markup or script ──

const INERT = ["DOMParser parseFromString", "Document parseHTMLUnsafe"];
window.trustedTypes?.createPolicy("default", {
  createHTML: (text, _type, sink) => (INERT.includes(sink) ? text : null),
});

// ── The viewer's zone: the server writes times, so that all of a page agrees, and days begin where they do here ──

function tellZone() {
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const root = document.documentElement;
  if (!mine) return;
  document.cookie = `clarion_zone=${mine}; path=/; max-age=31536000; samesite=lax`;
  const shown = root.dataset.zone;
  if (!("zoneMine" in root.dataset) || shown === mine || !document.cookie.includes(`clarion_zone=${mine}`)) return;
  if (performance.getEntriesByType("navigation")[0]?.type === "reload") return; // the server does not know this zone
  location.reload();
}

// ── Keys ──

const SINGLE = "clarion-single-keys";
const singleKeys = () => localStorage.getItem(SINGLE) !== "off";

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable], dialog") != null;
}

function step(by) {
  const rows = $$("tr[data-row]").filter((row) => $("a, button, input", row));
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  $("a, button, input", next).focus();
}

let going = 0;

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !singleKeys()) return;
  if (Date.now() < going) {
    going = 0;
    const part = $$("[data-key]").find((link) => link.dataset.key === event.key);
    if (part) {
      event.preventDefault();
      part.click();
    }
    return;
  }
  const does = {
    g: () => { going = Date.now() + 1500; },
    "/": () => $("#find").select(),
    "?": openKeys,
    j: () => step(1),
    k: () => step(-1),
    n: () => $("[data-next]")?.click(),
    t: () => $("#zones a:not([aria-current])")?.click(),
  }[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
}

function opened(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function openKeys() {
  if ($("dialog")) return;
  const keys = [
    ...$$("[data-key]").map((link) => [`g ${link.dataset.key}`, link.textContent.trim()]),
    ["/", "Search"],
    ["j k", "Next and previous row"],
    ["n", "Next page of a list"],
    ["t", "Times in UTC, or in mine"],
    ["Ctrl K", "Palette: everything by name"],
    ["?", "These keys"],
  ];
  const list = make("dl", { class: "pairs" });
  for (const [key, what] of keys) {
    list.append(make("dt", {}, ...key.split(" ").flatMap((one) => [make("kbd", {}, one), " "])), make("dd", {}, what));
  }
  const tick = make("input", { type: "checkbox" });
  tick.checked = singleKeys();
  tick.addEventListener("change", () => localStorage.setItem(SINGLE, tick.checked ? "on" : "off"));
  const close = make("button", { type: "button" }, "Close");
  const dialog = make(
    "dialog", { "aria-labelledby": "keys-title" },
    make("h2", { id: "keys-title" }, "Keys"), list,
    make("p", {}, make("label", {}, tick, "Single letters are keys")), close,
  );
  close.addEventListener("click", () => dialog.close());
  opened(dialog);
  close.focus();
}

// ── The palette ──

function commands() {
  const links = $$(".parts a[href]").map((link) => [`Go to ${link.textContent.trim()}`, link.dataset.key ? `g ${link.dataset.key}` : "", () => link.click()]);
  const zones = $$("#zones a").map((link) => [`Times: ${link.textContent.trim()}`, "", () => link.click()]);
  const own = $$("[data-command]").map((one) => [one.dataset.command, "", () => (one.focus(), one.click())]);
  const out = $(".who button");
  return [...own, ...links, ...zones, ["Keys", "?", openKeys], ...(out ? [["Sign out", "", () => out.click()]] : [])];
}

function openPalette() {
  if ($("dialog")) return;
  const all = commands();
  const list = make("ul", { class: "options", role: "listbox", id: "palette-list", "aria-label": "Commands" });
  const input = make("input", {
    role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
    "aria-label": "Go to, or search for", placeholder: "Go to, or search for…", autocomplete: "off", spellcheck: "false",
  });
  const dialog = make("dialog", { class: "palette", "aria-label": "Palette" }, input, list);
  let shown = [], at = 0;
  const run = (command) => {
    dialog.close();
    command?.[2]();
  };
  const mark = () => {
    [...list.children].forEach((row, n) => row.setAttribute("aria-selected", n === at ? "true" : "false"));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    if (shown.length) input.setAttribute("aria-activedescendant", `palette-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const draw = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = all.filter(([name]) => words.every((word) => name.toLowerCase().includes(word)));
    const text = input.value.trim();
    if (text) shown.push([`Search for “${text}”`, "", () => { $("#find").value = text; $("#find").form.requestSubmit(); }]);
    list.replaceChildren(...shown.map(([name, key], n) => {
      const row = make("li", { role: "option", id: `palette-${n}` }, name, ...(key ? [make("kbd", {}, key)] : []));
      row.addEventListener("click", () => run(shown[n]));
      return row;
    }));
    at = 0;
    mark();
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % (shown.length || 1);
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(shown[at]);
    }
  });
  opened(dialog);
  draw();
}

// ── Live parts: asked for again and again, and held back while somebody reads, selects or types in them ──

function isBusy(live) {
  const selection = getSelection();
  return (
    (selection && !selection.isCollapsed && selection.containsNode(live, true)) ||
    live.contains(document.activeElement) ||
    $("input:checked:not([data-as-made]), details.sure[open], dialog[open]", live) != null
  );
}

function news(live, answer) {
  const there = $(`#${live.id}`, new DOMParser().parseFromString(answer, "text/html"));
  if (!there) return "Newer figures are held back";
  const here = new Map($$("[data-row]", live).map((row) => [row.dataset.row, row.textContent]));
  const rows = $$("[data-row]", there);
  const added = rows.filter((row) => !here.has(row.dataset.row)).length;
  const changed = rows.filter((row) => here.has(row.dataset.row) && here.get(row.dataset.row) !== row.textContent).length;
  const gone = here.size + added - rows.length;
  const parts = [[added, "new"], [changed, "changed"], [gone, "gone"]].filter(([number]) => number > 0);
  return parts.length ? `Held back: ${parts.map(([number, what]) => `${number} ${what}`).join(", ")}` : "Newer figures are held back";
}

function say(live, text, button, does) {
  let pill = live.previousElementSibling?.matches(".held") ? live.previousElementSibling : null;
  if (!text) return pill?.remove();
  if (!pill) {
    pill = make("div", { class: "held" }, make("span", { role: "status" }), make("button", { type: "button" }));
    live.before(pill);
  }
  const [words, press] = pill.children;
  if (words.textContent !== text) words.textContent = text;
  press.textContent = button;
  press.onclick = does;
  return pill;
}

function refresh(live) {
  live.dataset.now = "";
  htmx.trigger(live, "refresh");
}

function onBeforeRequest(event) {
  if (event.detail.elt.matches?.("[data-live]") && document.hidden) event.preventDefault();
}

function onBeforeSwap(event) {
  const live = event.detail.elt;
  if (!live.matches?.("[data-live]")) return;
  const status = event.detail.xhr.status;
  if (status >= 400) return;
  if (!("now" in live.dataset) && isBusy(live)) {
    event.detail.shouldSwap = false;
    live.dataset.held = "";
    say(live, news(live, event.detail.serverResponse), "Show", () => refresh(live));
  } else {
    say(live, "");
  }
}

function onFailure(event) {
  const live = event.detail.elt;
  if (!live.matches?.("[data-live]")) return;
  live.dataset.since ||= new Date().toLocaleTimeString();
  if (event.detail.xhr?.status === 401) say(live, "You are signed out", "Sign in", () => location.reload());
  else say(live, `Not refreshed since ${live.dataset.since}`, "Try again", () => refresh(live));
}

function onCalm() {
  for (const live of $$("[data-live][data-held]")) {
    if (isBusy(live)) continue;
    delete live.dataset.held;
    refresh(live);
  }
}

// ── Brushing: a stretch of a chart becomes the range of the page ──

function onPress(event) {
  const svg = event.target.closest?.("svg[data-brush]");
  if (!svg || event.button !== 0) return;
  const [from, to, left, right] = svg.dataset.brush.split(" ").map(Number);
  const top = svg.viewBox.baseVal;
  const place = (at) => {
    const box = svg.getBoundingClientRect();
    return Math.min(right, Math.max(left, ((at.clientX - box.left) / box.width) * top.width));
  };
  const begun = place(event);
  const brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  brush.setAttribute("class", "brush");
  brush.setAttribute("y", 0);
  brush.setAttribute("height", top.height - 18);
  svg.append(brush);
  svg.setPointerCapture(event.pointerId);
  event.preventDefault();
  const move = (at) => {
    const end = place(at);
    brush.setAttribute("x", Math.min(begun, end));
    brush.setAttribute("width", Math.abs(end - begun));
  };
  const done = (at) => {
    svg.removeEventListener("pointermove", move);
    svg.removeEventListener("pointerup", done);
    svg.removeEventListener("pointercancel", done);
    brush.remove();
    const end = place(at);
    if (at.type !== "pointerup" || Math.abs(end - begun) < 4) return;
    const when = (x) => new Date(from + ((x - left) / (right - left)) * (to - from)).toISOString().replace(/\.\d+/, "");
    const next = new URL(location.href);
    next.searchParams.delete("after");
    next.searchParams.set("from", when(Math.min(begun, end)));
    next.searchParams.set("to", when(Math.max(begun, end)));
    location.assign(next);
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerup", done);
  svg.addEventListener("pointercancel", done);
}

function onHover(event) {
  const svg = event.target.closest?.("svg[data-marks]");
  if (!svg) return;
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  const marks = (svg.marks ??= JSON.parse(svg.dataset.marks));
  const at = marks.findLast(([begins]) => begins <= x);
  $(".readout", svg.closest("figure")).textContent = at?.[1] ?? "";
}

// ── All of it ──

tellZone();
document.addEventListener("keydown", onKey);
document.addEventListener("pointerdown", onPress);
document.addEventListener("pointermove", onHover);
document.addEventListener("htmx:beforeRequest", onBeforeRequest);
document.addEventListener("htmx:beforeSwap", onBeforeSwap);
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, onFailure);
for (const name of ["selectionchange", "focusout", "change", "toggle"]) document.addEventListener(name, () => setTimeout(onCalm), true);
for (const button of $$("[data-keys]")) {
  button.hidden = false;
  button.addEventListener("click", openKeys);
}
