// Microphone, camera, and the picture of oneself before a call.

import { $, attempt, notice, remember, remembered, say } from "./dom.js";
import { levelOf } from "./media.js";

const HELP = {
  NotAllowedError: "the browser was not allowed to use it. Allow it in the address bar, and try again.",
  NotFoundError: "there is none. You can join without; others then do not hear you.",
  NotReadableError: "another program uses it.",
};

/** Opens what is chosen. Without a microphone a call still works: then there is nothing to send. */
export async function open({ video = $("camera").value !== "none" } = {}) {
  if (!navigator.mediaDevices) {
    notice("Browsers give no microphone to a page that comes over plain HTTP from another machine. You can join and listen. To speak, forward the port (ssh -L) and open the page on 127.0.0.1.");
    return new MediaStream();
  }
  const microphone = $("microphone").value;
  const camera = $("camera").value;
  // What is sent as it is can be measured at the other end.
  const process = $("process").checked;
  const audio = { echoCancellation: process, noiseSuppression: process, autoGainControl: process };
  if (microphone) audio.deviceId = { exact: microphone };
  const picture = video && (camera && camera !== "none" ? { deviceId: { exact: camera } } : { width: 640, height: 360 });
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio, video: picture });
    list();
    return stream;
  } catch (error) {
    if (picture) {
      notice(`Camera: ${HELP[error.name] ?? error.message}`);
      return open({ video: false });
    }
    notice(`Microphone: ${HELP[error.name] ?? error.message}`);
    return new MediaStream();
  }
}

/** Names the devices; browsers tell the names once one of them is in use. */
async function list() {
  const devices = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
  fill($("microphone"), devices, "audioinput", [["", "Default microphone"]]);
  fill($("camera"), devices, "videoinput", [["none", "No camera"], ["", "Default camera"]]);
  const named = devices.some((device) => device.label);
  say($("devices-hint"), named ? "" : "Names of devices are shown once the browser may use one.");
}

function fill(select, devices, kind, first) {
  const chosen = select.value || remembered(select.id) || select.value;
  const options = devices.filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default" && device.label);
  select.replaceChildren(...[...first, ...options.map((device) => [device.deviceId, device.label])].map(([value, text]) => new Option(text, value)));
  if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
}

let preview = null;

async function startPreview() {
  const stream = await attempt("Preview", open);
  if (!stream) return;
  const stopMeter = levelOf(stream, (level) => { $("preview-level").value = level; });
  preview = { stream, stopMeter };
  $("preview").srcObject = stream.getVideoTracks().length ? stream : null;
  $("preview").play().catch(() => {});
  $("preview-toggle").setAttribute("aria-pressed", "true");
  say($("preview-toggle"), "Stop preview");
}

export function stopPreview() {
  if (!preview) return;
  preview.stopMeter();
  preview.stream.getTracks().forEach((track) => track.stop());
  preview = null;
  $("preview").srcObject = null;
  $("preview-level").value = 0;
  $("preview-toggle").setAttribute("aria-pressed", "false");
  say($("preview-toggle"), "Preview");
}

export function setUpDevices() {
  list();
  navigator.mediaDevices?.addEventListener?.("devicechange", list);
  $("preview-toggle").addEventListener("click", () => (preview ? stopPreview() : startPreview()));
  for (const select of [$("microphone"), $("camera")]) {
    select.addEventListener("change", () => {
      remember(select.id, select.value);
      if (preview) {
        stopPreview();
        startPreview();
      }
    });
  }
}
