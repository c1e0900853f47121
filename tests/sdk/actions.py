"""What a bot asks for in a call: prompts, recordings, tones, muting, transfers, screens; and how the operations end."""

import wave
from io import BytesIO

from msgraph.generated.communications.calls.item.add_large_gallery_view.add_large_gallery_view_post_request_body import (
    AddLargeGalleryViewPostRequestBody,
)
from msgraph.generated.communications.calls.item.cancel_media_processing.cancel_media_processing_post_request_body import (
    CancelMediaProcessingPostRequestBody,
)
from msgraph.generated.communications.calls.item.change_screen_sharing_role.change_screen_sharing_role_post_request_body import (
    ChangeScreenSharingRolePostRequestBody,
)
from msgraph.generated.communications.calls.item.mute.mute_post_request_body import MutePostRequestBody
from msgraph.generated.communications.calls.item.play_prompt.play_prompt_post_request_body import (
    PlayPromptPostRequestBody,
)
from msgraph.generated.communications.calls.item.record_response.record_response_post_request_body import (
    RecordResponsePostRequestBody,
)
from msgraph.generated.communications.calls.item.send_dtmf_tones.send_dtmf_tones_post_request_body import (
    SendDtmfTonesPostRequestBody,
)
from msgraph.generated.communications.calls.item.subscribe_to_tone.subscribe_to_tone_post_request_body import (
    SubscribeToTonePostRequestBody,
)
from msgraph.generated.communications.calls.item.transfer.transfer_post_request_body import TransferPostRequestBody
from msgraph.generated.communications.calls.item.unmute.unmute_post_request_body import UnmutePostRequestBody
from msgraph.generated.models.add_large_gallery_view_operation import AddLargeGalleryViewOperation
from msgraph.generated.models.call_state import CallState
from msgraph.generated.models.cancel_media_processing_operation import CancelMediaProcessingOperation
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.mute_participant_operation import MuteParticipantOperation
from msgraph.generated.models.operation_status import OperationStatus
from msgraph.generated.models.participant_info import ParticipantInfo
from msgraph.generated.models.play_prompt_operation import PlayPromptOperation
from msgraph.generated.models.record_operation import RecordOperation
from msgraph.generated.models.screen_sharing_role import ScreenSharingRole
from msgraph.generated.models.send_dtmf_completion_reason import SendDtmfCompletionReason
from msgraph.generated.models.send_dtmf_tones_operation import SendDtmfTonesOperation
from msgraph.generated.models.subscribe_to_tone_operation import SubscribeToToneOperation
from msgraph.generated.models.tone import Tone
from msgraph.generated.models.unmute_participant_operation import UnmuteParticipantOperation

from support import TENANT, app_hosted, invitation, outgoing, prompt, run, until, user

# What the service plays in: 16 bit, one channel.
BYTES_PER_SAMPLE = 2


async def prompts_and_recordings(bot):
    call = await bot.established(outgoing(targets=[invitation(TENANT["people"][0])]))
    item = bot.call(call.id)

    playing = await item.play_prompt.post(PlayPromptPostRequestBody(prompts=[prompt()], client_context="first"))
    assert type(playing) is PlayPromptOperation
    assert (playing.status, playing.client_context, playing.result_info) == (OperationStatus.Running, "first", None)
    played = await bot.over(call.id, playing.id)
    assert isinstance(played, PlayPromptOperation), played
    assert (played.status, played.client_context) == (OperationStatus.Completed, "first")
    assert (played.result_info.code, played.result_info.subcode) == (200, 0)

    asked = RecordResponsePostRequestBody(
        prompts=[prompt("after-the-beep")],
        barge_in_allowed=True,
        play_beep=True,
        initial_silence_timeout_in_seconds=2,
        max_silence_timeout_in_seconds=2,
        max_record_duration_in_seconds=1,
        stop_tones=["#", "1"],
        client_context="second",
    )
    recording = await item.record_response.post(asked)
    assert type(recording) is RecordOperation and recording.status == OperationStatus.Running
    recorded = await bot.over(call.id, recording.id)
    assert isinstance(recorded, RecordOperation), recorded
    assert recorded.status == OperationStatus.Completed and recorded.client_context == "second"
    assert (recorded.result_info.code, recorded.result_info.subcode) == (200, 8515), "the maximum was reached"
    await fetch(bot, recorded)

    await bot.agree(call.id, group=False, operations=[playing.id, recording.id])
    await bot.hang_up(call.id)


