//! `offhook permissions`: what to ask an administrator for.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Args, ValueEnum};
use offhook_signaling::model::IdentitySet;
use offhook_signaling::permissions::{Permission, Requirement, least_for};
use offhook_signaling::{Cloud, NewCall, OperationKind};
use serde_json::{Value, json};

/// Say which permissions of Microsoft Graph a bot needs.
///
/// Without --use, the table of all requests: what each needs, the least first, and in which clouds it is. With
/// --use, what an administrator has to consent to for just that, and why. Several uses add up; add `media` to
/// those that name no media when the application hosts it, as a bot of this library does.
#[derive(Args)]
#[command(after_help = "Example: what a bot needs that calls people on the phone and talks to them:

    offhook permissions --use call-phones --use media")]
pub(crate) struct Arguments {
    /// What the bot is for. May be given several times.
    #[arg(long = "use", value_name = "USE", value_enum)]
    uses: Vec<Use>,
    /// Write one line of JSON.
    #[arg(long)]
    json: bool,
}

/// What a bot may be for.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Use {
    /// Join meetings and have their audio
    RecordMeetings,
    /// Join meetings, with media that the service hosts
    Join,
    /// Call one person
    CallPeople,
    /// Call one phone
    CallPhones,
    /// Call several at once, and invite more
    GroupCalls,
    /// Answer calls
    Answer,
    /// Record under the tenant's recording policy
    PolicyRecording,
    /// Join meetings and show a screen
    ScreenShare,
    /// Have the media of calls in the application
    Media,
}

impl Use {
    /// The requests that it makes and that Graph asks permissions for, with what they need.
    fn requests(self) -> Vec<(OperationKind, Requirement)> {
        let create = |call: NewCall| (OperationKind::CreateCall, call.permissions());
        let join = || NewCall::join_by_id("", None, "");
        let request = |kind: OperationKind| (kind, kind.permissions(true));
        match self {
            Self::RecordMeetings => vec![create(join().app_hosted_media(""))],
            Self::Join => vec![create(join())],
            Self::CallPeople => vec![create(NewCall::to_user(""))],
            Self::CallPhones => vec![create(NewCall::to_phone("", ""))],
            Self::GroupCalls => {
                let group = NewCall::to_group(["a", "b"].map(IdentitySet::user));
                vec![create(group), request(OperationKind::Invite)]
            }
            Self::Answer => vec![(OperationKind::Answer, OperationKind::Answer.permissions(false))],
            Self::PolicyRecording => {
                vec![request(OperationKind::Answer), request(OperationKind::UpdateRecordingStatus)]
            }
            Self::ScreenShare => {
                vec![create(join().app_hosted_media("")), request(OperationKind::ChangeScreenSharingRole)]
            }
            Self::Media => vec![
                request(OperationKind::RecordResponse),
                request(OperationKind::SubscribeToTone),
                request(OperationKind::SendDtmfTones),
            ],
        }
    }
}

/// Prints the table, or what the uses need.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let requests = if arguments.uses.is_empty() {
        OperationKind::ALL.iter().map(|kind| (*kind, kind.permissions(true))).collect()
    } else {
        requests_of(&arguments.uses)
    };
    let text = match (arguments.json, arguments.uses.is_empty()) {
        (true, all) => format!("{}\n", as_json(&requests, all)),
        (false, true) => as_table(&requests),
        (false, false) => as_list(&requests),
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// What these uses ask for, each request once for each thing that it needs.
fn requests_of(uses: &[Use]) -> Vec<(OperationKind, Requirement)> {
    let mut requests = Vec::new();
    for request in uses.iter().flat_map(|wanted| wanted.requests()) {
        if !requests.contains(&request) {
            requests.push(request);
        }
    }
    requests
}

/// The clouds that have what a request is part of.
fn clouds(kind: OperationKind) -> Vec<&'static str> {
    let clouds = [
        ("global", Cloud::global()),
        ("us-gov-l4", Cloud::us_government_l4()),
        ("us-gov-l5", Cloud::us_government_l5()),
        ("china", Cloud::china()),
    ];
    let has = |cloud: &Cloud| cloud.lacks(kind.cloud_feature()).is_none();
    clouds.iter().filter(|(_, cloud)| has(cloud)).map(|(name, _)| *name).collect()
}

fn names(permissions: &[Permission]) -> Vec<&'static str> {
    permissions.iter().map(|permission| permission.name()).collect()
}

