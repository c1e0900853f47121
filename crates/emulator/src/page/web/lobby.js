// Outside of a call: calling the bot, joining a meeting, and what calls and meetings there are.

import { inCall } from "./api.js";
import { enter } from "./call.js";
import { $, attempt, el, keep, notice, remember, remembered, say } from "./dom.js";

export function setUpLobby() {
  for (const id of ["callback", "name", "meeting"]) {
    $(id).value = remembered(id) || { name: "You", callback: "", meeting: "" }[id];
    $(id).addEventListener("change", () => remember(id, $(id).value));
  }
  $("form-call").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ callback: $("callback").value });
  });
  $("form-join").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ meeting: $("meeting").value });
  });
}

async function go(where) {
  for (const id of ["callback", "name", "meeting"]) remember(id, $(id).value);
  const name = $("name").value.trim();
  if (!name) {
    notice("Say who you are first: the bot is told your name.");
    $("name").focus();
    return;
  }
  const buttons = [$("call-bot"), $("join")];
  buttons.forEach((button) => { button.disabled = true; });
  await attempt(where.callback ? "Calling the bot" : "Joining", () => enter({ ...where, name }));
  buttons.forEach((button) => { button.disabled = false; });
}

const STATES = { established: "good", incoming: "warn", establishing: "warn", hold: "warn", terminating: "bad" };

const WORDS = {
  incoming: "ringing at the bot", establishing: "connecting", established: "established", hold: "on hold", terminating: "ending",
};

/** Who the bot is in a call with. */
export function people(call) {
  const others = call.participants.filter((participant) => participant.kind !== "application");
  return others.map((participant) => participant.name || participant.identity || "somebody").join(", ");
}

export function showLobby(state) {
  say($("graph-url"), state.addresses.graph);
  $("meetings").replaceChildren(...known(state).map((meeting) => new Option(meeting.joinMeetingId)));
  if (!$("meeting").value && known(state).length) $("meeting").value = known(state)[0].joinMeetingId;
  const rooms = new Map(state.rooms.map((room) => [room.id, room]));
  const items = [
    ...state.calls.map((call) => ({ key: `call ${call.id}`, call })),
    ...known(state).map((meeting) => ({ key: `meeting ${meeting.joinMeetingId}`, meeting, room: rooms.get(meeting.joinMeetingId) })),
  ];
  $("calls-empty").hidden = state.calls.length > 0;
  keep($("calls"), items, (item) => item.key, make, update);
}

/** Meetings that somebody has made, and none that a call from this page has. */
const known = (state) => state.meetings.filter((meeting) => !meeting.joinMeetingId.startsWith("call-"));

function make({ call, meeting }) {
  const acts = el("span", { class: "acts" }, el("span", { class: "badge" }));
  if (call) acts.append(el("button", { class: "small", onclick: () => attempt("Ending the call", () => inCall(call.id, "hangUp")) }, "End"));
  else acts.append(el("button", { class: "small", onclick: () => go({ meeting: meeting.joinMeetingId }) }, "Join"));
  return el("li", { class: "item" }, el("span", { class: "what" }), el("span", { class: "more" }), acts);
}

function update(line, { call, meeting, room }) {
  const [what, more, acts] = line.children;
  const badge = acts.firstElementChild;
  if (call) {
    say(what, people(call) || "Nobody yet");
    say(more, `${call.direction === "incoming" ? "the bot is called" : "the bot calls"}, ${call.id.slice(0, 8)}`);
    say(badge, WORDS[call.state] ?? call.state);
    badge.className = `badge ${STATES[call.state] ?? ""}`;
    return;
  }
  say(what, `Meeting ${meeting.joinMeetingId}`);
  const facts = [meeting.passcode && `passcode ${meeting.passcode}`, meeting.lobby && "bots wait in the lobby"].filter(Boolean);
  say(more, facts.join(", ") || "no passcode");
  const count = room?.members.length ?? 0;
  say(badge, count === 0 ? "empty" : count === 1 ? "1 in it" : `${count} in it`);
  badge.className = `badge ${count ? "good" : ""}`;
}
