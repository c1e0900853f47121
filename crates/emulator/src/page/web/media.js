// What the browser measures of its call, once a second, and what the emulator counts of its legs.

import { legs } from "./api.js";
import { chart } from "./chart.js";
import { $, el, keep, say } from "./dom.js";
import { describe } from "./pictures.js";

/** Points that are kept: two minutes. */
const KEPT = 120;

const CHARTS = [
  { id: "loss", title: "Loss", unit: "%", digits: 1, series: ["received", "sent"] },
  { id: "jitter", title: "Jitter", unit: "ms", digits: 1, series: ["received", "sent"] },
  { id: "delay", title: "Latency", unit: "ms", digits: 0, series: ["round trip", "jitter buffer"] },
  { id: "rate", title: "Audio", unit: "kbit/s", digits: 0, series: ["received", "sent"] },
  { id: "video", title: "Video", unit: "kbit/s", digits: 0, series: ["received", "sent"] },
  { id: "frames", title: "Pictures", unit: "a second", digits: 0, series: ["received", "sent"] },
  { id: "level", title: "Level", unit: "%", digits: 0, series: ["heard", "spoken"] },
  { id: "repair", title: "Concealed speech", unit: "%", digits: 1, series: ["received"] },
];

let timer = null;
let before = null;
let history = {};
let drawn = {};
let pictures = null;

/** Begins to measure `peer`. `nameOf` gives a name to a stream of video, by the mid of its section and whether it is sent. */
export function measure(peer, nameOf) {
  stopMeasuring();
  history = Object.fromEntries(CHARTS.map(({ id, series }) => [id, series.map(() => [])]));
  pictures = describe(nameOf);
  drawn = Object.fromEntries(CHARTS.map((what) => [what.id, chart(what)]));
  $("charts").replaceChildren(...CHARTS.map(({ id }) => drawn[id].element));
  $("media-on").hidden = false;
  $("media-empty").hidden = true;
  timer = setInterval(() => look(peer), 1_000);
}

export function stopMeasuring() {
  clearInterval(timer);
  timer = null;
  before = null;
  $("media-on").hidden = true;
  $("media-empty").hidden = false;
}

async function look(peer) {
  if (peer.connectionState === "closed") return;
  const report = await peer.getStats();
  // The call can have ended meanwhile.
  if (timer === null) return;
  const now = summed(report);
  const streams = pictures(report);
  now.frameRate = streams.rate;
  $("videos-card").hidden = streams.rows.length === 0;
  keep($("videos").tBodies[0], streams.rows, (row) => row.id,
    () => el("tr", {}, ...Array.from({ length: 7 }, () => el("td"))),
    (line, row) => row.cells.forEach((value, at) => say(line.children[at], value)));
  if (before) {
    const points = between(before, now);
    for (const { id, digits } of CHARTS) {
      history[id].forEach((series, at) => {
        series.push(points[id][at]);
        if (series.length > KEPT) series.shift();
      });
      if (!$("view-media").hidden) drawn[id].draw(history[id], digits);
    }
    facts(now, peer);
  }
  before = now;
}

