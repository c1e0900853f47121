"""Every form of create that Graph's page has, then get and delete. Examples 1 to 10 are the page's."""

from uuid import UUID, uuid4

from msgraph.generated.communications.calls.log_teleconference_device_quality.log_teleconference_device_quality_post_request_body import (
    LogTeleconferenceDeviceQualityPostRequestBody,
)
from msgraph.generated.models.app_hosted_media_config import AppHostedMediaConfig
from msgraph.generated.models.call_direction import CallDirection
from msgraph.generated.models.call_state import CallState
from msgraph.generated.models.chat_info import ChatInfo
from msgraph.generated.models.communications_identity_set import CommunicationsIdentitySet
from msgraph.generated.models.identity import Identity
from msgraph.generated.models.join_meeting_id_meeting_info import JoinMeetingIdMeetingInfo
from msgraph.generated.models.media_info import MediaInfo
from msgraph.generated.models.media_state import MediaState
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.organizer_meeting_info import OrganizerMeetingInfo
from msgraph.generated.models.outgoing_call_options import OutgoingCallOptions
from msgraph.generated.models.participant_info import ParticipantInfo
from msgraph.generated.models.service_hosted_media_config import ServiceHostedMediaConfig
from msgraph.generated.models.teleconference_device_audio_quality import TeleconferenceDeviceAudioQuality
from msgraph.generated.models.teleconference_device_quality import TeleconferenceDeviceQuality
from msgraph.generated.models.token_meeting_info import TokenMeetingInfo

from support import TENANT, app_hosted, invitation, outgoing, refused, run, user


def from_bot():
    bot = Identity(id=TENANT["clientId"], display_name="Calling Bot")
    return ParticipantInfo(identity=CommunicationsIdentitySet(application=bot))


def from_instance():
    instance = Identity(id=TENANT["applicationInstance"], display_name="Calling Bot")
    return ParticipantInfo(identity=CommunicationsIdentitySet(application_instance=instance))


def to_phone():
    target = invitation(None)
    target.identity = CommunicationsIdentitySet(phone=Identity(id=TENANT["phone"]))
    return [target]


def prefetching():
    beep = MediaInfo(uri="https://cdn.contoso.com/beep.wav", resource_id="f8971b04-b53e-418c-9222-c82ce681a582")
    return ServiceHostedMediaConfig(pre_fetch_media=[beep])


def organized():
    organizer = user(TENANT["people"][0])
    organizer.user.additional_data["tenantId"] = TENANT["id"]
    meeting = OrganizerMeetingInfo(organizer=organizer)
    meeting.additional_data["allowConversationWithoutHost"] = True
    return {"chat_info": ChatInfo(thread_id=TENANT["thread"], message_id="0"), "meeting_info": meeting}


async def lives(bot, call, size):
    """A call from its creation to its end."""
    made = await bot.create(call)
    assert made.state == CallState.Establishing and made.direction == CallDirection.Outgoing
    assert made.id and made.my_participant_id and made.call_chain_id
    assert made.callback_uri == TENANT["callback"]
    assert made.requested_modalities == [Modality.Audio]
    assert type(made.media_config) is type(call.media_config), made.media_config
    assert made.result_info is None and made.media_state is None

    read = await bot.reaches(made.id)
    assert read.id == made.id and read.call_chain_id == made.call_chain_id
    assert read.media_state.audio == MediaState.Active
    await bot.agree(made.id, group=size != "two")
    if size != "two":
        people = (await bot.call(made.id).participants.get()).value
        assert made.my_participant_id in {one.id for one in people}, "a bot sees itself"
        assert len(people) == size, [one.id for one in people]
    await bot.hang_up(made.id)
    return made


async def between_two(bot):
    ada = TENANT["people"][0]
    one = await lives(bot, outgoing(source=from_bot(), targets=[invitation(ada)]), "two")
    assert one.targets[0].identity.user.id == ada
    assert one.source.identity.application.id == TENANT["clientId"]

    # What is on the wire and not in the metadata goes through the SDK as additional data.
    call = outgoing(subject="Example 1", targets=[invitation(ada)])
    call.additional_data["ringingTimeoutInSeconds"] = 30
    made = await lives(bot, call, "two")
    assert made.subject == "Example 1" and made.additional_data["ringingTimeoutInSeconds"] == 30


