"""What the SDK makes of refusals: typed errors with Graph's codes, and requests that it repeats itself."""

import json
from unittest.mock import AsyncMock, patch

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.middleware.options import RetryHandlerOption
from msgraph.generated.communications.calls.item.play_prompt.play_prompt_post_request_body import (
    PlayPromptPostRequestBody,
)
from msgraph.generated.communications.calls.item.update_recording_status.update_recording_status_post_request_body import (
    UpdateRecordingStatusPostRequestBody,
)
from msgraph.generated.models.call import Call
from msgraph.generated.models.call_state import CallState
from msgraph.generated.models.join_meeting_id_meeting_info import JoinMeetingIdMeetingInfo
from msgraph.generated.models.recording_status import RecordingStatus

from support import TENANT, app_hosted, invitation, outgoing, prompt, refused, run


def to_ada(media_config=None):
    return outgoing(media_config, targets=[invitation(TENANT["people"][0])])


async def calls_that_cannot_be_made(bot):
    async with refused(400, "BadRequest", "callbackUri"):
        call = to_ada()
        call.callback_uri = None
        await bot.calls.post(call)
    async with refused(400, "BadRequest", "targets"):
        await bot.calls.post(outgoing())
    async with refused(400, "8523", "Missing mediaConfig information."):
        await bot.calls.post(to_ada(app_hosted()))
    async with refused(400, "8523"):
        await bot.calls.post(Call(callback_uri=TENANT["callback"], targets=[invitation(TENANT["people"][0])]))
    meeting = JoinMeetingIdMeetingInfo(join_meeting_id=TENANT["meeting"])
    async with refused(403, "7505", "tenant mismatch"):
        call = outgoing(meeting_info=meeting)
        call.tenant_id = None
        await bot.calls.post(call)
    async with refused(400, "BadRequest", "passcode"):
        join_id, _ = TENANT["meetingWithPasscode"]
        wrong = JoinMeetingIdMeetingInfo(join_meeting_id=join_id, passcode="guessed")
        await bot.calls.post(outgoing(meeting_info=wrong))

    # This tenant has granted everything but group calls.
    async with refused(403, "7504", "Insufficient enterprise tenant permissions") as errors:
        await bot.calls.post(outgoing(targets=[invitation(person) for person in TENANT["people"][:2]]))
    inner = errors[0].error.inner_error
    assert "Calls.InitiateGroupCall.All" in inner.additional_data["message"], "the emulator says what is missing"


async def actions_that_are_refused(bot):
    unknown = bot.call("57DAB8B1894C409AB240BD8BEAE78896")
    for ask in (unknown.get, unknown.delete, unknown.keep_alive.post, unknown.participants.get):
        async with refused(404, "8522", "Call not found."):
            await ask()
    call = await bot.established(to_ada())
    item = bot.call(call.id)
    async with refused(400, "BadRequest", "prompts"):
        await item.play_prompt.post(PlayPromptPostRequestBody())
    async with refused(400, "BadRequest", "clientContext"):
        await item.play_prompt.post(PlayPromptPostRequestBody(prompts=[prompt()], client_context="x" * 257))
    async with refused(400, "8506", "non-Compliance Recording call"):
        body = UpdateRecordingStatusPostRequestBody(status=RecordingStatus.Recording)
        await item.update_recording_status.post(body)
    async with refused(404, "NotFound"):
        await item.operations.by_comms_operation_id("none").get()
    await bot.agree(call.id, group=False)
    await bot.hang_up(call.id)
    async with refused(404, "8522"):
        await item.delete()


async def a_token_that_has_expired(bot):
    await bot.happens("tokens/expire")
    async with refused(401, "InvalidAuthenticationToken"):
        await bot.calls.post(to_ada())
    bot.credentials.forget()
    call = await bot.established(to_ada())
    await bot.hang_up(call.id)


async def wrapped(bot):
    """As Graph was seen to do: the real code is inside JSON text in the message."""
    await bot.happens("faults/requests", {"on": "get", "effect": "wrapErrors", "next": 1})
    async with refused(404, "UnknownError") as errors:
        await bot.call("unknown").get()
    inside = json.loads(errors[0].error.message)
    assert (inside["errorCode"], inside["message"]) == ("8522", "Call not found."), inside


async def throttled(bot):
    """Graph is busy: the SDK waits as long as it is told, and asks again. It knows whole seconds only."""
    for retry_after, waits in (("7s", [7]), ("41s", [41])):
        effect = {"throttle": {"retryAfter": retry_after}}
        await bot.happens("faults/requests", {"on": "create", "effect": effect, "next": 1})
        with patch("kiota_http.middleware.retry_handler.asyncio.sleep", AsyncMock()) as sleep:
            made = await bot.calls.post(to_ada())
        assert [wait.args[0] for wait in sleep.await_args_list] == waits, sleep.await_args_list
        await bot.follow(made.id)
        assert made.state == CallState.Establishing
        await bot.reaches(made.id)
        await bot.hang_up(made.id)

    # A fraction is beyond it: then it waits as it sees fit, and still asks again.
    effect = {"throttle": {"retryAfter": "2.128s"}}
    await bot.happens("faults/requests", {"on": "create", "effect": effect, "next": 1})
    with patch("kiota_http.middleware.retry_handler.asyncio.sleep", AsyncMock()) as sleep:
        made = await bot.calls.post(to_ada())
    assert sleep.await_count == 1
    await bot.follow(made.id)
    await bot.reaches(made.id)
    await bot.hang_up(made.id)


async def throttled_for_good(bot):
    """Who has used up the month is not helped by waiting."""
    effect = {"fail": {"status": 429, "code": "8529", "message": "Application reached the monthly call creation limit."}}
    await bot.happens("faults/requests", {"on": "create", "effect": effect, "next": 1})
    patience = RequestConfiguration(options=[RetryHandlerOption(max_retries=0)])
    async with refused(429, "8529", "monthly"):
        await bot.calls.post(to_ada(), request_configuration=patience)


async def script(bot):
    await calls_that_cannot_be_made(bot)
    await actions_that_are_refused(bot)
    await a_token_that_has_expired(bot)
    await wrapped(bot)
    await throttled(bot)
    await throttled_for_good(bot)


run(script)
