"""Calls to the bot: answered, rejected, redirected, too late, and by a recording policy."""

from msgraph.generated.communications.calls.item.answer.answer_post_request_body import AnswerPostRequestBody
from msgraph.generated.communications.calls.item.redirect.redirect_post_request_body import RedirectPostRequestBody
from msgraph.generated.communications.calls.item.reject.reject_post_request_body import RejectPostRequestBody
from msgraph.generated.communications.calls.item.update_recording_status.update_recording_status_post_request_body import (
    UpdateRecordingStatusPostRequestBody,
)
from msgraph.generated.models.app_hosted_media_config import AppHostedMediaConfig
from msgraph.generated.models.call_direction import CallDirection
from msgraph.generated.models.call_state import CallState
from msgraph.generated.models.incoming_call_options import IncomingCallOptions
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.operation_status import OperationStatus
from msgraph.generated.models.recording_status import RecordingStatus
from msgraph.generated.models.reject_reason import RejectReason
from msgraph.generated.models.service_hosted_media_config import ServiceHostedMediaConfig
from msgraph.generated.models.token_meeting_info import TokenMeetingInfo
from msgraph.generated.models.update_recording_status_operation import UpdateRecordingStatusOperation

from support import TENANT, app_hosted, invitation, refused, run, until


async def rings(bot, **properties):
    """Somebody calls the bot. A bot hears of it at its callback address; here the tenant says which call it is."""
    body = {"callbackUri": TENANT["callback"], "from": TENANT["people"][0], **properties}
    call_id = (await bot.happens("calls", body))["id"]
    await bot.follow(call_id)
    call = await bot.call(call_id).get()
    assert (call.state, call.direction) == (CallState.Incoming, CallDirection.Incoming)
    assert call.source.identity.user.id == TENANT["people"][0]
    assert call.incoming_context.source_participant_id
    return call


def answering(media_config=None, **properties):
    return AnswerPostRequestBody(
        callback_uri=TENANT["callback"],
        media_config=media_config or ServiceHostedMediaConfig(),
        accepted_modalities=[Modality.Audio],
        **properties,
    )


async def answered(bot):
    call = await rings(bot)
    assert call.targets[0].identity.application.id == TENANT["clientId"]
    body = answering(call_options=IncomingCallOptions(is_content_sharing_notification_enabled=True))
    assert await bot.call(call.id).answer.post(body) is None
    stands = await bot.reaches(call.id)
    assert isinstance(stands.call_options, IncomingCallOptions)
    await bot.agree(call.id, group=False)
    async with refused(400, "BadRequest"):
        await bot.call(call.id).answer.post(answering())
    await bot.hang_up(call.id)


async def answered_with_hosted_media(bot):
    call = await rings(bot)
    session, offer = await bot.offer()
    assert await bot.call(call.id).answer.post(answering(app_hosted(offer))) is None

    # The answer to `answer` has no body. The emulator shows the other side's blob in the call.
    async def blob():
        config = (await bot.call(call.id).get()).media_config
        return config.blob if isinstance(config, AppHostedMediaConfig) and config.blob != offer else None

    await bot.media_flows(session, await until("the call has the other side's blob", blob))
    await bot.reaches(call.id)
    await bot.agree(call.id, group=False)
    await bot.hang_up(call.id)


async def into_a_meeting(bot):
    call = await rings(bot, meeting=TENANT["meeting"])
    assert isinstance(call.meeting_info, TokenMeetingInfo) and call.meeting_info.token
    assert await bot.call(call.id).answer.post(answering()) is None
    await bot.reaches(call.id)
    await bot.agree(call.id)
    await bot.hang_up(call.id)


async def by_policy(bot):
    call = await rings(bot, policyRecording=True)
    data = call.additional_data["applicationMetadata"]["botData"]
    assert data["inviteReasons"] == ["PolicyBasedRecording"], data
    item = bot.call(call.id)
    assert await item.answer.post(answering(participant_capacity=3)) is None
    await bot.reaches(call.id)
    for status in (RecordingStatus.Recording, RecordingStatus.NotRecording, RecordingStatus.Failed):
        body = UpdateRecordingStatusPostRequestBody(status=status, client_context=status.value)
        operation = await item.update_recording_status.post(body)
        assert type(operation) is UpdateRecordingStatusOperation
        assert (operation.status, operation.client_context) == (OperationStatus.Completed, status.value)
        me = await item.participants.by_participant_id(call.my_participant_id).get()
        assert me.recording_info.recording_status == status
        await bot.agree(call.id)
    await bot.hang_up(call.id)


async def rejected(bot):
    for reason in (RejectReason.Busy, RejectReason.None_, RejectReason.Forbidden):
        call = await rings(bot)
        body = RejectPostRequestBody(reason=reason, callback_uri=TENANT["callback"])
        assert await bot.call(call.id).reject.post(body) is None
        await bot.is_gone(call.id)


async def redirected(bot):
    call = await rings(bot)
    target = invitation(TENANT["people"][1])
    body = RedirectPostRequestBody(targets=[target], timeout=30, callback_uri=TENANT["callback"])
    assert await bot.call(call.id).redirect.post(body) is None
    await bot.is_gone(call.id)


async def too_late(bot):
    call = await rings(bot)
    await bot.happens(f"calls/{call.id}/hangUp")
    async with refused(404, "8522", "Call not found."):
        await bot.call(call.id).answer.post(answering())


async def script(bot):
    await answered(bot)
    await answered_with_hosted_media(bot)
    await into_a_meeting(bot)
    await by_policy(bot)
    await rejected(bot)
    await redirected(bot)
    await too_late(bot)


run(script)
