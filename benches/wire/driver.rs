//! A cell of `webrtc`'s tokio driver.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use webrtc::peer_connection::RTCSessionDescription;

use crate::load::{self, Load};
use crate::peer::Peer;
use crate::process::{Memory, Threads, resident_kib, runtime};
use crate::{Cell, Direction, Result, WARM_UP};

/// What a cell has measured.
#[derive(Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) frames: u64,
    /// All its threads, and so with what an application does, in microseconds a frame.
    pub(crate) cpu: f64,
    /// Packets that did not arrive; what was on its way at a mark makes it swing a little.
    pub(crate) lost: i64,
    pub(crate) memory: Memory,
}

pub(crate) fn measure(cell: Cell) -> Result<Measured> {
    let mut load = Load::start(cell.complexity)?;
    let packets = load::packets(cell.complexity)?;
    let (runtime, threads) = Threads::born_during(|| runtime(cell.workers))?;
    let before = resident_kib()?;
    let peers = connect(&runtime, &mut load, cell.calls)?;
    let connected = resident_kib()?;

    match cell.direction {
        Direction::Receive => load.speak()?,
        Direction::Send => {
            let start = Instant::now();
            for (index, peer) in peers.iter().enumerate() {
                let phase = load::FRAME.mul_f64(index as f64 / cell.calls as f64);
                let first = index * load::PLACES_APART;
                runtime.spawn(load::speak(Arc::clone(peer), Arc::clone(&packets), first, start + phase));
            }
        }
    }
    std::thread::sleep(WARM_UP);
    let mut mark = || -> Result<_> {
        let (cpu, here, there) = (threads.on_cpu()?, load::count(&peers), load.count()?);
        Ok(match cell.direction {
            Direction::Send => Mark { cpu, handled: here.sent, lost: here.sent.wrapping_sub(there.heard) },
            Direction::Receive => {
                Mark { cpu, handled: here.heard, lost: there.sent.wrapping_sub(here.heard) }
            }
        })
    };
    let first = mark()?;
    std::thread::sleep(cell.span);
    let after = resident_kib()?;
    let last = mark()?;
    let frames = last.handled - first.handled;
    let cpu = (last.cpu - first.cpu).as_secs_f64() * 1e6 / frames as f64;
    let lost = last.lost.wrapping_sub(first.lost).cast_signed();
    Ok(Measured { frames, cpu, lost, memory: Memory { before, connected, after } })
}

/// What has been counted until some moment.
struct Mark {
    cpu: Duration,
    handled: u64,
    /// Sent and not heard.
    lost: u64,
}

fn connect(runtime: &Runtime, load: &mut Load, calls: usize) -> Result<Vec<Arc<Peer>>> {
    let mut peers = Vec::with_capacity(calls);
    for ssrc in (1_u32..).take(calls) {
        let peer = runtime.block_on(Peer::new(ssrc))?;
        let offer = runtime.block_on(peer.offer())?;
        let answer = RTCSessionDescription::answer(load.answer(&offer.sdp)?)?;
        runtime.block_on(peer.accept(answer))?;
        peers.push(Arc::new(peer));
    }
    peers.iter().for_each(|peer| runtime.block_on(peer.connected()));
    Ok(peers)
}