/// The permissions to ask for, then each request on a line.
fn as_list(requests: &[(OperationKind, Requirement)]) -> String {
    let mut text = "An administrator of the tenant has to consent to:\n".to_owned();
    for permission in least_for(requests.iter().map(|(_, needs)| *needs)) {
        let _ = writeln!(text, "  {:32}{}", permission.name(), permission.purpose());
    }
    text += "because of:\n";
    for (kind, needs) in requests {
        let _ = writeln!(text, "  {:32}needs {needs}", kind.name());
    }
    text
}

/// One request a line, in columns.
fn as_table(requests: &[(OperationKind, Requirement)]) -> String {
    let mut rows = vec![["REQUEST", "LEAST", "CLOUDS", "HIGHER"].map(str::to_owned)];
    for (kind, needs) in requests {
        let (least, higher) =
            needs.alternatives().split_first().map_or((None, &[][..]), |(l, h)| (Some(l), h));
        let media = if needs.needs_access_media() { " (*)" } else { "" };
        let least = least.map_or("none".to_owned(), |least| format!("{least}{media}"));
        rows.push([kind.name().to_owned(), least, clouds(*kind).join(" "), names(higher).join(" ")]);
    }
    let widths = [0, 1, 2].map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0) + 2);
    let mut text = String::new();
    let [first, second, third] = widths;
    for [request, least, clouds, higher] in &rows {
        let line = format!("{request:first$}{least:second$}{clouds:third$}{higher}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text += "(*) and Calls.AccessMedia.All when the application hosts the media\n";
    text
}

fn as_json(requests: &[(OperationKind, Requirement)], all: bool) -> Value {
    let rows: Vec<Value> = requests.iter().map(|(kind, needs)| {
        let alternatives = names(needs.alternatives());
        json!({
            "request": kind.name(), "least": alternatives.first(), "higher": alternatives.get(1..).unwrap_or_default(),
            "accessMedia": needs.needs_access_media(), "clouds": clouds(*kind),
        })
    }).collect();
    if all {
        return json!({"requests": rows});
    }
    let asked: Vec<Value> = least_for(requests.iter().map(|(_, needs)| *needs))
        .iter()
        .map(|permission| json!({"name": permission.name(), "purpose": permission.purpose()}))
        .collect();
    json!({"permissions": asked, "requests": rows})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uses: &[Use]) -> Vec<&'static str> {
        names(&least_for(requests_of(uses).into_iter().map(|(_, needs)| needs)))
    }

    #[test]
    fn each_use_needs_the_least_that_does() {
        let media = "Calls.AccessMedia.All";
        for (uses, expected) in [
            (&[Use::RecordMeetings][..], &["Calls.JoinGroupCall.All", media][..]),
            (&[Use::Join], &["Calls.JoinGroupCall.All"]),
            (&[Use::CallPeople], &["Calls.Initiate.All"]),
            (&[Use::CallPhones, Use::Media], &["Calls.Initiate.All", media]),
            (&[Use::GroupCalls], &["Calls.InitiateGroupCall.All"]),
            (&[Use::Answer], &["Calls.JoinGroupCall.All"]),
            (&[Use::PolicyRecording], &["Calls.JoinGroupCall.All", media]),
            (&[Use::ScreenShare], &["Calls.JoinGroupCall.All", media]),
            (&[Use::Media], &[media]),
            (&[Use::RecordMeetings, Use::Join, Use::Media], &["Calls.JoinGroupCall.All", media]),
        ] {
            assert_eq!(asked(uses), expected, "{uses:?}");
        }
    }

    #[test]
    fn the_table_has_every_request_with_its_clouds() {
        let all: Vec<_> = OperationKind::ALL.iter().map(|kind| (*kind, kind.permissions(true))).collect();
        let table = as_table(&all);
        assert_eq!(table.lines().count(), OperationKind::ALL.len() + 2);
        let row = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("sendDtmfTones"), "sendDtmfTones Calls.AccessMedia.All global");
        assert_eq!(row("reject"), "reject none global us-gov-l4 us-gov-l5");
        let create = row("create call");
        assert!(create.starts_with("create call Calls.JoinGroupCalls.Chat (*) global"), "{create}");
        assert!(create.contains("Calls.Initiate.All"), "{create}");
        let json = as_json(&all, true);
        assert_eq!(json["requests"].as_array().unwrap().len(), OperationKind::ALL.len());
    }

    #[test]
    fn the_list_says_what_to_ask_for_and_why() {
        let list = as_list(&requests_of(&[Use::PolicyRecording]));
        assert!(
            list.contains("  Calls.AccessMedia.All           have a call's media in the application\n"),
            "{list}"
        );
        assert!(list.contains("updateRecordingStatus           needs Calls.AccessMedia.All or"), "{list}");
        let json = as_json(&requests_of(&[Use::Answer]), false);
        assert_eq!(json["permissions"][0]["name"], "Calls.JoinGroupCall.All");
    }
}
