// Who is in the room: the list with its meters, the pictures, and adding far ends.

import { addMember, muteMember, removeMember } from "./api.js";
import { cameraOf } from "./call.js";
import { clearPad } from "./dialpad.js";
import { $, attempt, el, keep, say } from "./dom.js";

const KINDS = { bot: "bot", person: "in a browser", script: "scripted" };

/** The room as it was shown last. */
let shown = null;

export function showRoster(room, call) {
  shown = room;
  const members = room?.members ?? [];
  const me = call.connection.member;
  $("roster-empty").hidden = members.length > 0;
  keep($("roster"), members, (member) => member.id, makeLine, (line, member) => updateLine(line, member, room, me));
  showTiles(members, call, me);
}

function makeLine(member) {
  const act = (name, label, work) => el("button", { class: "small", "data-act": name, onclick: () => attempt(label, work) }, label);
  return el("li", { class: "item", "data-member": member.id },
    el("span", { class: "what" }), el("span", { class: "more" }),
    el("meter", { class: "meter", min: 0, max: 1, value: 0 }),
    el("span", { class: "acts" },
      act("mute", "Mute", () => muteMember(shown.id, member.id, !shown.members.find((one) => one.id === member.id)?.muted)),
      act("remove", "Remove", () => removeMember(shown.id, member.id))));
}

function updateLine(line, member, room, me) {
  const [what, more, meter, acts] = line.children;
  say(what, member.id === me ? `${member.name} (you)` : member.name);
  const facts = [KINDS[member.kind] ?? member.kind, member.muted && "muted", member.sharing && "shares the screen",
    member.link && "on a bad link", member.tones && `pressed ${member.tones}`];
  say(more, facts.filter(Boolean).join(", "));
  meter.setAttribute("aria-label", `How loud ${member.name} is`);
  const [mute, remove] = acts.children;
  acts.hidden = member.id === me;
  say(mute, member.muted ? "Unmute" : "Mute");
  mute.setAttribute("aria-label", `${member.muted ? "Unmute" : "Mute"} ${member.name}`);
  remove.setAttribute("aria-label", `Remove ${member.name}`);
}

/** Pictures: of others where they send some, else their initials; then one's own. */
function showTiles(members, call, me) {
  const own = members.find((member) => member.id === me);
  const slots = own?.slots ?? [];
  const tiles = [];
  for (const member of members.filter((one) => one.id !== me)) {
    const camera = slots.find((slot) => slot.member === member.id && !slot.sharing);
    const screen = slots.find((slot) => slot.member === member.id && slot.sharing);
    if (screen) tiles.push({ key: `${member.id} screen`, name: `Screen of ${member.name}`, track: call.tracks.get(screen.mid), member, screen: true });
    tiles.push({ key: member.id, name: member.name, track: camera && call.tracks.get(camera.mid), member });
  }
  if (call.screen) tiles.push({ key: "own screen", name: "Your screen", track: call.screen, screen: true });
  tiles.push({ key: "own", name: `${call.name} (you)`, track: cameraOf(call), own: true, member: own });
  keep($("tiles"), tiles, (tile) => tile.key, makeTile, updateTile);
}

function makeTile({ own, screen }) {
  return el("figure", { class: `tile${own ? " own mirrored" : ""}${screen ? " screen" : ""}` }, el("figcaption", { class: "caption" }));
}

function updateTile(tile, { name, track, member, screen }) {
  if (member && !screen) tile.dataset.member = member.id;
  say(tile.querySelector(".caption"), member?.muted ? `${name}, muted` : name);
  let video = tile.querySelector("video");
  let initials = tile.querySelector(".initials");
  if (track) {
    initials?.remove();
    if (!video) {
      video = el("video", { playsinline: true, autoplay: true });
      video.muted = true;
      tile.prepend(video);
    }
    if (video.srcObject?.getVideoTracks()[0] !== track) {
      video.srcObject = new MediaStream([track]);
      video.play().catch(() => {});
    }
    video.setAttribute("aria-label", name);
  } else {
    video?.remove();
    if (!initials) {
      initials = el("span", { class: "initials", "aria-hidden": "true" });
      tile.prepend(initials);
    }
    say(initials, name.split(/\s+/).map((word) => word[0] ?? "").join("").slice(0, 2).toUpperCase());
  }
}

/** Levels come ten times a second, apart from all else. */
export function showLoudness({ dominant, levels }) {
  for (const line of $("roster").children) {
    const level = levels[line.dataset.member] ?? 127;
    // -60 dBov and less is nothing to be seen.
    line.children[2].value = Math.max(0, 1 - level / 60);
    line.classList.toggle("dominant", line.dataset.member === dominant);
  }
  for (const tile of $("tiles").children) tile.classList.toggle("dominant", Boolean(dominant) && tile.dataset.member === dominant);
}

export function clearRoster() {
  shown = null;
  clearPad();
  $("roster").replaceChildren();
  $("tiles").replaceChildren();
}

const DETAILS = {
  tone: { label: "Hertz", value: "440", type: "number" },
  file: { label: "Path of the WAV file", value: "", type: "text" },
};

const NAMES = { speech: "Speaker", file: "Speaker", tone: "Tone", pattern: "Pattern" };

/** The form that adds far ends to the room that `roomOf` gives. */
export function setUpAdding(roomOf) {
  const detail = () => DETAILS[$("add-kind").value];
  $("add-kind").addEventListener("change", () => {
    const wanted = detail();
    $("add-picture-label").hidden = $("add-kind").value === "pattern";
    $("add-detail-label").hidden = !wanted;
    if (!wanted) return;
    say($("add-detail-name"), wanted.label);
    $("add-detail").type = wanted.type;
    $("add-detail").value = wanted.value;
  });
  $("form-add").addEventListener("submit", async (event) => {
    event.preventDefault();
    const room = roomOf();
    const kind = $("add-kind").value;
    const script = { speech: { speech: null }, file: { speech: $("add-detail").value }, tone: { tone: Number($("add-detail").value) }, pattern: "pattern" }[kind];
    const name = kind === "tone" ? `Tone ${$("add-detail").value} Hz` : NAMES[kind];
    await attempt("Adding a far end", async () => {
      if (!room) throw new Error("you are not in the room yet. Wait until you are connected.");
      await addMember(room.id, script, name, $("add-picture").checked);
    });
  });
}
