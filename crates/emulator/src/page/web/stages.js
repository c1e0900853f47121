// How long the stages of a call take, once a second: those of the emulator, of a room and its members; and those of the bot's engine.

import { chart } from "./chart.js";
import { $, el, keep, say } from "./dom.js";

/** Points that are kept: two minutes. */
const KEPT = 120;
/** Members of a room that are drawn. */
const DRAWN = 8;

const SERIES = ["p50", "p99"];

/** What a stage of the emulator is called here, and what it is. */
const NAMES = {
  tick_lateness: "Tick lateness",
  mix: "Mixing for everybody",
  queue: "Wait for the mix",
  out: "Coded to sent",
};

/** What the engine's stages are, by the names that its ledger has. */
const ENGINE = {
  jitter_buffer: "received: held against jitter",
  decode: "received: decoded or concealed",
  ring_in: "received: into the ring",
  app_out: "received: until the bot takes it",
  app_in: "sent: until the tick takes it",
  encode: "sent: coded",
  wire_out: "sent: encrypted, to the kernel",
  tick_lateness: "how late ticks begin",
};

/** What the keys of the engine's charts begin with. Those of rooms and members say what they are, too: a meeting may have any name. */
const ENGINE_KEYS = "engine/";

const keyOf = (kind, id, stage) => `${kind}/${id}/${stage}`;

/** Charts by their keys, with their points. */
const drawn = new Map();

let latest = null;

export function setUpStages() {
  $("stage-room").addEventListener("change", () => show());
}

/** A second more. */
export function addStages(stages) {
  latest = stages;
  for (const room of stages.rooms) {
    for (const stage of room.stages) add(keyOf("room", room.room, stage.stage), [stage.p50Ms, stage.p99Ms]);
    for (const member of room.members) {
      for (const stage of member.stages) add(keyOf("member", member.id, stage.stage), [stage.p50Ms, stage.p99Ms]);
      add(keyOf("member", member.id, "path"), [member.jitterMs, member.roundTripMs]);
    }
  }
  for (const stage of stages.bot?.stages ?? []) add(ENGINE_KEYS + stage.stage, [stage.p50Ms, stage.p99Ms]);
  forget(stages);
  if (!$("view-media").hidden) show();
}

/** Draws what there is: also when the view is opened. */
export function showStages() {
  if (latest) show();
}

function add(key, points) {
  const held = drawn.get(key) ?? { history: points.map(() => []), chart: null };
  drawn.set(key, held);
  held.seen = latest;
  held.history.forEach((series, at) => {
    series.push(points[at] ?? null);
    if (series.length > KEPT) series.shift();
  });
}

/** What is not told of any more goes. A bot that cannot be reached for a while keeps its charts. */
function forget(stages) {
  for (const [key, held] of drawn) {
    if (held.seen !== stages && !(key.startsWith(ENGINE_KEYS) && stages.bot)) drawn.delete(key);
  }
}

function show() {
  const { rooms, bot } = latest;
  const chooser = $("stage-room");
  keep(chooser, rooms, (room) => room.room, (room) => el("option", { value: room.room }), (option, room) => say(option, roomName(room)));
  $("stage-room-label").hidden = rooms.length < 2;
  const room = rooms.find((one) => one.room === chooser.value) ?? rooms[0];
  draw($("stages"), room ? ofRoom(room) : []);
  const left = room ? room.members.length - DRAWN : 0;
  $("stages-more").hidden = left <= 0;
  say($("stages-more"), `${left} more members are not drawn.`);
  $("stages-idle").hidden = rooms.length > 0;
  $("engine-off").hidden = Boolean(bot);
  $("engine-on").hidden = !bot;
  if (!bot) return;
  say($("engine-address"), bot.address);
  $("engine-problem").hidden = !bot.problem;
  say($("engine-problem"), bot.problem ? `Not now: ${bot.problem}.` : "");
  const known = [...drawn.keys()].filter((key) => key.startsWith(ENGINE_KEYS));
  draw($("engine"), known.map((key) => {
    const name = key.slice(ENGINE_KEYS.length);
    return { key, id: `engine-${name}`, title: name, hint: ENGINE[name] ?? "" };
  }));
}

function roomName(room) {
  const names = room.members.map((member) => member.name).join(", ");
  return `${room.room.length > 20 ? room.room.slice(0, 8) : room.room}: ${names || "nobody"}`;
}

/** The charts of a room: what has passed no packet yet is left out. */
function ofRoom(room) {
  const charts = room.stages.map(({ stage }) => ({ key: keyOf("room", room.room, stage), id: `stage-${stage}`, title: NAMES[stage] ?? stage, hint: "the room" }));
  for (const [at, member] of room.members.slice(0, DRAWN).entries()) {
    for (const { stage } of member.stages) {
      charts.push({ key: keyOf("member", member.id, stage), id: `stage-${stage}-${at}`, title: NAMES[stage] ?? stage, hint: stage === "queue" ? `packets from ${member.name}` : `packets to ${member.name}` });
    }
    charts.push({ key: keyOf("member", member.id, "path"), id: `stage-path-${at}`, title: "Jitter and round trip", hint: member.name, series: ["jitter", "round trip"] });
  }
  return charts.filter(({ key }) => drawn.get(key)?.history.some((series) => series.some((point) => point != null && point > 0)));
}

function draw(place, charts) {
  for (const { key, id, title, hint, series } of charts) {
    const held = drawn.get(key);
    held.chart ??= chart({ id, title, hint, unit: "ms", series: series ?? SERIES, least: 0.01 });
  }
  const elements = charts.map(({ key }) => drawn.get(key).chart.element);
  if (elements.length !== place.children.length || elements.some((element, at) => element !== place.children[at])) place.replaceChildren(...elements);
  for (const { key } of charts) drawn.get(key).chart.draw(drawn.get(key).history);
}
