//! What is found in what people paste.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const TENANT: &str = "aa67bd4c-8475-432d-bd41-39f255720e0a";
const ORGANIZER: &str = "5810cede-f3cc-42eb-b2c1-e9bd5d53ec96";
const JOIN: &str = "/l/meetup-join/19%3ameeting_Win6Ydo4wsMijFjZS00ZGVjLTk5MGUtOTRjNWY2NmNkYTFm%40thread.v2/0?context=%7b%22Tid%22%3a%22aa67bd4c-8475-432d-bd41-39f255720e0a%22%2c%22Oid%22%3a%225810cede-f3cc-42eb-b2c1-e9bd5d53ec96%22%7d";

/// The text as the value of a parameter.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[track_caller]
fn assert_by_organizer(text: &str) {
    let link = MeetingLink::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(link.tenant(), Some(&TENANT.into()), "{text}");
    assert_eq!(
        serde_json::to_value(link.meeting()).unwrap(),
        json!({"@odata.type": "#microsoft.graph.organizerMeetingInfo", "organizer": {
            "@odata.type": "#microsoft.graph.identitySet", "user": {
                "@odata.type": "#microsoft.graph.identity", "id": ORGANIZER, "tenantId": TENANT}}}),
        "{text}"
    );
    assert_eq!(
        serde_json::to_value(link.chat()).unwrap(),
        json!({"@odata.type": "#microsoft.graph.chatInfo", "messageId": "0",
            "threadId": "19:meeting_Win6Ydo4wsMijFjZS00ZGVjLTk5MGUtOTRjNWY2NmNkYTFm@thread.v2"}),
        "{text}"
    );
}

#[track_caller]
fn assert_by_id(text: &str, id: &str, passcode: Option<&str>) {
    let link = MeetingLink::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let MeetingInfo::JoinMeetingId(info) = link.meeting() else { panic!("{text}: {link:?}") };
    assert_eq!(info.join_meeting_id.as_str(), Some(id), "{text}");
    assert_eq!(info.passcode.value().map(Redacted::expose).map(String::as_str), passcode, "{text}");
    assert_eq!((link.chat(), link.tenant()), (None, None), "{text}");
}

#[test]
fn a_join_url_gives_organizer_chat_and_tenant_on_every_host_and_in_every_wrapping() {
    let plain = format!("https://teams.microsoft.com{JOIN}");
    assert_by_organizer(&plain);
    for host in
        ["gov.teams.microsoft.us", "dod.teams.microsoft.us", "teams.cloud.microsoft", "TEAMS.microsoft.com"]
    {
        assert_by_organizer(&format!("https://{host}{JOIN}"));
    }
    let page = JOIN
        .replace("%3a", ":")
        .replace("%40", "@")
        .replace("%7b", "{")
        .replace("%7d", "}")
        .replace("%22", "\"");
    assert_by_organizer(&format!("https://teams.microsoft.com/v2/?meetingjoin=true#{JOIN}&anon=true"));
    assert_by_organizer(&format!("https://teams.microsoft.com/_#{JOIN}"));
    let launcher = format!(
        "https://teams.microsoft.com/dl/launcher/launcher.html?url={}&type=meetup-join",
        encoded(&format!("/_#{JOIN}"))
    );
    assert_by_organizer(&launcher);
    for inner in [&plain, &launcher] {
        let url = encoded(inner);
        assert_by_organizer(&format!(
            "https://nam06.safelinks.protection.outlook.com/?url={url}&data=05%7C02&reserved=0"
        ));
        assert_by_organizer(&format!(
            "<a href=\"https://usg01.safelinks.protection.office365.us/ap/t-59584e83/?url={url}&amp;data=x\">Join</a>"
        ));
        assert_by_organizer(&format!(
            "https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/atp-safelinks.html?url={url}"
        ));
    }
    assert!(!page.contains('%') || MeetingLink::parse(&page).is_err(), "a path alone is no link");
}

#[test]
fn a_link_is_found_in_a_whole_invitation() {
    assert_by_organizer(&format!(
        "Microsoft Teams meeting\r\nClick here to join the meeting<https://teams.microsoft.com{JOIN}>\r\n\
         Meeting ID: 123 456 789 01\r\nPasscode: abc\r\nLearn more<https://aka.ms/JoinTeamsMeeting>"
    ));
    assert_by_organizer(&format!("See https://contoso.com, then (HTTPS://teams.microsoft.com{JOIN} )"));
}

#[test]
fn the_message_of_a_channels_meeting_is_kept() {
    let link = format!("https://teams.microsoft.com{}", JOIN.replace("/0?", "/1700000000000?"));
    let link = MeetingLink::parse(&link).unwrap();
    assert_eq!(link.chat().unwrap().message_id.as_str(), Some("1700000000000"));
}

#[test]
fn new_links_give_id_and_passcode() {
    assert_by_id("https://teams.microsoft.com/meet/12345678901?p=aBc1De", "12345678901", Some("aBc1De"));
    assert_by_id("Join: <https://teams.live.com/meet/9312345678901?p=x%2By>", "9312345678901", Some("x+y"));
    assert_by_id("https://teams.microsoft.com/meet/12345678901", "12345678901", None);
    let wrapped = encoded("https://teams.microsoft.com/meet/12345678901?p=aBc");
    let safe = format!("https://eur01.safelinks.protection.outlook.com/?url={wrapped}&data=1");
    assert_by_id(&safe, "12345678901", Some("aBc"));
}

