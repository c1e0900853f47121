"""A bot in Python: joins a meeting over the Graph calls API with media of its own, says a tone, hears, and leaves.

Takes a JSON: where the service is, who the bot is, which meeting, what to say and what to listen for. Prints the call's id,
and when it has left, what it heard.
"""

import asyncio
import json
import sys
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from offhook_profile import RATE, Ear, Tone, accept, connection, offer, stay_on_this_machine

PATIENCE_SECONDS = 30


class Callbacks(BaseHTTPRequestHandler):
    """Takes what the service posts. A bot that others can reach would check the token first."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for notification in body["value"]:
            state = notification.get("resourceData", {})
            if isinstance(state, dict) and "state" in state:
                self.server.states.append(state["state"])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def listen():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Callbacks)
    server.states = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Graph:
    def __init__(self, tenant):
        self.tenant = tenant
        form = {
            "grant_type": "client_credentials",
            "client_id": tenant["clientId"],
            "client_secret": tenant["clientSecret"],
            "scope": f"{tenant['graph']}/.default",
        }
        url = f"{tenant['authority']}/{tenant['id']}/oauth2/v2.0/token"
        self.token = self._send(urllib.request.Request(url, urllib.parse.urlencode(form).encode()))["access_token"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"{self.tenant['graph']}/v1.0{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        return self._send(request)

    @staticmethod
    def _send(request):
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def joining(tenant, callback, blob):
    return {
        "@odata.type": "#microsoft.graph.call",
        "callbackUri": callback,
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": blob},
        "meetingInfo": {
            "@odata.type": "#microsoft.graph.joinMeetingIdMeetingInfo",
            "joinMeetingId": tenant["meeting"],
            "passcode": tenant["passcode"],
        },
        "tenantId": tenant["id"],
    }


async def main(tenant):
    stay_on_this_machine()
    server, graph = listen(), Graph(tenant)
    pc, ear = connection(), Ear()
    pc.on("track", lambda track: asyncio.ensure_future(ear.listen(track)))
    blob = await offer(pc, Tone(tenant["says"]))
    callback = f"http://127.0.0.1:{server.server_port}/callback"
    call = await asyncio.to_thread(graph.call, "POST", "/communications/calls", joining(tenant, callback, blob))
    print(call["id"], flush=True)
    await accept(pc, call["mediaConfig"]["blob"])

    async def has_heard():
        while len(ear.samples) < tenant["seconds"] * RATE or "established" not in server.states:
            await asyncio.sleep(0.1)

    await asyncio.wait_for(has_heard(), PATIENCE_SECONDS)
    heard = {"state": pc.connectionState, "states": server.states}
    heard["shares"] = [ear.share_of(hertz) for hertz in tenant["hears"]]
    await asyncio.to_thread(graph.call, "DELETE", f"/communications/calls/{call['id']}")
    await pc.close()
    print(json.dumps(heard))


asyncio.run(main(json.loads(sys.argv[1])))
