//! The ten examples of Graph's page on creating calls, as a bot writes them here.
//!
//! Where a request differs from the page, the test says so. Three differences come again and again: `direction` is
//! always said (half of the page's examples do); names of people are left out, as the service knows them by id;
//! and so are nulls, which say nothing.

use offhook_signaling::model::{Identity, IdentitySet, MediaInfo};
use offhook_signaling::{MeetingLink, NewCall};
use serde_json::Value;

use super::compare::{assert_as_on_the_page, fixture};
use crate::support::{Ask, Graph, answer, client};

const JOHN: &str = "112f7296-5fa4-42ca-bae8-6a692b15d4b8";
const BLOB: &str = "<Media Session Configuration>";
const THREAD: &str = "19:meeting_Win6Ydo4wsMijFjZS00ZGVjLTk5MGUtOTRjNWY2NmNkYTFm@thread.v2";
const ORGANIZER: &str = "5810cede-f3cc-42eb-b2c1-e9bd5d53ec96";
const NO_DIRECTION: &str = "+/direction";
const NAME_OF_TARGET: &str = "-/targets/[]/identity/user/displayName";
const NAME_OF_ORGANIZER: &str = "-/meetingInfo/organizer/user/displayName";
const TYPE_OF_PROMPT: &str = "+/mediaConfig/preFetchMedia/[]/@odata.type";

/// Creates the call as the page's bot does, and compares; the page's answer is read and gives its call.
#[track_caller]
fn assert_example(name: &str, call: NewCall, but_for: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let graph = Graph::new();
    let described = fixture(&format!("{name}.response"));
    graph.next(Ask::Create, answer(201, described.clone()));
    let call = call.callback_uri("https://bot.contoso.com/callback");
    let created = runtime.block_on(client(&graph).build().unwrap().create_call(call)).unwrap();
    assert_eq!(serde_json::to_value(created).unwrap(), described, "{name}");
    let sent: Value = serde_json::from_slice(&graph.requests(Ask::Create)[0].body).unwrap();
    assert_as_on_the_page(&format!("{name}.request"), &sent, but_for);
}

fn named(id: &str, name: &str) -> Box<Identity> {
    Box::new(Identity { display_name: name.into(), ..Identity::with_id(id) })
}

fn user(id: &str, name: &str) -> IdentitySet {
    IdentitySet { user: named(id, name).into(), ..IdentitySet::new() }
}

fn bot(id: &str, name: &str) -> IdentitySet {
    IdentitySet { application: named(id, name).into(), ..IdentitySet::new() }
}

fn two_users() -> NewCall {
    let users = [
        ("98da8a1a-1b87-452c-a713-65d3f10b5555", "user1"),
        ("bf5aae9a-d11d-47a8-93b1-782504c95555", "user2"),
    ];
    NewCall::to_group(users.map(|(id, name)| user(id, name)))
        .source(bot("dd3885da-f9ab-486b-bfae-85de3d445555", "TestBot"))
        .remove_from_default_audio_group(false)
}

fn prompts() -> [MediaInfo; 2] {
    [
        ("https://cdn.contoso.com/beep.wav", "f8971b04-b53e-418c-9222-c82ce681a582"),
        ("https://cdn.contoso.com/cool.wav", "86dc814b-c172-4428-9112-60f8ecae1edb"),
    ]
    .map(|(uri, resource)| MediaInfo { resource_id: resource.into(), ..MediaInfo::with_uri(uri) })
}

#[test]
fn one_and_two_a_call_to_a_user() {
    let call = NewCall::to_user(JOHN).service_hosted_media().content_sharing_notifications(true);
    assert_example("ex01-p2p-service-hosted", call, &[NO_DIRECTION, NAME_OF_TARGET]);

    let call = NewCall::to(user(JOHN, "John"))
        .source(bot("2891555a-92ff-42e6-80fa-6e1300c6b5c6", "Calling Bot"))
        .app_hosted_media(BLOB);
    assert_example("ex02-p2p-app-hosted", call, &[NO_DIRECTION, "-/source/languageId", "-/source/region"]);
}

