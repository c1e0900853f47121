// Faults as switches.

import { addFault, clearFaults, removeFault, setLink } from "./api.js";
import { $, attempt, el, keep, say } from "./dom.js";

/** Each switch is one fault, as a scenario has it. */
const SWITCHES = [
  ["Notifications", "notifications", [
    ["Late", "each comes 2 s later, and those after it do not wait", { on: "any", effect: { late: "2s" } }],
    ["Doubled", "each comes twice, with the same message id", { on: "any", effect: "twice" }],
    ["Reordered", "each changes places with the next", { on: "any", effect: "afterNext" }],
    ["Lost", "three in ten never come", { on: "any", effect: "never", chance: 0.3 }],
  ]],
  ["Requests", "requests", [
    ["429 Too many requests", "with Retry-After: 2", { on: "any", effect: { throttle: { retryAfter: "2s" } } }],
    ["503 Service unavailable", "nothing is done", { on: "any", effect: { fail: { status: 503 } } }],
    ["Answers get lost", "it is done, and the connection is closed", { on: "any", effect: "loseAnswer", chance: 0.3 }],
  ]],
  ["Media of calls that begin", "media", [
    ["Port closed", "nobody listens where the far end says", { on: "any", effect: "portClosed" }],
    ["Wrong certificate", "DTLS shows another fingerprint than the answer names", { on: "any", effect: "wrongCertificate" }],
  ]],
];

/** What is done to the packets of every bot's leg, both ways. */
const LINKS = [
  ["loss", "5 % loss", "of the packets of every bot, both ways", { loss: 0.05 }],
  ["jitter", "Jitter", "packets take 30 ms more on average, each by itself", { jitterMs: 30 }],
  ["dead", "The far end drops dead", "nothing goes through any more, and nobody says goodbye", { loss: 1 }],
];

/** Links that were switched on here: bots that come later get them too. */
const wanted = new Set();
let state = null;

const same = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

function sorted(value) {
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().filter((key) => key !== "id").map((key) => [key, sorted(value[key])]));
}

const armedAs = (kind, fault) => state?.faults[kind].filter((armed) => same(armed, fault)) ?? [];

export function setUpFaults() {
  const cards = SWITCHES.map(([title, kind, faults]) => el("section", { class: "card" }, el("h2", {}, title),
    ...faults.map(([name, what, fault], at) => makeSwitch(`${kind}-${at}`, name, what, (on) => toggle(kind, fault, on)))));
  cards.push(el("section", { class: "card" }, el("h2", {}, "Media of bots in a room"),
    ...LINKS.map(([id, name, what]) => makeSwitch(`link-${id}`, name, what, (on) => toggleLink(id, on)))));
  $("switches").append(...cards);
  $("clear-faults").addEventListener("click", async () => {
    wanted.clear();
    await attempt("Faults", clearFaults);
    await applyLinks(true);
  });
}

function makeSwitch(id, name, what, change) {
  const box = el("input", { type: "checkbox", role: "switch", id: `fault-${id}`, onchange: () => attempt(name, () => change(box.checked)) });
  return el("label", { class: "switch" }, box, el("span", {}, name), el("small", {}, what));
}

async function toggle(kind, fault, on) {
  if (on) await addFault(kind, fault);
  else for (const armed of armedAs(kind, fault)) await removeFault(armed.id);
}

async function toggleLink(id, on) {
  if (on) wanted.add(id);
  else wanted.delete(id);
  await applyLinks(true);
}

function wantedLink() {
  const parts = LINKS.filter(([id]) => wanted.has(id)).map(([, , , link]) => link);
  return parts.length ? { loss: Math.max(0, ...parts.map((part) => part.loss ?? 0)), delayMs: 0, jitterMs: Math.max(0, ...parts.map((part) => part.jitterMs ?? 0)) } : null;
}

/** Gives every bot the link that is wanted. Links that were set elsewhere stay, unless a switch was turned just now. */
async function applyLinks(turned) {
  const link = wantedLink();
  if (!link && !turned) return;
  for (const room of state?.rooms ?? []) {
    for (const member of room.members.filter((one) => one.kind === "bot" && !same(one.link, link))) {
      if (turned || !member.link) await setLink(room.id, member.id, link);
    }
  }
}

const KINDS = { requests: "Requests", notifications: "Notifications", media: "Media" };

/** An effect as text: `throttle, retryAfter 2s`. */
function words(effect) {
  if (typeof effect === "string") return effect;
  const [[name, settings]] = Object.entries(effect);
  if (typeof settings !== "object") return `${name} ${settings}`;
  return [name, ...Object.entries(settings).map(([key, value]) => `${key} ${value}`)].join(", ");
}

export function showFaults(latest) {
  state = latest;
  for (const [, kind, faults] of SWITCHES) {
    faults.forEach(([, , fault], at) => { $(`fault-${kind}-${at}`).checked = armedAs(kind, fault).length > 0; });
  }
  for (const [id] of LINKS) $(`fault-link-${id}`).checked = wanted.has(id);
  const armed = ["requests", "notifications", "media"].flatMap((kind) => state.faults[kind].map((fault) => ({ kind, fault })));
  const links = state.rooms.flatMap((room) => room.members.filter((member) => member.link).map((member) => ({ room, member })));
  const count = armed.length + links.length;
  $("armed-empty").hidden = count > 0;
  $("clear-faults").hidden = count === 0;
  say($("tab-faults"), count ? `Faults (${count})` : "Faults");
  const lines = [
    ...armed.map(({ kind, fault }) => ({
      key: `fault ${fault.id}`, what: `${KINDS[kind]}: ${words(fault.effect)}`,
      more: `on ${fault.on}${fault.next != null ? `, the next ${fault.next}` : ""}${fault.chance != null ? `, chance ${fault.chance}` : ""}`,
      off: () => removeFault(fault.id),
    })),
    ...links.map(({ room, member }) => ({
      key: `link ${room.id} ${member.id}`, what: `Media: ${member.name}`,
      more: [member.link.loss && `${Math.round(member.link.loss * 100)} % loss`, member.link.delayMs && `${member.link.delayMs} ms delay`, member.link.jitterMs && `${member.link.jitterMs} ms jitter`].filter(Boolean).join(", ") || "no harm",
      off: async () => {
        wanted.clear();
        await setLink(room.id, member.id, null);
      },
    })),
  ];
  keep($("armed"), lines, (one) => one.key,
    (one) => el("li", { class: "item" }, el("span", { class: "what" }), el("span", { class: "more" }),
      el("span", { class: "acts" }, el("button", { class: "small", onclick: () => attempt("Faults", one.off) }, "Off"))),
    (row, one) => {
      say(row.children[0], one.what);
      say(row.children[1], one.more);
    });
  attempt("Media", () => applyLinks(false));
}
