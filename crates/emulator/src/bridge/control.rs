//! A bot's control channel: whom it wants to see in which section, and what it is told of those whom it can see.
//!
//! Its messages have types of their own here, written from the profile page: the engine's cannot agree with themselves on a
//! mistake.

use std::sync::Arc;

use offhook_media::MediaSourceId;
use offhook_media::video::VideoSize;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use super::stage::Stage;
use super::video::Choice;

/// The channel's label.
pub(crate) const LABEL: &str = "offhook-control";

/// The longest message that is read, in bytes.
const LONGEST: usize = 65_536;

/// What a bot says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Said {
    Subscribe {
        socket: u32,
        source: u32,
        width: Option<u32>,
        height: Option<u32>,
    },
    Unsubscribe {
        socket: u32,
    },
    ReceiveBandwidth {
        bits_per_second: u64,
    },
    #[serde(other)]
    Unknown,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Told {
    Subscribed { socket: u32, source: u32 },
    Refused { socket: u32, source: u32, reason: Reason },
    Sources { video: Vec<Listed>, screen: Vec<Listed> },
    DominantSpeaker { source: Option<u32> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Reason {
    UnknownSource,
    NotSending,
    UnknownSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Listed {
    source: u32,
}

/// What a bot sees of a room, and may choose of it.
trait Room {
    /// The section shows that from now on, no larger than `at_most`. Says whether there is such a section.
    fn choose(&self, mid: &str, choice: Choice, at_most: Option<VideoSize>) -> bool;
    /// All that it sees has at most so many bits a second together.
    fn limit(&self, bits_per_second: Option<u64>);
    /// What can be seen: cameras, screens.
    fn sources(&self) -> [Vec<MediaSourceId>; 2];
    /// Whether somebody has this source, on or not.
    fn knows(&self, source: u32) -> bool;
    fn dominant_speaker(&self) -> Option<MediaSourceId>;
}

impl Room for Stage {
    fn choose(&self, mid: &str, choice: Choice, at_most: Option<VideoSize>) -> bool {
        self.choose(mid, choice, at_most)
    }

    fn limit(&self, bits_per_second: Option<u64>) {
        self.limit(bits_per_second);
    }

    fn sources(&self) -> [Vec<MediaSourceId>; 2] {
        self.sources()
    }

    fn knows(&self, source: u32) -> bool {
        self.knows(source)
    }

    fn dominant_speaker(&self) -> Option<MediaSourceId> {
        self.dominant_speaker()
    }
}

/// One bot's channel, and what was told on it last.
#[derive(Debug, Default)]
struct Control {
    sources: Option<Told>,
    dominant: Option<Told>,
}

impl Control {
    /// Does what a message asks for; gives the answer. What is no message has none.
    fn hear(text: &[u8], room: &impl Room) -> Option<Told> {
        if text.len() > LONGEST {
            return None;
        }
        match serde_json::from_slice(text) {
            Ok(Said::Subscribe { socket, source, width, height }) => {
                let at_most = width.zip(height).map(size);
                Some(match subscribe(socket, source, at_most, room) {
                    Ok(()) => Told::Subscribed { socket, source },
                    Err(reason) => Told::Refused { socket, source, reason },
                })
            }
            Ok(Said::Unsubscribe { socket }) => {
                room.choose(&socket.to_string(), Choice::Nobody, None);
                None
            }
            Ok(Said::ReceiveBandwidth { bits_per_second }) => {
                room.limit(Some(bits_per_second).filter(|limit| *limit > 0));
                None
            }
            Ok(Said::Unknown) => None,
            Err(error) => {
                tracing::warn!(%error, "a bot has said something on its control channel that is no message");
                None
            }
        }
    }

    /// What is other than it was told last.
    fn news(&mut self, room: &impl Room) -> Vec<Told> {
        let listed =
            |sources: Vec<MediaSourceId>| sources.iter().map(|source| Listed { source: source.0 }).collect();
        let [video, screen] = room.sources().map(listed);
        let sources = Told::Sources { video, screen };
        let dominant = Told::DominantSpeaker { source: room.dominant_speaker().map(|source| source.0) };
        let mut news = Vec::new();
        for (told, now) in [(&mut self.sources, sources), (&mut self.dominant, dominant)] {
            // That nobody speaks is no news at the beginning.
            let is_nothing = told.is_none() && now == (Told::DominantSpeaker { source: None });
            if told.as_ref() != Some(&now) && !is_nothing {
                *told = Some(now.clone());
                news.push(now);
            }
        }
        news
    }
}

/// What is larger than any picture is no limit.
fn size((width, height): (u32, u32)) -> VideoSize {
    let pixels = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    VideoSize { width: pixels(width), height: pixels(height) }
}

fn subscribe(socket: u32, source: u32, at_most: Option<VideoSize>, room: &impl Room) -> Result<(), Reason> {
    let is_on = room.sources().iter().flatten().any(|on| on.0 == source);
    if !is_on {
        return Err(if room.knows(source) { Reason::NotSending } else { Reason::UnknownSource });
    }
    let is_there = room.choose(&socket.to_string(), Choice::Source(source), at_most);
    if is_there { Ok(()) } else { Err(Reason::UnknownSocket) }
}

/// Serves a bot's channel, from when it is in a room until either is gone.
pub(crate) async fn serve(channel: Arc<dyn DataChannel>, mut stage: watch::Receiver<Option<Stage>>) {
    let Ok(stage) = stage.wait_for(Option::is_some).await.map(|stage| stage.clone()) else { return };
    let Some((stage, mut changes)) = stage.and_then(|stage| Some((stage.clone(), stage.changes()?))) else {
        return;
    };
    changes.mark_changed();
    let mut control = Control::default();
    loop {
        let told = tokio::select! {
            event = channel.poll() => match event {
                Some(DataChannelEvent::OnMessage(message)) if message.is_string => {
                    Control::hear(&message.data, &stage).into_iter().collect()
                }
                None | Some(DataChannelEvent::OnClose) => return,
                Some(_) => Vec::new(),
            },
            changed = changes.changed() => match changed {
                Ok(()) => control.news(&stage),
                Err(_) => return,
            },
        };
        for told in told {
            let text = serde_json::to_string(&told).expect("numbers and names are JSON");
            if channel.send_text(&text).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::{Value, json};

    use super::*;

    /// A room with sections 1 to 3; the cameras 7 and 8 and the screen 9 are on, and 10 is not.
    #[derive(Default)]
    struct Fake {
        chosen: RefCell<Vec<(String, Choice, Option<VideoSize>)>>,
        limits: RefCell<Vec<Option<u64>>>,
        dominant: Option<u32>,
    }

    impl Room for Fake {
        fn choose(&self, mid: &str, choice: Choice, at_most: Option<VideoSize>) -> bool {
            self.chosen.borrow_mut().push((mid.to_owned(), choice, at_most));
            ["1", "2", "3"].contains(&mid)
        }

        fn limit(&self, bits_per_second: Option<u64>) {
            self.limits.borrow_mut().push(bits_per_second);
        }

        fn sources(&self) -> [Vec<MediaSourceId>; 2] {
            [vec![MediaSourceId(7), MediaSourceId(8)], vec![MediaSourceId(9)]]
        }

        fn knows(&self, source: u32) -> bool {
            (7..=10).contains(&source)
        }

        fn dominant_speaker(&self) -> Option<MediaSourceId> {
            self.dominant.map(MediaSourceId)
        }
    }

    fn hear(room: &Fake, said: &Value) -> Option<Value> {
        Control::hear(said.to_string().as_bytes(), room).map(|told| serde_json::to_value(told).unwrap())
    }

    #[test]
    fn a_bot_sees_whom_it_asks_for_and_is_told_why_not() {
        let room = Fake::default();
        let subscribe = |socket: u32, source: u32| json!({"type": "subscribe", "socket": socket, "source": source, "width": 640, "height": 360});
        let refused = |socket: u32, source: u32, reason: &str| {
            Some(json!({"type": "refused", "socket": socket, "source": source, "reason": reason}))
        };
        let subscribed = json!({"type": "subscribed", "socket": 1, "source": 8});
        assert_eq!(hear(&room, &subscribe(1, 8)), Some(subscribed));
        assert_eq!(hear(&room, &subscribe(2, 10)), refused(2, 10, "notSending"));
        assert_eq!(hear(&room, &subscribe(2, 11)), refused(2, 11, "unknownSource"));
        assert_eq!(hear(&room, &subscribe(4, 9)), refused(4, 9, "unknownSocket"));
        assert_eq!(hear(&room, &json!({"type": "unsubscribe", "socket": 3})), None);
        let low = Some(VideoSize { width: 640, height: 360 });
        let chosen =
            [("1", Choice::Source(8), low), ("4", Choice::Source(9), low), ("3", Choice::Nobody, None)]
                .map(|(mid, choice, at_most)| (mid.to_owned(), choice, at_most));
        assert_eq!(room.chosen.take(), chosen, "one that is refused changes nothing");
        for nothing in [
            json!({"type": "receiveBandwidth", "bitsPerSecond": -1}),
            json!({"type": "receiveBandwidth"}),
            json!({"type": "applaud"}),
            json!({"type": "subscribe"}),
            json!([]),
        ] {
            assert_eq!(hear(&room, &nothing), None);
        }
        assert!(room.chosen.take().is_empty() && room.limits.take().is_empty());
        for (bits, limit) in [(1_500_000, Some(1_500_000)), (0, None)] {
            let said = json!({"type": "receiveBandwidth", "bitsPerSecond": bits});
            assert_eq!((hear(&room, &said), room.limits.take()), (None, vec![limit]));
        }
        for (said, at_most) in [
            (json!({"type": "subscribe", "socket": 2, "source": 7}), None),
            (
                json!({"type": "subscribe", "socket": 2, "source": 7, "width": 70_000, "height": 0}),
                Some(VideoSize { width: u16::MAX, height: 0 }),
            ),
        ] {
            assert!(hear(&room, &said).is_some());
            assert_eq!(room.chosen.take(), [("2".to_owned(), Choice::Source(7), at_most)]);
        }
    }

    #[test]
    fn a_bot_is_told_what_has_changed_and_nothing_twice() {
        let (mut room, mut control) = (Fake::default(), Control::default());
        let mut news = |room: &Fake| serde_json::to_value(control.news(room)).unwrap();
        let sources =
            json!({"type": "sources", "video": [{"source": 7}, {"source": 8}], "screen": [{"source": 9}]});
        assert_eq!(news(&room), json!([sources]));
        assert_eq!(news(&room), json!([]));
        for (dominant, told) in [(Some(8), json!(8)), (None, Value::Null)] {
            room.dominant = dominant;
            assert_eq!(news(&room), json!([{"type": "dominantSpeaker", "source": told}]));
        }
    }
}
