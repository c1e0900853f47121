"""Who is in a meeting, and what a bot can do with them: the roster, inviting, removing, muting, hold music, routing, sharing."""

from msgraph.generated.communications.calls.item.participants.invite.invite_post_request_body import (
    InvitePostRequestBody,
)
from msgraph.generated.communications.calls.item.participants.item.mute.mute_post_request_body import (
    MutePostRequestBody,
)
from msgraph.generated.communications.calls.item.participants.item.start_hold_music.start_hold_music_post_request_body import (
    StartHoldMusicPostRequestBody,
)
from msgraph.generated.communications.calls.item.participants.item.stop_hold_music.stop_hold_music_post_request_body import (
    StopHoldMusicPostRequestBody,
)
from msgraph.generated.models.audio_routing_group import AudioRoutingGroup
from msgraph.generated.models.chat_info import ChatInfo
from msgraph.generated.models.invite_participants_operation import InviteParticipantsOperation
from msgraph.generated.models.media_direction import MediaDirection
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.mute_participant_operation import MuteParticipantOperation
from msgraph.generated.models.operation_status import OperationStatus
from msgraph.generated.models.organizer_meeting_info import OrganizerMeetingInfo
from msgraph.generated.models.outgoing_call_options import OutgoingCallOptions
from msgraph.generated.models.routing_mode import RoutingMode
from msgraph.generated.models.start_hold_music_operation import StartHoldMusicOperation
from msgraph.generated.models.stop_hold_music_operation import StopHoldMusicOperation

from support import TENANT, invitation, outgoing, prompt, refused, run, until, user


async def joined(bot, delta):
    """The bot, in the meeting that all the people are in."""
    options = OutgoingCallOptions(is_content_sharing_notification_enabled=True, is_delta_roster_enabled=delta)
    return await bot.established(
        outgoing(
            meeting_info=OrganizerMeetingInfo(organizer=user(TENANT["people"][0])),
            chat_info=ChatInfo(thread_id=TENANT["thread"], message_id="0"),
            call_options=options,
        )
    )


async def by_user(bot, call):
    """The participants by their user ids. The bot itself is an application."""
    people = (await bot.call(call.id).participants.get()).value
    return {one.info.identity.user.id: one for one in people if one.info.identity.user}


async def the_roster(bot, call):
    people = await by_user(bot, call)
    assert sorted(people) == sorted(TENANT["people"])
    ada = people[TENANT["people"][0]]
    assert (ada.is_muted, ada.is_in_lobby) == (False, False)
    [audio] = [stream for stream in ada.media_streams if stream.media_type == Modality.Audio]
    assert audio.source_id.isdecimal() and audio.direction == MediaDirection.SendReceive

    alone = await bot.call(call.id).participants.by_participant_id(ada.id).get()
    assert alone.id == ada.id and alone.info.identity.user.id == TENANT["people"][0]
    me = await bot.call(call.id).participants.by_participant_id(call.my_participant_id).get()
    assert me.info.identity.application.id == TENANT["clientId"]
    await bot.agree(call.id)

    # What others do is seen, whoever looks.
    eve = TENANT["people"][2]
    await bot.happens(f"calls/{call.id}/participants/{eve}/mute")
    assert (await by_user(bot, call))[eve].is_muted is True
    await bot.agree(call.id)
    async with refused(404, "NotFound"):
        await bot.call(call.id).participants.by_participant_id("nobody").get()


async def muting(bot, call):
    bob = (await by_user(bot, call))[TENANT["people"][1]]
    item = bot.call(call.id).participants.by_participant_id(bob.id)
    operation = await item.mute.post(MutePostRequestBody(client_context="bob"))
    assert type(operation) is MuteParticipantOperation
    assert (operation.status, operation.client_context) == (OperationStatus.Completed, "bob")
    assert (await item.get()).is_muted is True
    await bot.agree(call.id)