#[test]
fn three_and_four_a_group_call() {
    let call = two_users().subject("Create a group call with service hosted media").service_hosted_media();
    assert_example("ex03-group-service-hosted", call, &[]);

    // The page leaves the blob out, and Graph answers 8523 to that.
    let call =
        two_users().subject("Create a group call with application hosted media").app_hosted_media(BLOB);
    assert_example("ex04-group-app-hosted", call, &["+/mediaConfig/blob"]);
}

#[test]
fn five_and_six_a_scheduled_meeting() {
    let join = |tenant: &str| {
        NewCall::join_by_organizer(ORGANIZER, THREAD, tenant).allow_conversation_without_host(true)
    };
    let call = join("86dc81db-c112-4228-9222-63f3esaa1edb").service_hosted_media_with(prompts());
    let but_for = [NO_DIRECTION, NAME_OF_ORGANIZER, TYPE_OF_PROMPT];
    assert_example("ex05-join-meeting-service-hosted", call, &but_for);

    let call = join("aa67bd4c-8475-432d-bd41-39f255720e0a").app_hosted_media(BLOB);
    assert_example("ex06-join-meeting-app-hosted", call, &[NAME_OF_ORGANIZER, "+/mediaConfig/blob"]);
}

#[test]
fn seven_and_eight_a_meeting_by_its_id() {
    for (name, passcode) in [
        ("ex07-join-by-id-with-passcode-service-hosted", Some("psw123".into())),
        ("ex08-join-by-id-service-hosted", None),
    ] {
        let call = NewCall::join_by_id("1234567", passcode, "86dc81db-c112-4228-9222-63f3esaa1edb");
        let call = call.service_hosted_media_with(prompts());
        assert_example(name, call, &[NO_DIRECTION, TYPE_OF_PROMPT]);
    }
}

#[test]
fn nine_and_ten_a_call_to_a_phone() {
    let call = || {
        NewCall::to_phone("+12345678901", "3d913abb-aec0-4964-8fa6-3c6850c4f278")
            .tenant("aa67bd4c-8475-432d-bd41-39f255720e0a")
    };
    let but_for = [
        NO_DIRECTION,
        "-/source/countryCode",
        "-/source/endpointType",
        "-/source/identity/applicationInstance/displayName",
        "-/source/languageId",
        "-/source/region",
    ];
    assert_example("ex09-pstn-service-hosted", call().service_hosted_media(), &but_for);
    assert_example("ex10-pstn-app-hosted", call().app_hosted_media(BLOB), &but_for);
}

#[test]
fn what_people_share_joins_like_its_parts() {
    let tenant = "aa67bd4c-8475-432d-bd41-39f255720e0a";
    let context = format!("%7b%22Tid%22%3a%22{tenant}%22%2c%22Oid%22%3a%22{ORGANIZER}%22%7d");
    let url = format!("https://teams.microsoft.com/l/meetup-join/{THREAD}/0?context={context}");
    let join = |text: &str, tenant: &str| NewCall::join(MeetingLink::parse(text).unwrap(), tenant);

    // The tenant of the link is the meeting's, whatever else was said.
    let call = join(&url, "another tenant").allow_conversation_without_host(true).app_hosted_media(BLOB);
    assert_example("ex06-join-meeting-app-hosted", call, &[NAME_OF_ORGANIZER, "+/mediaConfig/blob"]);

    let tenant = "86dc81db-c112-4228-9222-63f3esaa1edb";
    let link = "https://teams.microsoft.com/meet/1234567?p=psw123";
    let call = join(link, tenant).service_hosted_media_with(prompts());
    assert_example("ex07-join-by-id-with-passcode-service-hosted", call, &[NO_DIRECTION, TYPE_OF_PROMPT]);
}
