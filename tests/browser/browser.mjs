// Drives Chromium for the tests beside this file, which tell it what to do a line at a time: JSON on standard input, and an answer
// for each on standard output. So the test has both sides of a call in view, and no step is told by the clock.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const { OFFHOOK_BROWSER_MODULES: modules, OFFHOOK_BROWSER: executablePath, OFFHOOK_SCREENSHOTS: shots } = process.env;
const { chromium } = createRequire(`${modules}/package.json`)("playwright-core");

/** What reads the clock of the pattern, shared with the measurement of video. */
const pattern = readFileSync(new URL("../../examples/video_quality/pattern.js", import.meta.url), "utf8");

/** How long a page may take for anything, on a busy machine. */
const LIMIT = 60_000;

const browsers = [];
const pages = new Map();
const complaints = [];

/** A browser of its own, so that its microphone hums its own tone. */
async function open({ page: name, url, microphone, camera, dark = false, width = 1280, height = 900 }) {
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
      `--use-file-for-fake-audio-capture=${microphone}`, "--autoplay-policy=no-user-gesture-required",
      "--auto-select-desktop-capture-source=Entire screen",
    ],
  });
  browsers.push(browser);
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
  context.setDefaultTimeout(LIMIT);
  // The page keeps its connection to itself; a test looks at what has come on it.
  await context.addInitScript(() => {
    window.connections = [];
    const Own = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Own {
      constructor(...settings) {
        super(...settings);
        window.connections.push(this);
      }
    };
  });
  // The page asks for a picture of a size of its own.
  if (camera) {
    await context.addInitScript((wanted) => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = ({ audio, video }) => open({ audio, video: video && wanted });
    }, camera);
  }
  await context.addInitScript({ content: `(() => { ${pattern}; Object.assign(window, { readClock, clockSide }); })();` });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && complaints.push(`${name}: ${message.text()} ${message.location().url}`));
  pages.set(name, page);
  await page.goto(url);
  await page.waitForSelector("body[data-ready]");
}

const verbs = {
  open,
  fill: ({ page, at, text }) => page.fill(at, text),
  choose: ({ page, at, text }) => page.selectOption(at, text),
  click: ({ page, at }) => page.click(at),
  press: ({ page, at }) => page.keyboard.press(at),
  write: ({ page, text }) => page.keyboard.type(text),
  reach,
  /** Waits for an element that shows `text`. */
  see: ({ page, at, text }) => page.locator(at).filter({ hasText: text ?? "" }).first().waitFor(),
  unsee: ({ page, at }) => page.locator(at).first().waitFor({ state: "hidden" }),
  text: ({ page, at }) => page.locator(at).allInnerTexts(),
  size: async ({ page, at, width, height }) => page.setViewportSize({ width, height }),
  shot: async ({ page, at }) => { await page.screenshot({ path: `${shots}/${at}.png` }); },
  /** Waits until a tone of about `hertz` is what is heard most; gives its frequency, and its level in dB of full scale. */
  hear: ({ page, hertz }) => page.evaluate(listen, { hertz, loud: -30, limit: LIMIT }),
  /** Waits until so many more frames of a picture were shown. */
  watch: ({ page, at, frames }) => page.locator(at).first().evaluate(watch, { frames, limit: LIMIT }),
  /** Waits until so many more frames with a readable clock were shown; gives what their clocks showed. */
  clocks: ({ page, at, frames }) => page.locator(at).first().evaluate(readClocks, { frames, limit: LIMIT }),
  media: ({ page }) => page.evaluate(media),
  decoded: ({ page }) => page.evaluate(decoded),
  sent: ({ page }) => page.evaluate(sent),
  /** As when the machine has changed its network; waits until ICE has begun anew with the emulator, and a way is found. */
  network: ({ page }) => page.evaluate(changeNetwork, { limit: LIMIT }),
  complaints: () => complaints.splice(0),
};

/** Goes on by Tab until the focus is at an element; each stop on the way has to be in view, with a line around it. */
async function reach({ page, at }) {
  const wanted = page.locator(at).first();
  await wanted.waitFor();
  const stops = [];
  while (stops.length < 100) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { width, height, top, bottom } = element.getBoundingClientRect();
      const name = `${element.tagName}#${element.id} ${element.innerText?.slice(0, 20) ?? ""}`;
      const inView = width > 0 && height > 0 && bottom > 0 && top < innerHeight;
      return { name, shows: inView && outlineStyle !== "none" && parseFloat(outlineWidth) > 0 };
    });
    if (stop && !stop.shows) throw new Error(`nobody sees that the focus is at ${stop.name}`);
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
    stops.push(stop?.name ?? "the page");
  }
  throw new Error(`not reached from ${stops.join(", ")}`);
}

