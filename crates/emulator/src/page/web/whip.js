// Joining a room by WHIP (RFC 9725): an offer goes there, an answer comes back, and both ways carry media.

/** Pictures of others that are shown at a time, and so the sections that are offered for them. */
const SLOTS = 9;

/** The sizes in which the camera is sent, the smallest first: whoever sees it is given the one that fits. Of a small picture browsers send
 *  fewer, and leave out the largest. Only where the address of the page asks for it: once ICE has begun anew, such a camera is not seen. */
function layersOf(camera) {
  if (!new URLSearchParams(location.search).has("simulcast")) return [{}];
  const width = camera?.getSettings().width ?? 640;
  const count = width >= 960 ? 3 : width >= 480 ? 2 : 1;
  if (count === 1) return [{}];
  return Array.from({ length: count }, (_, layer) => ({ rid: String(layer), scaleResolutionDownBy: 2 ** (count - 1 - layer) }));
}

/** Connects `stream` to the meeting `room`. `on` is told `state`, and of each `track` with the mid of its section. */
export async function joinRoom(room, name, stream, on) {
  const peer = new RTCPeerConnection();
  const [microphone] = stream.getAudioTracks();
  const [camera] = stream.getVideoTracks();
  const audio = peer.addTransceiver(microphone ?? "audio", { direction: microphone ? "sendrecv" : "recvonly", streams: [stream] });
  // Both are offered from the start, so that a camera or a screen can follow without another offer.
  const video = peer.addTransceiver(camera ?? "video", { direction: "sendonly", streams: [stream], sendEncodings: layersOf(camera) });
  const screen = peer.addTransceiver("video", { direction: "sendonly" });
  for (let slot = 0; slot < SLOTS; slot += 1) peer.addTransceiver("video", { direction: "recvonly" });
  peer.addEventListener("track", (event) => on.track(event.transceiver.mid, event.track));
  peer.addEventListener("connectionstatechange", () => on.state(peer.connectionState));

  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  const offer = markSlides(peer.localDescription.sdp, screen.mid);
  const address = `/meetings/${encodeURIComponent(room)}/whip?name=${encodeURIComponent(name)}`;
  const response = await fetch(address, { method: "POST", headers: { "content-type": "application/sdp" }, body: offer });
  const text = await response.text();
  if (response.status !== 201) {
    peer.close();
    throw new Error(reason(response.status, text));
  }
  const resource = new URL(response.headers.get("location"), location.href).pathname;
  await peer.setRemoteDescription({ type: "answer", sdp: text });
  return new Connection(peer, resource, audio.sender, video.sender, screen.sender, screen.mid);
}

/** A room that this page is in. */
class Connection {
  constructor(peer, resource, audio, video, screen, screenMid) {
    Object.assign(this, { peer, resource, audio, video, screen, screenMid });
    /** The id of the person in rosters. */
    this.member = decodeURIComponent(resource.split("/").pop());
  }

  /** Sends `track` by `sender`, or nothing any more: without a track alone, browsers go on to probe with padding. */
  async show(sender, track) {
    await sender.replaceTrack(track);
    const parameters = sender.getParameters();
    parameters.encodings.forEach((encoding) => { encoding.active = Boolean(track); });
    await sender.setParameters(parameters);
  }

  /** Sends `tone`, if the other side takes tones of RFC 4733. */
  pressTone(tone) {
    const keys = this.audio.dtmf;
    if (!keys?.canInsertDTMF) return false;
    // What is still to be sent is part of what is set.
    keys.insertDTMF(keys.toneBuffer + tone, 120, 60);
    return true;
  }

  /** Begins ICE anew (RFC 9725 section 4.3.3): the network has changed, or the path was lost. */
  async reconnect() {
    const { peer } = this;
    peer.restartIce();
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const response = await fetch(this.resource, {
      method: "PATCH",
      headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": "*" },
      body: fragment(peer.localDescription.sdp),
    });
    if (response.status !== 200) throw new Error(reason(response.status, await response.text()));
    const told = await response.text();
    await peer.setRemoteDescription({ type: "answer", sdp: restarted(peer.remoteDescription.sdp, told) });
  }

  async leave() {
    this.peer.close();
    await fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => {});
  }
}

/** Host candidates are known at once; a second is for a machine that is busy. */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const give = setTimeout(resolve, 1_000);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(give);
      resolve();
    });
  });
}

/** What a fragment tells of an offer (RFC 8840): credentials and candidates of the first section, which is that of the bundle. */
function fragment(sdp) {
  const [session, first] = sdp.split(/^(?=m=)/m);
  const credentials = first.match(/^a=ice-(ufrag|pwd):.*$/gm) ?? session.match(/^a=ice-(ufrag|pwd):.*$/gm);
  const media = first.match(/^(m=|a=mid:|a=candidate:|a=end-of-candidates).*$/gm);
  return [...credentials, ...media].map((line) => `${line.trim()}\r\n`).join("");
}

/** The answer of before, with the credentials and candidates of a fragment. */
function restarted(answer, told) {
  const [ufrag, pwd] = ["ufrag", "pwd"].map((name) => told.match(new RegExp(`^a=ice-${name}:.*$`, "m"))[0].trim());
  const candidates = (told.match(/^a=candidate:.*$/gm) ?? []).map((line) => `${line.trim()}\r\n`).join("");
  return answer
    .replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, "")
    .replace(/^a=ice-ufrag:.*$/gm, ufrag)
    .replace(/^a=ice-pwd:.*$/gm, pwd)
    .replace(/^(a=mid:.*\r\n)/m, `$1${candidates}`);
}

/** Marks the section of the screen as slides (RFC 4796). Browsers have no way to ask for that. */
function markSlides(sdp, mid) {
  return sdp.replace(new RegExp(`(a=mid:${mid}\\r\\n)`), "$1a=content:slides\r\n");
}

function reason(status, text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    if (text && text.length < 200) return text;
    return status === 404 ? "this emulator takes nobody in from a browser" : `the emulator answered ${status}`;
  }
}