#[test]
fn ids_are_read_as_invitations_of_many_languages_write_them() {
    for text in [
        "Meeting ID: 123 456 789 01\nPasscode: aBc1De",
        "Meeting ID: 123 456 789 01 / Passcode: aBc1De",
        "Meeting ID: 123 456 789 01 Passcode: aBc1De",
        "Meeting ID: 12345678901\r\n\r\nPasscode: aBc1De \r\nDownload Teams",
        "Besprechungs-ID: 123 456 789 01\nKennung: aBc1De",
        "Besprechungs-ID: 123 456 789 01\nPasscode: aBc1De",
        "ID de la réunion\u{a0}: 123 456 789 01\nCode secret\u{a0}: aBc1De",
        "ID de la réunion : 123\u{a0}456\u{a0}789\u{a0}01\nMot de passe / code : aBc1De",
        "Id. de reunión: 123 456 789 01\nCódigo de acceso: aBc1De",
        "ID riunione: 123 456 789 01\nPasscode: aBc1De",
        "ID da Reunião: 123 456 789 01\nSenha: aBc1De",
        "Vergadering-id: 123 456 789 01\nWachtwoordcode: aBc1De",
        "Mötes-ID: 123 456 789 01\nLösenkod: aBc1De",
        "Møde-id: 123 456 789 01\nAdgangskode: aBc1De",
        "Identyfikator spotkania: 123 456 789 01\nKod dostępu: aBc1De",
        "ID schůzky: 123 456 789 01\nHeslo: aBc1De",
        "Kokouksen tunnus: 123 456 789 01\nTunnuskoodi: aBc1De",
        "Идентификатор собрания: 123 456 789 01\nСекретный код: aBc1De",
        "会議 ID: 123 456 789 01\nパスコード: aBc1De",
        "会议 ID：123 456 789 01\n密码：aBc1De",
        "모임 ID: 123 456 789 01\n암호: aBc1De",
    ] {
        assert_by_id(text, "12345678901", Some("aBc1De"));
    }
    assert_by_id("Meeting ID: 123 456 789 01", "12345678901", None);
    assert_by_id("Meeting ID: 123 456 789 01\nDownload Teams: https://aka.ms/teams", "12345678901", None);
}

#[test]
fn what_is_dialled_is_not_taken_for_the_meeting() {
    let audio =
        "+1 323-849-4874,,123456789# United States\nPhone conference ID: 123 456 789#\nTel: 030 1234 5678 90";
    assert_eq!(MeetingLink::parse(audio), Err(MeetingLinkError::NothingFound));
    assert_by_id(&format!("{audio}\nMeeting ID: 123 456 789 01\nPasscode: aBc"), "12345678901", Some("aBc"));
}

#[test]
fn what_is_missing_is_said() {
    let plain = format!("https://teams.microsoft.com{JOIN}");
    let (before, _) = plain.split_once('?').unwrap();
    for (text, words) in [
        ("", "looked for a link such as"),
        ("See you at https://contoso.com/l/meetup-join/x, 10:30", "looked for a link such as"),
        ("https://teams.microsoft.com.evil.example/meet/12345678901", "looked for a link such as"),
        ("https://teams.microsoft.com/l/channel/19", "looked for a link such as"),
        ("https://teams.microsoft.com/l/meetup-join/", "thread"),
        (before, "`context`"),
        (&plain[..plain.len() - 4], "JSON"),
        (&plain.replace("Tid", "tenant"), "`Tid`"),
        (&plain.replace("Oid", "organizer"), "`Oid`"),
    ] {
        let error = MeetingLink::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error} does not say {words}");
    }
}

#[test]
fn links_inside_links_come_to_an_end() {
    let mut link = "https://teams.microsoft.com/nowhere".to_owned();
    for _ in 0..12 {
        link = format!("https://safelinks.example/?url={}", encoded(&link));
    }
    assert_eq!(MeetingLink::parse(&link), Err(MeetingLinkError::NothingFound));
}

#[test]
fn a_passcode_is_not_shown() {
    let link = MeetingLink::parse("https://teams.microsoft.com/meet/12345678901?p=s3cret").unwrap();
    assert!(!format!("{link:?}").contains("s3cret"), "{link:?}");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,400}") {
        let _ = MeetingLink::parse(&text);
    }

    #[test]
    fn no_mangled_invitation_panics(
        parts in proptest::collection::vec(prop_oneof![
            Just("https://teams.microsoft.com"), Just(JOIN), Just("/l/meetup-join/"), Just("?context="), Just("%"), Just("%7"),
            Just("%ff"), Just("&url="), Just("#/"), Just("://"), Just("Meeting ID: "), Just("：1 2 3 456 789 01"), Just("#"),
            Just("\n"), Just("é"), Just("Passcode: "), Just("https://x.safelinks.y/?url="),
        ], 0..24),
    ) {
        let _ = MeetingLink::parse(&parts.concat());
    }
}
