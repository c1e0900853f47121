//! The peers of whoever is measured: `webrtc` connections in a process of their own, told what to do on its standard
//! input.
//!
//! Each has a port of its own, as the peers of a bot have. Two engines could not stand in for them: all their calls
//! would run between the same two ports, and a port tells its calls apart by where they come from.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use webrtc::peer_connection::RTCSessionDescription;

use crate::peer::Peer;
use crate::process::runtime;
use crate::{FORMAT, Result, codec, speech};

/// A line on the standard input. Each is answered with one.
#[derive(Deserialize, Serialize)]
enum Request {
    /// Answer this SDP, with one more peer.
    Answer(String),
    /// All begin to speak.
    Speak,
    /// How much was sent and heard?
    Count,
}

/// Packets of all peers, since they began.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) heard: u64,
}

/// Between two packets.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// How far apart in the speech two calls are, in frames, so that they do not all speak or pause at once.
pub(crate) const PLACES_APART: usize = 37;

/// The process of the peers, as seen from the one that is measured. Its end is theirs.
pub(crate) struct Load {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Load {
    pub(crate) fn start(complexity: u8) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--role", "load", "--complexity", &complexity.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (requests, replies) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        Ok(Self { child, requests, replies: BufReader::new(replies) })
    }

    /// One more peer's answer to the SDP `offer`.
    pub(crate) fn answer(&mut self, offer: &str) -> Result<String> {
        self.ask(&Request::Answer(offer.to_owned()))
    }

    /// Lets every peer speak.
    pub(crate) fn speak(&mut self) -> Result<()> {
        self.ask(&Request::Speak)
    }

    pub(crate) fn count(&mut self) -> Result<Count> {
        self.ask(&Request::Count)
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T> {
        writeln!(self.requests, "{}", serde_json::to_string(request)?)?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply)?;
        Ok(serde_json::from_str(&reply)?)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself already, and has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the process of the peers, until the standard input ends.
pub(crate) fn serve(complexity: u8) -> Result<()> {
    let runtime = runtime(1)?;
    let packets = packets(complexity)?;
    let mut peers = Vec::<Arc<Peer>>::new();
    for line in io::stdin().lines() {
        let reply = match serde_json::from_str(&line?)? {
            Request::Answer(offer) => {
                let (peer, answer) = runtime.block_on(answer(offer, 1 + u32::try_from(peers.len())?))?;
                peers.push(Arc::new(peer));
                serde_json::to_string(&answer)?
            }
            Request::Speak => {
                let start = Instant::now();
                for (index, peer) in peers.iter().enumerate() {
                    let phase = FRAME.mul_f64(index as f64 / peers.len() as f64);
                    let first = index * PLACES_APART;
                    runtime.spawn(speak(Arc::clone(peer), Arc::clone(&packets), first, start + phase));
                }
                serde_json::to_string(&())?
            }
            Request::Count => serde_json::to_string(&count(&peers))?,
        };
        println!("{reply}");
    }
    Ok(())
}

async fn answer(offer: String, ssrc: u32) -> Result<(Peer, String)> {
    let peer = Peer::new(ssrc).await?;
    let answer = peer.answer(RTCSessionDescription::offer(offer)?).await?;
    Ok((peer, answer.sdp))
}

/// The speech as packets.
pub(crate) fn packets(complexity: u8) -> Result<Arc<[Bytes]>> {
    let packets = codec::packets(&speech::frames(FORMAT), complexity)?;
    Ok(packets.into_iter().map(Bytes::from).collect())
}

/// Sends a packet each 20 ms of an absolute schedule, so that no delay adds up.
pub(crate) async fn speak(peer: Arc<Peer>, packets: Arc<[Bytes]>, first: usize, start: Instant) {
    for (index, packet) in (0_u32..).zip(packets.iter().cycle().skip(first)) {
        sleep_until(start + FRAME * index).await;
        if peer.send(index, packet.clone()).await.is_err() {
            return;
        }
    }
}

/// Packets of all `peers`.
pub(crate) fn count(peers: &[Arc<Peer>]) -> Count {
    let packets = peers.iter().map(|peer| peer.packets());
    let (sent, heard) = packets.fold((0, 0), |sum, peer| (sum.0 + peer.0, sum.1 + peer.1));
    Count { sent, heard }
}