/** What is needed of a report, each kind summed over its streams. */
function summed(report) {
  const sum = {
    at: 0, got: 0, lost: 0, gotBytes: { audio: 0, video: 0 }, sentBytes: { audio: 0, video: 0 }, jitter: 0, buffered: 0, emitted: 0, samples: 0, concealed: 0,
    heard: null, spoken: null, trip: null, farLoss: null, farJitter: null, codec: "", pair: "", frames: 0, framesSent: 0,
  };
  for (const stat of report.values()) {
    sum.at = Math.max(sum.at, stat.timestamp);
    if (stat.type === "inbound-rtp") {
      sum.gotBytes[stat.kind] += stat.bytesReceived ?? 0;
      if (stat.kind === "audio") {
        sum.got += stat.packetsReceived ?? 0;
        sum.lost += stat.packetsLost ?? 0;
        sum.jitter = (stat.jitter ?? 0) * 1000;
        sum.buffered = stat.jitterBufferDelay ?? 0;
        sum.emitted = stat.jitterBufferEmittedCount ?? 0;
        sum.samples = stat.totalSamplesReceived ?? 0;
        sum.concealed = stat.concealedSamples ?? 0;
        sum.heard = stat.audioLevel ?? null;
        sum.codec = report.get(stat.codecId)?.mimeType ?? "";
      } else sum.frames += stat.framesDecoded ?? 0;
    } else if (stat.type === "outbound-rtp") {
      sum.sentBytes[stat.kind] += stat.bytesSent ?? 0;
      sum.framesSent += stat.framesSent ?? 0;
    } else if (stat.type === "remote-inbound-rtp" && stat.kind === "audio") {
      sum.farLoss = (stat.fractionLost ?? 0) * 100;
      sum.farJitter = (stat.jitter ?? 0) * 1000;
      sum.trip = stat.roundTripTime != null ? stat.roundTripTime * 1000 : sum.trip;
    } else if (stat.type === "media-source" && stat.kind === "audio") {
      sum.spoken = stat.audioLevel ?? null;
    } else if (stat.type === "candidate-pair" && stat.nominated) {
      sum.trip ??= stat.currentRoundTripTime != null ? stat.currentRoundTripTime * 1000 : null;
      const far = report.get(stat.remoteCandidateId);
      sum.pair = far ? `${far.protocol ?? "udp"} ${far.candidateType ?? ""}` : "";
    }
  }
  return sum;
}

/** A point for each chart. */
function between(old, now) {
  const seconds = Math.max((now.at - old.at) / 1000, 0.001);
  const share = (part, whole) => (whole > 0 ? Math.max(0, (100 * part) / whole) : 0);
  const lost = now.lost - old.lost;
  const emitted = now.emitted - old.emitted;
  const kilobits = (bytes) => (bytes * 8) / 1000 / seconds;
  const rate = (kind) => [kilobits(now.gotBytes[kind] - old.gotBytes[kind]), kilobits(now.sentBytes[kind] - old.sentBytes[kind])];
  const percent = (level) => (level == null ? null : level * 100);
  return {
    loss: [share(lost, lost + now.got - old.got), now.farLoss],
    jitter: [now.jitter, now.farJitter],
    delay: [now.trip, emitted > 0 ? ((now.buffered - old.buffered) / emitted) * 1000 : null],
    rate: rate("audio"),
    video: rate("video"),
    frames: now.frameRate,
    level: [percent(now.heard), percent(now.spoken)],
    repair: [share(now.concealed - old.concealed, now.samples - old.samples)],
  };
}

function facts(now, peer) {
  const shown = {
    Connection: peer.connectionState, Path: now.pair || "none yet", Codec: now.codec.replace("audio/", "") || "none yet",
    "Packets received": now.got, "Packets lost": now.lost, "Frames shown": now.frames, "Frames sent": now.framesSent,
  };
  keep($("media-facts"), Object.entries(shown), ([name]) => name,
    ([name]) => el("div", {}, el("dt", {}, name), el("dd")),
    (row, [, value]) => say(row.lastElementChild, String(value)));
}

/** Calls `tell` with the loudness of a stream, from 0 to 1, until what is given back is called. */
export function levelOf(stream, tell) {
  if (!stream.getAudioTracks().length) return () => {};
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const meter = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // From -60 dB to full scale.
    tell(Math.max(0, 1 + Math.log10(power + 1e-9) / 6));
  }, 100);
  return () => {
    clearInterval(meter);
    context.close();
  };
}

/** Shows what the emulator counts, while it is looked at. */
export async function showLegs() {
  const rows = await legs().catch(() => []);
  $("legs-empty").hidden = rows.length > 0;
  $("legs").hidden = rows.length === 0;
  keep($("legs").tBodies[0], rows, (row) => row.call,
    () => el("tr", {}, ...Array.from({ length: 8 }, () => el("td"))),
    (line, row) => [row.call.slice(0, 8), row.state, row.packetsReceived, row.packetsLost, row.packetsRecovered, row.packetsSent, seen(row.video), seen(row.screen)]
      .forEach((value, at) => say(line.children[at], String(value ?? ""))));
}

/** What came of a bot's camera or screen. */
function seen({ frames, keyFrames, size }) {
  return frames ? `${frames} (${keyFrames} key), ${size ?? "unknown size"}` : "none";
}
