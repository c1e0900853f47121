// The timeline: every request, notification and state, as it happens.

import { $, el, say } from "./dom.js";

/** Entries that are kept; the emulator keeps as many. */
const KEPT = 4_000;
/** Entries that are drawn; a filter finds the others. */
const DRAWN = 600;

const KINDS = { request: "Requests", notification: "Notifications", state: "States", fault: "Faults" };
const NAMES = { request: "request", notification: "notification", state: "state", fault: "fault" };

let entries = [];
let missed = 0;
let redraw = null;

export function setUpTimeline() {
  for (const [kind, name] of Object.entries(KINDS)) {
    $("kinds").append(el("label", {}, el("input", { type: "checkbox", value: kind, checked: true, onchange: draw }), name));
  }
  let typing;
  $("filter").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(draw, 150);
  });
  $("follow").addEventListener("change", follow);
}

export function addEntry(entry) {
  entry.text = JSON.stringify(entry).toLowerCase();
  entries.push(entry);
  if (entries.length > KEPT) entries.shift();
  // Many come at once when the page opens: they are drawn together.
  redraw ??= requestAnimationFrame(() => {
    redraw = null;
    drawNew();
  });
}

export function missEntries(count) {
  missed += count;
  $("timeline-missed").hidden = false;
  say($("timeline-missed"), `${missed} older entries are gone: the emulator keeps the latest only.`);
}

export function clearEntries() {
  entries = [];
  missed = 0;
  $("timeline-missed").hidden = true;
  draw();
}

function isWanted(entry) {
  const kinds = [...$("kinds").querySelectorAll("input:checked")].map((box) => box.value);
  const words = $("filter").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  return kinds.includes(entry.kind) && words.every((word) => entry.text.includes(word));
}

let drawnTo = 0;

function draw() {
  drawnTo = 0;
  $("entries").replaceChildren();
  drawNew();
}

function drawNew() {
  const fresh = entries.filter((entry) => entry.id > drawnTo && isWanted(entry)).slice(-DRAWN);
  drawnTo = entries.at(-1)?.id ?? 0;
  const list = $("entries");
  for (const entry of fresh) place(list, line(entry));
  while (list.children.length > DRAWN) list.firstElementChild.remove();
  const empty = $("entries-empty");
  empty.hidden = list.children.length > 0;
  const nothing = entries.length > 0 ? ["Nothing matches.", "Change the filter, or show more kinds."] : ["Nothing has happened yet.", "Each request that your bot makes, and each notification that it gets, stands here as it happens, with its JSON."];
  [...empty.children].forEach((part, at) => (at ? say(part, nothing[at]) : say(part.firstElementChild, nothing[at])));
  if (fresh.length) follow();
}

/** Entries are written when they are over, and stand where they began. */
function place(list, item) {
  let before = list.lastElementChild;
  while (before && Number(before.dataset.at) > Number(item.dataset.at)) before = before.previousElementSibling;
  if (before) before.after(item);
  else list.prepend(item);
}

function follow() {
  if ($("follow").checked && !$("view-timeline").hidden) $("entries").lastElementChild?.scrollIntoView({ block: "nearest" });
}

function line(entry) {
  const at = new Date(entry.at);
  const time = `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  const details = el("details", {}, el("summary", {},
    el("span", { class: "at" }, time), el("span", { class: "kind" }, NAMES[entry.kind] ?? entry.kind),
    el("span", { class: "title" }, title(entry)), el("span", { class: "end" }, ...ending(entry))));
  // Most are never opened.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(body(entry));
  });
  return el("li", { class: "entry", "data-kind": entry.kind, "data-at": entry.at }, details);
}

function title(entry) {
  switch (entry.kind) {
    case "request": return `${entry.method} ${entry.path.replace(UUID, "$1\u2026")}`;
    case "notification": return `${subject(entry.body)}${entry.attempt > 1 ? `, try ${entry.attempt}` : ""}`;
    case "fault": return `${subject(entry.body)}: ${entry.effect}`;
    default: return `${entry.of} ${entry.state}`;
  }
}

/** Ids are long, and their first part tells them apart. */
const UUID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** What a notification is about: `updated call, established`. */
function subject(body) {
  const [first, ...more] = body?.value ?? [];
  if (!first) return "nothing";
  const what = (first.resourceUrl ?? first.resource ?? "").replace(/^.*\/calls\/[^/]+\/?/, "") || "call";
  const data = first.resourceData;
  const tone = data?.toneInfo?.tone;
  const state = tone ?? data?.state ?? (Array.isArray(data) ? `${data.length} in it` : data?.status);
  return [`${first.changeType ?? ""} ${what}`.trim(), state, more.length && `and ${more.length} more`].filter(Boolean).join(", ");
}

function ending(entry) {
  const status = entry.status == null ? null : String(entry.status);
  const tone = !status || status >= "400" ? "bad" : "good";
  const badges = [];
  if (entry.fault) badges.push(el("span", { class: "badge bad" }, "fault"));
  if (entry.kind === "request" || entry.kind === "notification") badges.push(el("span", { class: `badge ${tone}` }, status ?? "no answer"));
  if (entry.tookMs != null) badges.push(`${entry.tookMs} ms`);
  if (entry.call) badges.push(el("span", { class: "mono" }, entry.call.slice(0, 8)));
  return badges;
}

function body(entry) {
  const part = (name, value) => value != null && [el("h4", {}, name), el("pre", { tabindex: 0 }, typeof value === "string" ? value : JSON.stringify(value, null, 2))];
  const parts = [
    part("Fault", entry.fault),
    part("Why it counts as not taken", entry.problem),
    part("Sent", entry.body),
    part("Answered", entry.answer),
  ];
  const facts = { Address: entry.path, To: entry.callbackUri, Call: entry.call, "Message id": entry.messageId };
  const known = Object.entries(facts).filter(([, value]) => value);
  const list = known.length > 0 && el("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  return el("div", { class: "body" }, list, ...parts.filter(Boolean).flat());
}