async def fetch(bot, recorded):
    """The recording is behind an address with a token of its own. The SDK has nothing that fetches it."""
    refused = await bot.http.get(recorded.recording_location)
    assert refused.status_code == 401, refused.status_code
    authorization = {"Authorization": f"Bearer {recorded.recording_access_token}"}
    answer = await bot.http.get(recorded.recording_location, headers=authorization)
    assert answer.status_code == 200, answer.text
    with wave.open(BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, BYTES_PER_SAMPLE)
        assert sound.getnframes() == sound.getframerate(), "one second was asked for at most"
        assert any(sound.readframes(sound.getnframes())), "the far end was heard"


async def cancelling(bot):
    call = await bot.established(outgoing(targets=[invitation(TENANT["people"][0])]))
    item = bot.call(call.id)
    many = [prompt(str(place)) for place in range(20)]
    playing = await item.play_prompt.post(PlayPromptPostRequestBody(prompts=many, client_context="to be cancelled"))
    sending = await item.send_dtmf_tones.post(SendDtmfTonesPostRequestBody(tones=[Tone.Tone1]))
    cancelling = await item.cancel_media_processing.post(CancelMediaProcessingPostRequestBody(client_context="c"))
    assert isinstance(cancelling, CancelMediaProcessingOperation)
    assert (cancelling.status, cancelling.client_context) == (OperationStatus.Completed, "c")

    cancelled = await bot.over(call.id, playing.id)
    assert cancelled.status == OperationStatus.Failed
    assert (cancelled.result_info.code, cancelled.result_info.subcode) == (400, 8508)
    sent = await bot.over(call.id, sending.id)
    assert sent.status == OperationStatus.Completed, "tones say completed even when they are cancelled"
    assert sent.completion_reason == SendDtmfCompletionReason.MediaOperationCanceled
    await bot.agree(call.id, group=False, operations=[playing.id, sending.id])
    await bot.hang_up(call.id)


async def tones(bot):
    call = await bot.established(outgoing(targets=[invitation(TENANT["people"][0])]))
    item = bot.call(call.id)
    listening = await item.subscribe_to_tone.post(SubscribeToTonePostRequestBody(client_context="keys"))
    assert type(listening) is SubscribeToToneOperation
    assert (listening.status, listening.client_context) == (OperationStatus.Completed, "keys")
    await bot.happens(f"calls/{call.id}/tones", {"tone": "5"})
    await bot.happens(f"calls/{call.id}/tones", {"tone": "#"})

    async def heard():
        info = (await item.get()).tone_info
        return info if info and info.tone == Tone.Pound else None

    assert (await until("the second tone is heard", heard)).sequence_id == 2

    body = SendDtmfTonesPostRequestBody(
        tones=[Tone.Tone1, Tone.Star, Tone.A, Tone.Flash], delay_between_tones_ms=100, client_context="dial"
    )
    sending = await item.send_dtmf_tones.post(body)
    assert type(sending) is SendDtmfTonesOperation and sending.status == OperationStatus.Running
    sent = await bot.over(call.id, sending.id)
    assert sent.completion_reason == SendDtmfCompletionReason.CompletedSuccessfully
    await bot.agree(call.id, group=False, operations=[sending.id])
    await bot.hang_up(call.id)


