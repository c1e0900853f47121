// In a call: what is sent and received, and the controls.

import { callBot, inCall, muteMember } from "./api.js";
import { open, stopPreview } from "./devices.js";
import { setUpPad, pressKey } from "./dialpad.js";
import { $, attempt, notice, say } from "./dom.js";
import { measure, stopMeasuring } from "./media.js";
import { clearRoster, setUpAdding, showLoudness, showRoster } from "./roster.js";
import { joinRoom } from "./whip.js";

/** The call that this page is in. */
let current = null;
let latest = null;

export const isInCall = () => current !== null;

/** Goes into a meeting, or calls the bot from a room of one's own. */
export async function enter({ callback, meeting, name }) {
  if (current) return;
  stopPreview();
  const stream = await open();
  const room = meeting ?? `call-${crypto.randomUUID?.() ?? String(Date.now())}`;
  const call = { stream, name, room, callId: null, answered: false, since: Date.now(), tracks: new Map(), muted: false, screen: null };
  try {
    call.connection = await joinRoom(room, name, stream, {
      track: (mid, track) => receive(call, mid, track),
      state: (state) => connectionChanged(call, state),
    });
    current = call;
    if (callback) call.callId = (await callBot({ callbackUri: callback, from: call.connection.member })).id;
  } catch (error) {
    if (call.connection) await call.connection.leave();
    end(call);
    throw error;
  }
  $("lobby").hidden = true;
  $("incall").hidden = false;
  say($("incall-title"), meeting ? `Meeting ${meeting}` : "Call with your bot");
  say($("incall-state"), callback ? "ringing at the bot" : "connecting");
  say($("incall-time"), "0:00");
  call.clock = setInterval(() => showTime(call), 1_000);
  measure(call.connection.peer, (mid, sent) => pictureOf(call, mid, sent));
  refreshControls();
  if (latest) showCallState(latest);
  $("mute").focus();
}

function receive(call, mid, track) {
  call.tracks.set(mid, track);
  if (track.kind === "audio") {
    call.audio = new Audio();
    call.audio.srcObject = new MediaStream([track]);
    call.audio.play().catch(() => notice("The browser plays no sound until you click somewhere on the page."));
  } else if (latest) showCallState(latest);
}

/** A path that was lost often comes back by itself; and where the other end has left, its goodbye is on the way. */
const PATIENCE = 2_000;

function reconnect(call) {
  if (call === current && call.state === "disconnected") call.connection.reconnect().catch(() => {});
}

function connectionChanged(call, state) {
  call.state = state;
  if (state === "disconnected") setTimeout(() => reconnect(call), PATIENCE);
  if (state === "failed") leave("The connection has broken off. Join again; if it does not come about, look whether the media port is reachable.");
  if (call === current && latest) showCallState(latest);
}

