"""A far end on aiortc: answers the blob that comes on its standard input, says tones, and tells what it hears.

Takes a JSON of what to say: a frequency for the mix, and for each speaker on a stream of its own. Then a line is a request:
an offer, which is answered with a blob; `heard HERTZ...`, which is answered with how long it has heard and the share of each
tone; or `leave`.
"""

import asyncio
import json
import sys

from offhook_profile import RATE, Ear, Tone, answer, connection, stay_on_this_machine


async def main(says):
    stay_on_this_machine()
    pc, ear = connection(), Ear()
    pc.on("track", lambda track: asyncio.ensure_future(ear.listen(track)))
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        word, *rest = line.split()
        if word == "heard":
            reply = {"seconds": len(ear.samples) / RATE, "shares": [ear.share_of(float(hertz)) for hertz in rest]}
            print(json.dumps(reply), flush=True)
        elif word == "leave":
            break
        else:
            print(await answer(pc, line, [Tone(hertz) for hertz in says]), flush=True)
    await pc.close()


asyncio.run(main(json.loads(sys.argv[1])))
