// The dial pad.

import { pressTone } from "./api.js";
import { $, attempt, el, say } from "./dom.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function setUpPad(press) {
  const label = { "*": "star", "#": "pound" };
  $("pad").append(...KEYS.map((key) => el("button", { type: "button", "data-tone": key, "aria-label": `Tone ${label[key] ?? key}`, onclick: () => press(key) }, key)));
}

let sent = "";

/** Sends a tone as media does (RFC 4733); where the other side takes none so, the emulator presses it in the bots' calls. */
export function pressKey(tone, connection, calls) {
  if (!connection.pressTone(tone)) {
    calls.forEach((call) => attempt("Tone", () => pressTone(call, tone)));
  }
  sent = (sent + tone).slice(-16);
  say($("pad-sent"), sent);
  const button = [...$("pad").children].find((one) => one.dataset.tone === tone);
  button?.classList.add("pressed");
  setTimeout(() => button?.classList.remove("pressed"), 150);
}

export function clearPad() {
  sent = "";
  say($("pad-sent"), "none");
}
