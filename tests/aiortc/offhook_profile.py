"""The profile offhook/1 on aiortc: blobs in and out, as docs/blob-profile.md has them, and tones to say and to hear."""

import asyncio
import fractions
import json
import math
import struct
import time
import uuid

import aioice.ice
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

PROFILE = "offhook/1"
RATE = 48_000
SAMPLES_PER_FRAME = 960
LOUDNESS = 8_000


def stay_on_this_machine():
    """aioice offers no loopback address by itself, and some machines have no other."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def connection():
    # No server to ask for further addresses.
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def read_blob(text, kind):
    blob = json.loads(text)
    if blob["profile"] != PROFILE or blob["description"]["type"] != kind:
        raise ValueError(f"no {kind} of {PROFILE}")
    return blob


def _write_blob(session, sockets, description):
    return json.dumps(
        {
            "profile": PROFILE,
            "mediaSessionId": session,
            "sockets": sockets,
            "description": {"type": description.type, "sdp": description.sdp},
        }
    )


_DIRECTIONS = {
    "sendrecv": "sendReceive",
    "sendonly": "sendOnly",
    "recvonly": "receiveOnly",
    "inactive": "inactive",
}


def _direction(sdp, mid):
    """Of a section, as its SDP says."""
    for section in sdp.split("\r\nm=")[1:]:
        lines = section.split("\r\n")
        if f"a=mid:{mid}" in lines:
            return next(name for line, name in _DIRECTIONS.items() if f"a={line}" in lines)
    raise ValueError(f"no section {mid}")


async def answer(pc, offer_text, tracks):
    """Answers a blob: what `tracks` say goes into the mix's section and, from the second on, into those of speakers."""
    offer = read_blob(offer_text, "offer")
    await pc.setRemoteDescription(RTCSessionDescription(**offer["description"]))
    for track in tracks:
        pc.addTrack(track)
    # setLocalDescription waits until all candidates are gathered.
    await pc.setLocalDescription(await pc.createAnswer())
    sockets = [
        {
            "id": socket["id"],
            "modality": socket["modality"],
            "direction": _direction(pc.localDescription.sdp, socket["id"]),
        }
        for socket in offer["sockets"]
    ]
    return _write_blob(offer["mediaSessionId"], sockets, pc.localDescription)


async def offer(pc, track):
    """Offers one audio socket. aiortc counts its sections from 0, which is then the socket's number, too."""
    pc.addTrack(track)
    await pc.setLocalDescription(await pc.createOffer())
    socket = {"id": 0, "modality": "audio", "direction": "sendReceive", "mixed": True}
    return _write_blob(str(uuid.uuid4()), [socket], pc.localDescription)


async def accept(pc, answer_text):
    answered = read_blob(answer_text, "answer")
    await pc.setRemoteDescription(RTCSessionDescription(**answered["description"]))


class Tone(MediaStreamTrack):
    """Says a tone, a frame each 20 ms of an absolute schedule."""

    kind = "audio"

    def __init__(self, hertz):
        super().__init__()
        self._step = 2 * math.pi * hertz / RATE
        self._frame = 0
        self._start = None

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        if self._start is None:
            self._start = time.monotonic()
        await asyncio.sleep(max(0, self._start + self._frame * SAMPLES_PER_FRAME / RATE - time.monotonic()))
        first = self._frame * SAMPLES_PER_FRAME
        samples = [int(math.sin(self._step * (first + i)) * LOUDNESS) for i in range(SAMPLES_PER_FRAME)]
        frame = av.AudioFrame(format="s16", layout="mono", samples=SAMPLES_PER_FRAME)
        frame.planes[0].update(struct.pack(f"<{SAMPLES_PER_FRAME}h", *samples))
        frame.sample_rate = RATE
        frame.time_base = fractions.Fraction(1, RATE)
        frame.pts = first
        self._frame += 1
        return frame


class Ear:
    """Keeps what a track says, mono."""

    def __init__(self):
        self.samples = []
        self.over = asyncio.Event()

    async def listen(self, track):
        try:
            while True:
                frame = await track.recv()
                channels = len(frame.layout.channels)
                data = struct.unpack(f"<{frame.samples * channels}h", bytes(frame.planes[0])[: frame.samples * channels * 2])
                self.samples.extend(data[::channels])
        except MediaStreamError:
            self.over.set()

    def share_of(self, hertz):
        """How much of the last second is that tone: 1 for one as loud as a tone here (Goertzel)."""
        samples = self.samples[-RATE:]
        if not samples:
            return 0.0
        step, real, imaginary = 2 * math.pi * hertz / RATE, 0.0, 0.0
        for i, sample in enumerate(samples):
            real += sample * math.cos(step * i)
            imaginary += sample * math.sin(step * i)
        return 2 * math.hypot(real, imaginary) / len(samples) / LOUDNESS
