"""What every script here needs: a bot that signs in and calls through Microsoft's SDK, and its tenant's other side."""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

import httpx
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.app_hosted_media_config import AppHostedMediaConfig
from msgraph.generated.models.call import Call
from msgraph.generated.models.call_state import CallState
from msgraph.generated.models.identity import Identity
from msgraph.generated.models.identity_set import IdentitySet
from msgraph.generated.models.invitation_participant_info import InvitationParticipantInfo
from msgraph.generated.models.media_info import MediaInfo
from msgraph.generated.models.media_prompt import MediaPrompt
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.operation_status import OperationStatus
from msgraph.generated.models.service_hosted_media_config import ServiceHostedMediaConfig

# Where everything is and who lives there, as tests/sdk/tenant.rs says.
TENANT = json.loads(os.environ["OFFHOOK_SDK_TENANT"])

# How long something may take that the emulator does by itself.
PATIENCE_SECONDS = 30
BETWEEN_POLLS_SECONDS = 0.05


class ClientCredentials(AccessTokenProvider):
    """Signs in with the application's secret, as azure-identity would."""

    def __init__(self, http):
        self._http = http
        self._token = None

    async def get_authorization_token(self, uri, additional_authentication_context=None):
        if self._token is None:
            answer = await self._http.post(
                f"{TENANT['authority']}/{TENANT['id']}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": TENANT["clientId"],
                    "client_secret": TENANT["clientSecret"],
                    "scope": f"{TENANT['graph']}/.default",
                },
            )
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        return self._token

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])

    def forget(self):
        self._token = None


class Adapter(GraphRequestAdapter):
    """The SDK's own, which also notes what it is asked for."""

    def __init__(self, credentials):
        super().__init__(BaseBearerTokenAuthenticationProvider(credentials))
        self.base_url = f"{TENANT['graph']}/v1.0"
        self.asked = set()

    async def get_http_response_message(self, request_info, parent_span, claims=""):
        path = request_info.url_template.removeprefix("{+baseurl}").split("{?")[0]
        self.asked.add(f"{request_info.http_method.value} {path}")
        return await super().get_http_response_message(request_info, parent_span, claims)


class Bot:
    def __init__(self, http):
        self.http = http
        self.credentials = ClientCredentials(http)
        self.adapter = Adapter(self.credentials)
        self.graph = GraphServiceClient(request_adapter=self.adapter)

    @property
    def calls(self):
        return self.graph.communications.calls

    def call(self, call_id):
        return self.calls.by_call_id(call_id)

    async def create(self, call):
        """Makes a call and lets offhook follow it beside the SDK."""
        made = await self.calls.post(call)
        await self.follow(made.id)
        return made

    async def follow(self, call_id):
        answer = await self.http.post(f"{TENANT['bot']}/calls/{call_id}")
        assert answer.status_code == 204, answer.text

    async def agree(self, call_id, state=None, result=None, is_told=True, group=True, operations=(), sharing=False):
        """What the SDK reads of a call is what offhook's tracker has heard of it, once it has heard everything.

        It is waited for a state first, if one is given. A result is only heard of, since reading a call does not give it. A
        state that is not told to bots can only be read.
        """
        item = self.call(call_id)
        if result:
            await self._hears(call_id, {"resultInfo": {"code": result[0], "subcode": result[1]}})
        if state:
            await self.reaches(call_id, state)
        read = {"call": as_json(await item.get())} if is_told else {}
        if group:
            read["participants"] = [as_json(one) for one in (await item.participants.get()).value]
        if sharing:
            read["contentSharing"] = [as_json(one) for one in (await item.content_sharing_sessions.get()).value]
        read["operations"] = [
            as_json(await item.operations.by_comms_operation_id(operation).get()) for operation in operations
        ]
        await self._hears(call_id, read)

    async def _hears(self, call_id, expected):
        answer = await self.http.put(f"{TENANT['bot']}/calls/{call_id}", json=expected)
        assert answer.status_code == 204, answer.text

    async def reaches(self, call_id, state=CallState.Established):
        """Waits until the call is in a state."""

        async def read():
            call = await self.call(call_id).get()
            return call if call.state == state else None

        return await until(f"the call is {state.value}", read)

    async def established(self, call):
        made = await self.create(call)
        return await self.reaches(made.id)

    async def over(self, call_id, operation_id):
        """Waits until an operation is over."""

        async def read():
            operation = await self.call(call_id).operations.by_comms_operation_id(operation_id).get()
            return operation if operation.status in (OperationStatus.Completed, OperationStatus.Failed) else None

        return await until("the operation is over", read)

    async def hang_up(self, call_id):
        assert await self.call(call_id).delete() is None
        await self.is_gone(call_id)

    async def is_gone(self, call_id):
        """Waits until the service no longer knows a call."""

        async def read():
            try:
                await self.call(call_id).get()
            except ODataError as error:
                assert error.response_status_code == 404 and error.error.code == "8522", error
                return True
            return None

        await until("the call is gone", read)

    async def happens(self, path, body=None, method="POST"):
        """Lets people in the tenant do something."""
        answer = await self.http.request(method, f"{TENANT['graph']}/emulator/{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def offer(self):
        """A media session of offhook's engine: its id, and its offer."""
        answer = await self.http.post(f"{TENANT['bot']}/media")
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], answer.json()["blob"]

    async def media_flows(self, session, blob):
        """Hands the service's answer to the media session, and waits until media flows."""
        answer = await self.http.put(f"{TENANT['bot']}/media/{session}", json={"blob": blob})
        assert answer.status_code == 204, answer.text


async def until(what, read):
    """What `read` gives, as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await read()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        await asyncio.sleep(BETWEEN_POLLS_SECONDS)


@asynccontextmanager
async def refused(status, code, message=None):
    """Expects the SDK to raise what Graph refuses with. The error is put into the list that is given."""
    errors = []
    try:
        yield errors
    except ODataError as error:
        assert error.response_status_code == status, f"{error.response_status_code}, not {status}: {error}"
        assert error.error.code == code, f"{error.error.code}, not {code}: {error}"
        assert message is None or message in error.error.message, error.error.message
        assert error.error.inner_error.request_id and error.error.inner_error.client_request_id
        errors.append(error)
    else:
        raise AssertionError(f"expected {status} {code}")


def as_json(model):
    """A model as the SDK writes it."""
    writer = JsonSerializationWriter()
    writer.write_object_value(None, model)
    return json.loads(writer.get_serialized_content())


def user(user_id):
    return IdentitySet(user=Identity(id=user_id))


def invitation(user_id):
    return InvitationParticipantInfo(identity=user(user_id))


def prompt(name="welcome"):
    return MediaPrompt(media_info=MediaInfo(uri=f"https://cdn.contoso.com/{name}.wav", resource_id=name))


def outgoing(media_config=None, **properties):
    """A call with what every form of create has. Media is the service's unless said otherwise."""
    return Call(
        callback_uri=TENANT["callback"],
        requested_modalities=[Modality.Audio],
        media_config=media_config or ServiceHostedMediaConfig(),
        tenant_id=TENANT["id"],
        **properties,
    )


def app_hosted(blob=None):
    return AppHostedMediaConfig(blob=blob)


def run(script):
    """Runs a script, and tells what it asked the SDK for."""

    async def main():
        # Not by way of a proxy: everything is on this machine.
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            bot = Bot(http)
            await script(bot)
            answer = await http.put(f"{TENANT['bot']}/asked", json=sorted(bot.adapter.asked))
            assert answer.status_code == 204, answer.text

    asyncio.run(main())
