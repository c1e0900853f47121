// The page: what the emulator says goes to the views, and keys go to what they stand for.

import { listen, startRecording, stopRecording } from "./api.js";
import { callKeys, isInCall, setUpCall, showCallState, showLevels } from "./call.js";
import { setUpDevices } from "./devices.js";
import { $, attempt, el, keep, say } from "./dom.js";
import { setUpFaults, showFaults } from "./faults.js";
import { setUpLobby, showLobby } from "./lobby.js";
import { showLegs } from "./media.js";
import { addStages, setUpStages, showStages } from "./stages.js";
import { addEntry, clearEntries, missEntries, setUpTimeline } from "./timeline.js";

const TABS = ["call", "timeline", "media", "faults"];

function openTab(name, focus = false) {
  for (const tab of TABS) {
    const chosen = tab === name;
    $(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    $(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    $(`view-${tab}`).hidden = !chosen;
  }
  if (focus) $(`tab-${name}`).focus();
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
  if (name === "media") {
    showLegs();
    showStages();
  }
}

function setUpTabs() {
  TABS.forEach((name, at) => {
    const tab = $(`tab-${name}`);
    tab.addEventListener("click", () => openTab(name));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      openTab(TABS[(at + step + TABS.length) % TABS.length], true);
    });
  });
  const asked = location.hash.slice(1);
  openTab(TABS.includes(asked) ? asked : "call");
  setInterval(() => {
    if (!$("view-media").hidden) showLegs();
  }, 1_000);
}

function setUpKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey) return;
    const tab = TABS[Number(event.code.replace("Digit", "")) - 1];
    if (tab && (event.altKey || !isInCall())) {
      event.preventDefault();
      openTab(tab);
      return;
    }
    if (event.altKey) return;
    if (event.key === "?") $("shortcuts").showModal();
    else if (callKeys(event)) event.preventDefault();
  });
  $("shortcuts-open").addEventListener("click", () => $("shortcuts").showModal());
}

function setUpRecording() {
  $("record").addEventListener("click", () => attempt("Recording", startRecording));
  $("recording-stop").addEventListener("click", () => attempt("Recording", stopRecording));
}

function showRecording(recording) {
  $("recording").hidden = !recording;
  $("record").disabled = Boolean(recording);
  if (!recording) return;
  const steps = recording.steps === 1 ? "1 step" : `${recording.steps} steps`;
  say($("recording-text"), `Recording what you do: ${steps} so far.`);
}

function showTenant(state) {
  const facts = {
    "Graph": state.addresses.graph, "Sign-in": state.addresses.authority, "Tenant": state.tenant, "Client id": state.clientId,
    "Users": state.users.map((user) => user.id).join(", ") || "none", "Version": state.version,
  };
  keep($("tenant"), Object.entries(facts).flatMap(([name, value]) => [["dt", name, name], ["dd", name, value]]),
    ([tag, name]) => `${tag}-${name}`, ([tag]) => el(tag), (line, [, , text]) => say(line, text));
}

let run = null;

const LINKS = { live: "live", lost: "lost, trying again", connecting: "connecting" };

setUpTabs();
setUpKeys();
setUpRecording();
setUpDevices();
setUpLobby();
setUpCall();
setUpTimeline();
setUpFaults();
setUpStages();
listen({
  link(state) {
    $("link").dataset.state = state;
    say($("link"), LINKS[state]);
  },
  state(state) {
    if (run && run !== state.run) clearEntries();
    run = state.run;
    document.body.dataset.ready = "true";
    showTenant(state);
    showLobby(state);
    showCallState(state);
    showFaults(state);
    showRecording(state.recording);
  },
  levels: showLevels,
  stages: addStages,
  timeline: addEntry,
  missed: missEntries,
});