async function listen({ hertz, loud, limit }) {
  const connection = window.connections.at(-1);
  const track = connection.getReceivers().map((receiver) => receiver.track).find((one) => one.kind === "audio");
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 32_768, smoothingTimeConstant: 0, minDecibels: -120 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const width = context.sampleRate / analyser.fftSize;
  const end = performance.now() + limit;
  let loudest = 0;
  try {
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      analyser.getFloatFrequencyData(bins);
      loudest = bins.reduce((best, level, at) => (level > bins[best] ? at : best), 1);
      if (Math.abs(loudest * width - hertz) < 5 && bins[loudest] > loud) return { hertz: loudest * width, level: bins[loudest] };
    }
    throw new Error(`heard ${Math.round(loudest * width)} Hz at ${Math.round(bins[loudest])} dB, and not ${hertz}`);
  } finally {
    context.close();
  }
}

function watch(video, { frames, limit }) {
  return new Promise((resolve, reject) => {
    let seen = 0;
    setTimeout(() => reject(new Error(`${seen} frames of ${frames}`)), limit);
    const next = () => {
      seen += 1;
      if (seen < frames) video.requestVideoFrameCallback(next);
      else resolve({ frames: seen, width: video.videoWidth, height: video.videoHeight });
    };
    video.requestVideoFrameCallback(next);
  });
}

function readClocks(video, { frames, limit }) {
  return new Promise((resolve, reject) => {
    const seen = [];
    let shown = 0;
    setTimeout(() => reject(new Error(`${seen.length} clocks of ${frames} in ${shown} frames`)), limit);
    const next = () => {
      shown += 1;
      const { videoWidth: width, videoHeight: height } = video;
      const rows = 2 * window.clockSide(width, height);
      const canvas = new OffscreenCanvas(width, rows);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(video, 0, 0);
      const { data } = context.getImageData(0, 0, width, rows);
      // Brightness of BT.601, in studio range.
      const luma = Uint8Array.from({ length: width * rows }, (_, at) =>
        16 + 0.257 * data[4 * at] + 0.504 * data[4 * at + 1] + 0.098 * data[4 * at + 2]);
      const clock = window.readClock(luma, width, width, height);
      if (clock !== null && clock !== seen.at(-1)) seen.push(clock);
      if (seen.length < frames) video.requestVideoFrameCallback(next);
      else resolve(seen);
    };
    video.requestVideoFrameCallback(next);
  });
}

async function changeNetwork({ limit }) {
  const connection = window.connections.at(-1);
  const credentials = () => connection.remoteDescription.sdp.match(/^a=ice-ufrag:.*$/m)[0];
  const pair = async () => {
    const stats = await connection.getStats();
    const transport = [...stats.values()].find((stat) => stat.type === "transport");
    return stats.get(transport?.selectedCandidatePairId);
  };
  const [before, old] = [credentials(), await pair()];
  window.dispatchEvent(new Event("online"));
  const end = performance.now() + limit;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await pair();
    if (credentials() !== before && now && now.id !== old.id && now.bytesReceived > 0) return;
  }
  throw new Error("ICE has not begun anew");
}

async function media() {
  const found = { received: 0, lost: 0, concealed: 0 };
  for (const stat of (await window.connections.at(-1).getStats()).values()) {
    if (stat.type !== "inbound-rtp" || stat.kind !== "audio") continue;
    found.received += stat.packetsReceived;
    found.lost += stat.packetsLost;
    found.concealed += stat.concealedSamples;
  }
  return found;
}

async function decoded() {
  const found = { frames: 0, keys: 0, nacks: 0 };
  for (const stat of (await window.connections.at(-1).getStats()).values()) {
    if (stat.type !== "inbound-rtp" || stat.kind !== "video") continue;
    found.frames += stat.framesDecoded ?? 0;
    found.keys += stat.keyFramesDecoded ?? 0;
    found.nacks += stat.nackCount ?? 0;
  }
  return found;
}

/** What is sent of pictures, a layer at a time. */
async function sent() {
  const all = [...(await window.connections.at(-1).getStats()).values()];
  return all.filter((stat) => stat.type === "outbound-rtp" && stat.kind === "video").map((stat) => ({
    rid: stat.rid, active: stat.active, size: `${stat.frameWidth} x ${stat.frameHeight}`, frames: stat.framesSent,
    keys: stat.keyFramesEncoded, asked: stat.pliCount, again: stat.retransmittedPacketsSent, limit: stat.qualityLimitationReason,
  }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...what } = JSON.parse(line);
  let answer;
  try {
    if (verb !== "open" && what.page) what.page = pages.get(what.page);
    answer = { ok: (await verbs[verb](what)) ?? null };
  } catch (error) {
    await what.page?.screenshot?.({ path: `${shots}/failed.png` }).catch(() => {});
    answer = { error: `${verb} ${what.at ?? ""}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await Promise.all(browsers.map((browser) => browser.close()));