async def with_hosted_media(bot, **properties):
    """Examples 2 and 10: the blob of an engine goes to the service, and its answer back to the engine."""
    session, offer = await bot.offer()
    made = await bot.create(outgoing(app_hosted(offer), **properties))
    assert isinstance(made.media_config, AppHostedMediaConfig)
    assert made.media_config.blob and made.media_config.blob != offer
    await bot.media_flows(session, made.media_config.blob)
    await bot.reaches(made.id)
    await bot.agree(made.id, group=False)
    await bot.hang_up(made.id)


async def in_groups(bot):
    targets = [invitation(person) for person in TENANT["people"][:2]]
    three = await lives(bot, outgoing(source=from_bot(), targets=targets), 3)
    assert [target.identity.user.id for target in three.targets] == TENANT["people"][:2]

    call = outgoing(app_hosted(), source=from_bot(), targets=targets, subject="Example 4")
    call.media_config.additional_data["removeFromDefaultAudioGroup"] = False
    four = await lives(bot, call, 3)
    assert four.media_config.blob, "without an offer, the service's own blob is the answer"

    async with refused(400, "BadRequest", "more than 5"):
        await bot.calls.post(outgoing(targets=[invitation(person) for person in TENANT["people"] * 2]))


async def in_meetings(bot):
    everybody = len(TENANT["people"]) + 1
    five = await lives(bot, outgoing(prefetching(), **organized()), everybody)
    assert isinstance(five.meeting_info, OrganizerMeetingInfo)
    assert five.meeting_info.organizer.user.id == TENANT["people"][0]
    assert five.meeting_info.additional_data["allowConversationWithoutHost"] is True
    assert five.chat_info.thread_id == TENANT["thread"]
    assert five.media_config.pre_fetch_media[0].uri.endswith("/beep.wav")

    six = await lives(bot, outgoing(app_hosted(), **organized()), everybody)
    assert six.media_config.blob

    options = OutgoingCallOptions(is_delta_roster_enabled=True, is_content_sharing_notification_enabled=True)
    by_deltas = await lives(bot, outgoing(call_options=options, **organized()), everybody)
    assert isinstance(by_deltas.call_options, OutgoingCallOptions)
    assert by_deltas.call_options.is_delta_roster_enabled is True

    join_id, passcode = TENANT["meetingWithPasscode"]
    with_passcode = JoinMeetingIdMeetingInfo(join_meeting_id=join_id, passcode=passcode)
    seven = await lives(bot, outgoing(prefetching(), meeting_info=with_passcode), 2)
    assert seven.meeting_info.join_meeting_id == join_id

    without_passcode = JoinMeetingIdMeetingInfo(join_meeting_id=TENANT["meeting"])
    eight = await lives(bot, outgoing(prefetching(), meeting_info=without_passcode), 2)
    assert eight.meeting_info.passcode is None

    by_token = await lives(bot, outgoing(meeting_info=TokenMeetingInfo(token=TENANT["token"])), 2)
    assert isinstance(by_token.meeting_info, TokenMeetingInfo)


async def to_phones(bot):
    nine = await lives(bot, outgoing(source=from_instance(), targets=to_phone()), "two")
    identity = nine.targets[0].identity
    assert isinstance(identity, CommunicationsIdentitySet) and identity.phone.id == TENANT["phone"]
    assert nine.source.identity.application_instance.id == TENANT["applicationInstance"]
    await with_hosted_media(bot, source=from_instance(), targets=to_phone())


async def device_quality(bot):
    """The one action that is bound to the calls, not to one of them."""
    quality = TeleconferenceDeviceQuality(
        call_chain_id=UUID("0622673d-9f69-49b3-9d4f-5ec64f42ecce"),
        participant_id=uuid4(),
        media_leg_id=uuid4(),
        device_name="Desk phone",
        media_quality_list=[TeleconferenceDeviceAudioQuality(channel_index=1, inbound_packets=5500)],
    )
    body = LogTeleconferenceDeviceQualityPostRequestBody(quality=quality)
    assert await bot.calls.log_teleconference_device_quality.post(body) is None


async def script(bot):
    await between_two(bot)
    await with_hosted_media(bot, targets=[invitation(TENANT["people"][0])])
    await in_groups(bot)
    await in_meetings(bot)
    await to_phones(bot)
    await device_quality(bot)


run(script)
