//! What pages show: who is there, which calls and meetings there are, and what goes wrong on purpose.

use offhook_signaling::model::{Call, Participant};
use serde_json::{Value, json};

use crate::bridge::{Bridge, RoomView};
use crate::exchange::Exchange;
use crate::faults::Faults;
use crate::service::CallService;

/// All of it, but for levels.
pub(super) fn snapshot(run: &str, exchange: &Exchange, faults: &Faults) -> Value {
    let settings = exchange.settings();
    let url = exchange.url();
    let mut shown = exchange.look(directory_and_calls);
    let more = json!({
        "run": run,
        "version": env!("CARGO_PKG_VERSION"),
        "addresses": {
            "graph": url,
            "authority": url,
            "openIdMetadata": format!("{url}/v1/.well-known/OpenIdConfiguration"),
        },
        "tenant": settings.tenant_id,
        "clientId": settings.client_id,
        "issuer": settings.issuer,
        "faults": faults.armed(),
        "rooms": rooms(exchange.bridge()),
        "recording": exchange.recorder().view(),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

fn directory_and_calls(service: &CallService) -> Value {
    let directory = service.directory();
    let mut users: Vec<_> = directory.users.iter().collect();
    users.sort_by_key(|(id, _)| *id);
    let users = users.into_iter().map(|(id, user)| json!({"id": id, "name": user.display_name}));
    let mut meetings: Vec<_> = directory.meetings_to_join().collect();
    meetings.sort_by_key(|(key, _)| *key);
    let meetings = meetings.into_iter().map(|(key, meeting)| {
        json!({
            "joinMeetingId": key, "threadId": meeting.thread_id,
            "passcode": meeting.passcode, "lobby": meeting.has_lobby,
        })
    });
    let mut calls: Vec<_> = service.calls().filter_map(|id| Some((id, service.call(id)?))).collect();
    calls.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    let calls = calls.into_iter().map(|(id, call)| shown_call(call, &service.roster(id)));
    json!({
        "users": users.collect::<Vec<_>>(),
        "meetings": meetings.collect::<Vec<_>>(),
        "calls": calls.collect::<Vec<_>>(),
    })
}

fn shown_call(call: &Call, roster: &[Participant]) -> Value {
    let call = serde_json::to_value(call).unwrap_or_default();
    json!({
        "id": call["id"], "state": call["state"], "direction": call["direction"],
        "callbackUri": crate::timeline::shown_address(call["callbackUri"].as_str().unwrap_or_default()),
        "threadId": call["chatInfo"]["threadId"], "audio": call["mediaState"]["audio"],
        "participants": roster.iter().map(shown_participant).collect::<Vec<_>>(),
    })
}

fn shown_participant(participant: &Participant) -> Value {
    let shown = serde_json::to_value(participant).unwrap_or_default();
    // One of a user, an application, a phone or a guest.
    let identity = shown["info"]["identity"]
        .as_object()
        .and_then(|set| set.iter().find(|(_, identity)| identity.is_object()));
    let (kind, identity) =
        identity.map_or(("unknown", &Value::Null), |(kind, identity)| (kind.as_str(), identity));
    let streams = shown["mediaStreams"].as_array().into_iter().flatten();
    json!({
        "id": shown["id"], "kind": kind, "identity": identity["id"], "name": identity["displayName"],
        "muted": shown["isMuted"], "inLobby": shown["isInLobby"],
        "sources": streams.map(|stream| json!({"id": stream["sourceId"], "type": stream["mediaType"]})).collect::<Vec<_>>(),
    })
}

/// Rooms without what changes ten times a second.
fn rooms(bridge: &Bridge) -> Vec<Value> {
    let steady = |room: &RoomView| {
        let mut room = serde_json::to_value(room).unwrap_or_default();
        for member in room["members"].as_array_mut().into_iter().flatten() {
            if let Some(member) = member.as_object_mut() {
                member.remove("levelDbov");
                member.remove("speaking");
            }
        }
        if let Some(room) = room.as_object_mut() {
            room.remove("dominant");
        }
        room
    };
    bridge.rooms().iter().map(steady).collect()
}

/// How loud everybody is: of each room who speaks most, and of each member the level in -dBov. Nothing while no room has
/// members.
pub(super) fn levels(bridge: &Bridge) -> Option<Value> {
    let rooms = bridge.rooms();
    let shown = rooms.iter().filter(|room| !room.members.is_empty()).map(|room| {
        let levels = room.members.iter().map(|member| (member.id.clone(), json!(member.level_dbov)));
        let speaking = room.members.iter().filter(|member| member.speaking).map(|member| &member.id);
        json!({
            "room": room.id, "dominant": room.dominant,
            "levels": levels.collect::<serde_json::Map<_, _>>(), "speaking": speaking.collect::<Vec<_>>(),
        })
    });
    let shown: Vec<_> = shown.collect();
    (!shown.is_empty()).then(|| json!(shown))
}
