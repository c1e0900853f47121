//! Whatever a believed caller posts, the receiver answers, and a body that is no notifications changes nothing.

use axum::http::StatusCode;
use offhook_signaling::DeliveryStats;
use offhook_signaling::model::CommsNotifications;
use proptest::prelude::*;
use serde_json::json;

use super::posts;
use crate::support::{Bot, about, post_of};

/// Posts each of these to a bot, and sees each refused as unparsable.
async fn assert_refused(bodies: impl IntoIterator<Item = Vec<u8>>) {
    let bot = Bot::new();
    let mut refused = 0;
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(bot.post(body).await, StatusCode::BAD_REQUEST, "{shown}");
        refused += 1;
        assert_eq!(posts(&bot.receiver), [0, 0, 0, 0, 0, 0, refused], "{shown}");
    }
    assert_eq!(bot.receiver.stats().notifications, DeliveryStats::default());
    // The bot is as well as before.
    bot.tell("updated", json!({"state": "established"})).await;
}

#[tokio::test]
async fn a_body_that_is_no_notifications_is_refused() {
    let bodies = [
        "",
        " ",
        "null",
        "7",
        "[]",
        "{}",
        r#"{"value":{}}"#,
        r#"{"value":[7]}"#,
        "{\"value\":[]}x",
        "\u{feff}{}",
    ];
    assert_refused(bodies.map(|body| body.as_bytes().to_vec())).await;
}

#[tokio::test]
async fn a_notification_cut_anywhere_is_refused() {
    let whole =
        post_of(&[about("call-1", "deleted", json!({"state": "terminated"}))]).to_string().into_bytes();
    assert_refused((0..whole.len()).map(|length| whole[..length].to_vec())).await;
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let deep = |open: &str, close: &str| {
        format!(r#"{{"value":[{}1{}]}}"#, open.repeat(100_000), close.repeat(100_000))
    };
    assert_refused([deep("[", "]").into_bytes(), deep(r#"{"resourceData":"#, "}").into_bytes()]).await;
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..8)) {
        let junk = bodies.into_iter().filter(|body| CommsNotifications::from_slice(body).is_err());
        runtime().block_on(assert_refused(junk));
    }

    #[test]
    fn a_notification_with_bytes_changed_never_breaks_the_receiver(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut body = post_of(&[about("call-1", "updated", json!({"state": "established"}))]).to_string().into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        runtime().block_on(async {
            let bot = Bot::new();
            // Without any mark of Graph's it may also pass for the form from before Graph.
            let expected: &[StatusCode] = match CommsNotifications::from_slice(&body) {
                Ok(_) => &[StatusCode::ACCEPTED],
                Err(_) => &[StatusCode::BAD_REQUEST, StatusCode::NO_CONTENT],
            };
            prop_assert!(expected.contains(&bot.post(body).await));
            prop_assert_eq!(posts(&bot.receiver).iter().sum::<u64>() + bot.receiver.stats().legacy, 1);
            Ok(())
        })?;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