function showTime(call) {
  const seconds = Math.floor((Date.now() - call.since) / 1000);
  say($("incall-time"), `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
}

/** The room that this page is in, as the emulator shows it. */
function ownRoom(state) {
  const me = current?.connection?.member;
  return state.rooms.find((room) => room.members.some((member) => member.id === me));
}

export function showCallState(state) {
  latest = state;
  if (!current?.connection) return;
  const call = state.calls.find((one) => one.id === current.callId);
  if (current.callId && !call && current.seen) {
    leave(current.answered ? "The call is over: the bot has left." : "The bot did not take the call. The timeline says what it was told, and what it answered.");
    return;
  }
  if (call) {
    current.seen = true;
    if (call.state === "established" && !current.answered) {
      current.answered = true;
      current.since = Date.now();
    }
  }
  const room = ownRoom(state);
  if (!room && current.inRoom) {
    leave("You are no longer in the room: somebody has removed you, or it was closed.");
    return;
  }
  current.inRoom ||= Boolean(room);
  say($("incall-state"), words(call, room));
  showRoster(room, current);
}

/** Whose picture is in a section: in one that is sent, one's own. */
function pictureOf(call, mid, sent) {
  if (sent) return call.connection.screenMid === mid ? "Your screen" : "Your camera";
  const members = (latest && ownRoom(latest)?.members) ?? [];
  const slot = members.find((one) => one.id === call.connection.member)?.slots.find((one) => one.mid === mid);
  const member = members.find((one) => one.id === slot?.member);
  if (!member) return "Nobody now";
  return slot.sharing ? `Screen of ${member.name}` : member.name;
}

function words(call, room) {
  if (current.state !== "connected") return "connecting media";
  if (call?.state === "incoming") return "ringing at the bot";
  if (call?.state === "establishing") return "the bot has answered, its media is connecting";
  if (call?.state === "hold") return "on hold";
  const others = (room?.members ?? []).filter((member) => member.id !== current.connection.member);
  if (!others.length) return "connected, nobody else is here yet";
  return others.length === 1 ? `connected with ${others[0].name}` : `connected with ${others.length} others`;
}

export function showLevels(rooms) {
  if (!current?.connection) return;
  const own = rooms.find((room) => current.connection.member in room.levels);
  if (own) showLoudness(own);
}

/** Leaves; `why` where it is not this page's doing. */
async function leave(why) {
  const call = current;
  if (!call) return;
  end(call);
  if (why) notice(why);
  const hungUp = call.callId && !why && (await inCall(call.callId, "hangUp").then(() => true, () => false));
  // Whoever leaves a call leaves its room with that.
  if (hungUp && call.answered) call.connection.peer.close();
  else await call.connection?.leave();
}

function end(call) {
  if (current === call) current = null;
  clearInterval(call.clock);
  stopMeasuring();
  call.stream.getTracks().forEach((track) => track.stop());
  call.screen?.stop();
  call.camera?.stop();
  if (call.audio) call.audio.srcObject = null;
  clearRoster();
  $("incall").hidden = true;
  $("lobby").hidden = false;
  $("call-bot").focus();
}

function refreshControls() {
  const set = (id, on) => $(id).setAttribute("aria-pressed", String(on));
  set("mute", current.muted);
  say($("mute").lastChild, current.muted ? " Unmute" : " Mute");
  set("video", Boolean(cameraOf(current)));
  set("share", Boolean(current.screen));
  say($("share").lastChild, current.screen ? " Stop sharing" : " Share screen");
}

export function cameraOf(call) {
  const track = call.connection?.video.track;
  return track && track.readyState === "live" ? track : null;
}

async function toggleMute() {
  if (!current) return;
  current.muted = !current.muted;
  current.stream.getAudioTracks().forEach((track) => { track.enabled = !current.muted; });
  refreshControls();
  const room = latest && ownRoom(latest);
  if (room) await attempt("Mute", () => muteMember(room.id, current.connection.member, current.muted));
}

async function toggleVideo() {
  if (!current) return;
  const call = current;
  const on = cameraOf(call);
  if (on) {
    await call.connection.show(call.connection.video, null);
    on.stop();
  } else {
    const chosen = $("camera").value;
    const video = chosen && chosen !== "none" ? { deviceId: { exact: chosen } } : { width: 640, height: 360 };
    const stream = await attempt("Camera", () => navigator.mediaDevices.getUserMedia({ video }));
    if (!stream) return;
    [call.camera] = stream.getVideoTracks();
    await call.connection.show(call.connection.video, call.camera);
  }
  if (call !== current) return;
  refreshControls();
  if (latest) showCallState(latest);
}

async function toggleShare() {
  if (!current) return;
  const call = current;
  if (call.screen) {
    call.screen.stop();
    call.screen = null;
    await call.connection.show(call.connection.screen, null);
  } else {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 10 } });
    } catch (error) {
      // Closing the browser's own question is no failure.
      if (error.name !== "NotAllowedError") notice(`Sharing: ${error.message}`);
      return;
    }
    [call.screen] = stream.getVideoTracks();
    // The browser has a button of its own to stop.
    call.screen.addEventListener("ended", () => call === current && call.screen && toggleShare());
    await call.connection.show(call.connection.screen, call.screen);
  }
  if (call !== current) return;
  refreshControls();
  if (latest) showCallState(latest);
}

function press(tone) {
  if (!current) return;
  const bots = (latest && ownRoom(latest)?.members.filter((member) => member.kind === "bot")) ?? [];
  pressKey(tone, current.connection, bots.map((bot) => bot.id));
}

export function setUpCall() {
  $("mute").addEventListener("click", toggleMute);
  $("video").addEventListener("click", toggleVideo);
  $("share").addEventListener("click", toggleShare);
  $("hang-up").addEventListener("click", () => leave());
  setUpPad(press);
  setUpAdding(() => latest && ownRoom(latest));
  addEventListener("pagehide", () => leave());
  // The machine has another network: its addresses of before lead nowhere.
  addEventListener("online", () => current?.connection?.reconnect().catch((error) => notice(`Reconnecting: ${error.message}`)));
}

/** Keys in a call; whether this was one. */
export function callKeys(event) {
  if (!current) return false;
  if (/^[0-9*#]$/.test(event.key)) {
    press(event.key);
    return true;
  }
  const act = { m: toggleMute, v: toggleVideo, s: toggleShare, h: () => leave() }[event.key.toLowerCase()];
  if (act) act();
  return Boolean(act);
}