async def muting_and_staying(bot):
    call = await bot.established(outgoing(targets=[invitation(person) for person in TENANT["people"][:2]]))
    item = bot.call(call.id)
    assert await item.keep_alive.post() is None

    async def am_muted():
        return (await item.participants.by_participant_id(call.my_participant_id).get()).is_muted

    muting = await item.mute.post(MutePostRequestBody(client_context="quiet"))
    assert type(muting) is MuteParticipantOperation
    assert (muting.status, muting.client_context) == (OperationStatus.Completed, "quiet")
    assert await am_muted() is True
    await bot.agree(call.id)
    unmuting = await item.unmute.post(UnmutePostRequestBody(client_context="loud"))
    assert type(unmuting) is UnmuteParticipantOperation and unmuting.status == OperationStatus.Completed
    assert await am_muted() is False
    await bot.agree(call.id)

    # A name with its namespace is OData's full form, which other SDKs of Microsoft's send.
    namespaced = f"{TENANT['graph']}/v1.0/communications/calls/{call.id}/microsoft.graph.mute"
    assert type(await item.mute.with_url(namespaced).post(MutePostRequestBody())) is MuteParticipantOperation
    assert await am_muted() is True
    await bot.agree(call.id)
    await bot.hang_up(call.id)


async def screens(bot):
    targets = [invitation(person) for person in TENANT["people"][:2]]
    call = await bot.established(outgoing(app_hosted(), targets=targets))
    item = bot.call(call.id)

    async def shared():
        me = await item.participants.by_participant_id(call.my_participant_id).get()
        return [stream for stream in me.media_streams if stream.media_type == Modality.VideoBasedScreenSharing]

    role = ChangeScreenSharingRolePostRequestBody(role=ScreenSharingRole.Sharer)
    assert await item.change_screen_sharing_role.post(role) is None
    assert len(await shared()) == 1
    await bot.agree(call.id)
    role = ChangeScreenSharingRolePostRequestBody(role=ScreenSharingRole.Viewer)
    assert await item.change_screen_sharing_role.post(role) is None
    assert await shared() == []

    before = len((await item.participants.get()).value)
    body = AddLargeGalleryViewPostRequestBody(client_context="gallery")
    adding = await item.add_large_gallery_view.post(body)
    assert type(adding) is AddLargeGalleryViewOperation and adding.status == OperationStatus.Running
    assert (await bot.over(call.id, adding.id)).status == OperationStatus.Completed
    assert len((await item.participants.get()).value) == before + 1
    await bot.agree(call.id, operations=[adding.id])
    await bot.hang_up(call.id)


async def transfers(bot):
    ada, bob, *_ = TENANT["people"]
    to_bob = TransferPostRequestBody(transfer_target=invitation(bob))
    call = await bot.established(outgoing(targets=[invitation(ada)]))
    assert await bot.call(call.id).transfer.post(to_bob) is None
    await bot.is_gone(call.id)

    # One that fails gives the call back, and says why.
    call = await bot.established(outgoing(targets=[invitation(ada)]))
    to_nobody = TransferPostRequestBody(transfer_target=invitation(TENANT["absent"]))
    assert await bot.call(call.id).transfer.post(to_nobody) is None
    await bot.agree(call.id, group=False, result=(500, 7000), state=CallState.Established)

    # Ada is handed to whoever is in the other call, which she then takes the bot's place in.
    other = await bot.established(outgoing(targets=[invitation(bob)]))
    consultative = invitation(bob)
    consultative.replaces_call_id = other.id
    await bot.call(call.id).transfer.post(TransferPostRequestBody(transfer_target=consultative))
    await bot.is_gone(call.id)
    await bot.is_gone(other.id)

    # In a group, one goes and the others stay.
    call = await bot.established(outgoing(targets=[invitation(ada), invitation(bob)]))
    body = TransferPostRequestBody(
        transfer_target=invitation(TENANT["people"][2]), transferee=ParticipantInfo(identity=user(bob))
    )
    assert await bot.call(call.id).transfer.post(body) is None

    async def two_are_left():
        return (len((await bot.call(call.id).participants.get()).value) == 2) or None

    await until("one of the three is gone", two_are_left)
    # No page says what is told of the call's state then, and the tracker takes none back without a reason; it would ask.
    await bot.agree(call.id, state=CallState.Established, is_told=False)
    await bot.hang_up(call.id)


async def script(bot):
    await prompts_and_recordings(bot)
    await cancelling(bot)
    await tones(bot)
    await muting_and_staying(bot)
    await screens(bot)
    await transfers(bot)


run(script)
