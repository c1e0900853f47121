//! The player's thread with pictures; `tests/calls` has it with sound, in a session.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::clock::SystemClock;

const LONG: Duration = Duration::from_secs(20);

/// Shows its pictures to a test, until that looks away.
struct Screen(Sender<(u32, MediaInstant)>);

impl PictureSink for Screen {
    type Picture = u32;

    fn show(&mut self, picture: u32, capture_time: MediaInstant) -> Result<(), SocketClosed> {
        self.0.send((picture, capture_time)).map_err(|_| SocketClosed)
    }
}

fn player() -> (AudioVideoFramePlayer<u32>, Receiver<(u32, MediaInstant)>) {
    let (to, from) = channel();
    (AudioVideoFramePlayer::start(SystemClock::start(), None, Some(Screen(to))).unwrap(), from)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn pictures_show_in_order_and_are_captured_at_their_times() {
    let (player, shown) = player();
    for number in 0..5 {
        player.enqueue_picture(ms(1000) + ms(20) * number, number).await.unwrap();
    }
    player.wait_for_playout().await.unwrap();
    let shown: Vec<_> = (0..5).map(|_| shown.recv_timeout(LONG).unwrap()).collect();
    assert!(shown.iter().map(|(number, _)| *number).eq(0..5));
    // The first may be captured at the moment that the others are moved behind, where this machine is busy.
    assert!(shown.windows(2).all(|pair| pair[1].1 >= pair[0].1), "{shown:?}");
}

#[tokio::test]
async fn what_was_cleared_is_not_shown_and_what_waits_in_a_pause_is() {
    let (player, shown) = player();
    player.pause();
    for number in 0..3 {
        player.enqueue_picture(ms(0), number).await.unwrap();
    }
    player.clear();
    assert_eq!(player.remaining(), (Duration::ZERO, Duration::ZERO));
    player.enqueue_picture(ms(0), 7).await.unwrap();
    player.resume();
    assert_eq!(shown.recv_timeout(LONG).unwrap().0, 7);
}

#[tokio::test]
async fn who_enqueues_too_much_waits_for_room() {
    let (player, shown) = player();
    for number in 0..200 {
        player.enqueue_picture(ms(number.into()), number).await.unwrap();
    }
    player.wait_for_playout().await.unwrap();
    assert_eq!(shown.iter().take(200).count(), 200);
}

#[tokio::test]
async fn a_player_whose_session_is_over_says_so() {
    let (player, shown) = player();
    drop(shown);
    player.enqueue_picture(ms(0), 0).await.unwrap();
    let waits = player.wait_for_playout().await;
    // The picture may have gone out before its sink said that it is closed.
    assert!(matches!(waits, Ok(()) | Err(AudioVideoPlayerError::Closed)));
    player.pause();
    let full = async {
        loop {
            if let Err(error) = player.enqueue_picture(ms(0), 0).await {
                break error;
            }
        }
    };
    assert!(matches!(full.await, AudioVideoPlayerError::Closed));
    assert!(matches!(
        player.enqueue_audio(ms(0), vec![0; 160]).await,
        Err(AudioVideoPlayerError::Without("sound"))
    ));
}

#[test]
fn the_thread_ends_with_the_last_handle() {
    let (player, shown) = player();
    let other = player.clone();
    drop(player);
    drop(other);
    // Its end of the channel goes with it.
    assert!(shown.recv_timeout(LONG).is_err());
}