async def hold_music(bot, call):
    people = await by_user(bot, call)
    ada, bob = (people[person] for person in TENANT["people"][:2])
    item = bot.call(call.id).participants
    body = StartHoldMusicPostRequestBody(custom_prompt=prompt("hold"), client_context="please hold")
    starting = await item.by_participant_id(ada.id).start_hold_music.post(body)
    assert type(starting) is StartHoldMusicOperation
    assert (starting.status, starting.client_context) == (OperationStatus.Running, "please hold")
    assert (await bot.over(call.id, starting.id)).status == OperationStatus.Completed
    async with refused(400, "BadRequest", "one at a time"):
        await item.by_participant_id(bob.id).start_hold_music.post(StartHoldMusicPostRequestBody())
    body = StopHoldMusicPostRequestBody(client_context="back")
    stopping = await item.by_participant_id(ada.id).stop_hold_music.post(body)
    assert type(stopping) is StopHoldMusicOperation and stopping.status == OperationStatus.Running
    assert (await bot.over(call.id, stopping.id)).status == OperationStatus.Completed
    await bot.agree(call.id, operations=[starting.id, stopping.id])


async def inviting(bot, call):
    guest = TENANT["guest"]
    body = InvitePostRequestBody(participants=[invitation(guest)], client_context="come")
    operation = await bot.call(call.id).participants.invite.post(body)
    assert type(operation) is InviteParticipantsOperation
    assert (operation.status, operation.client_context) == (OperationStatus.Running, "come")
    assert operation.participants[0].identity.user.id == guest
    done = await bot.over(call.id, operation.id)
    assert done.status == OperationStatus.Completed

    async def there():
        return (await by_user(bot, call)).get(guest)

    there = await until("who was invited has come", there)
    await bot.agree(call.id, operations=[operation.id])

    # And is removed again.
    assert await bot.call(call.id).participants.by_participant_id(there.id).delete() is None
    assert guest not in await by_user(bot, call)
    await bot.agree(call.id)


async def routing(bot, call):
    ada, bob, eve = (one.id for one in (await by_user(bot, call)).values())
    groups = bot.call(call.id).audio_routing_groups
    assert (await groups.get()).value == []
    body = AudioRoutingGroup(routing_mode=RoutingMode.OneToOne, sources=[ada], receivers=[bob])
    made = await groups.post(body)
    assert made.id and (made.routing_mode, made.sources, made.receivers) == (RoutingMode.OneToOne, [ada], [bob])
    second = await groups.post(
        AudioRoutingGroup(routing_mode=RoutingMode.Multicast, sources=[bob], receivers=[ada, eve])
    )
    assert sorted(group.id for group in (await groups.get()).value) == sorted([made.id, second.id])
    assert (await groups.by_audio_routing_group_id(second.id).get()).receivers == [ada, eve]

    changed = await groups.by_audio_routing_group_id(second.id).patch(AudioRoutingGroup(receivers=[ada]))
    assert (changed.routing_mode, changed.sources, changed.receivers) == (RoutingMode.Multicast, [bob], [ada])
    for group in (made, second):
        assert await groups.by_audio_routing_group_id(group.id).delete() is None
    assert (await groups.get()).value == []
    async with refused(404, "NotFound"):
        await groups.by_audio_routing_group_id(made.id).get()


async def sharing(bot, call):
    sessions = bot.call(call.id).content_sharing_sessions
    assert (await sessions.get()).value == []
    bob = TENANT["people"][1]
    await bot.happens(f"calls/{call.id}/participants/{bob}/startSharing")
    [session] = (await sessions.get()).value
    assert (await sessions.by_content_sharing_session_id(session.id).get()).id == session.id
    await bot.agree(call.id, sharing=True)
    await bot.happens(f"calls/{call.id}/participants/{bob}/stopSharing")
    assert (await sessions.get()).value == []
    await bot.agree(call.id, sharing=True)


async def script(bot):
    # Whole rosters, then deltas: what is known in the end is the same.
    for delta in (False, True):
        call = await joined(bot, delta)
        await the_roster(bot, call)
        await muting(bot, call)
        await hold_music(bot, call)
        await inviting(bot, call)
        await routing(bot, call)
        await sharing(bot, call)
        await bot.hang_up(call.id)


run(script)
