//! UDP alone: as many datagrams as the calls have, of their length and at their pace, by nothing but the system calls that the
//! engine makes too.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use crate::process::own_time_on_cpu;
use crate::{Cell, Direction, Result};

/// Points at which datagrams are sent or read, a millisecond apart as a busy worker's are.
const POINTS: usize = 20;
const STEP: Duration = Duration::from_millis(1);

/// Long enough that the grain of the thread's clock, some milliseconds, does not show.
const SPAN: Duration = Duration::from_secs(3);

/// RTP's header, the level and the tag that come with a payload.
const BESIDE_PAYLOAD: usize = 12 + 8 + 16;

/// CPU for a datagram of `payload` bytes, in microseconds, in the direction of the cell.
pub(crate) fn micros(cell: Cell, payload: usize) -> Result<f64> {
    let own = UdpSocket::bind("127.0.0.1:0")?;
    let peers = (0..cell.calls)
        .map(|_| UdpSocket::bind("127.0.0.1:0"))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let datagram = vec![7; payload + BESIDE_PAYLOAD];
    match cell.direction {
        Direction::Send => {
            let to = peers.iter().map(|peer| Ok(peer.local_addr()?.as_any())).collect::<Result<Vec<_>>>()?;
            // Their queues run full after a while unless somebody reads.
            let reader = std::thread::spawn(move || read_all(&peers, &until));
            let micros = paced(|point| {
                let to: Vec<_> = of_point(&to, point).cloned().collect();
                to.chunks(32).map(|to| send(&own, to, &datagram)).sum()
            });
            over.store(true, Relaxed);
            reader.join().map_err(|_| "the reader has panicked")?;
            micros
        }
        Direction::Receive => {
            let to = own.local_addr()?;
            let state = UdpSocketState::new(UdpSockRef::from(&own))?;
            let writer = std::thread::spawn(move || {
                for point in (0..POINTS).cycle().take_while(|_| !until.load(Relaxed)) {
                    // What the kernel does not take is not received either.
                    of_point(&peers, point).for_each(|peer| _ = peer.send_to(&datagram, to));
                    std::thread::sleep(STEP);
                }
            });
            let mut memory = vec![0; BATCH_SIZE * 2048];
            let micros = paced(|_| {
                let mut meta = [RecvMeta::default(); BATCH_SIZE];
                let mut received = 0;
                loop {
                    let mut chunks = memory.chunks_exact_mut(2048);
                    let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                        std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                    let read = state.recv(UdpSockRef::from(&own), &mut slices, &mut meta).unwrap_or(0);
                    received += meta[..read].iter().map(|meta| meta.len / meta.stride.max(1)).sum::<usize>();
                    if read < BATCH_SIZE {
                        return received;
                    }
                }
            });
            over.store(true, Relaxed);
            writer.join().map_err(|_| "the writer has panicked")?;
            micros
        }
    }
}

fn of_point<T>(calls: &[T], point: usize) -> impl Iterator<Item = &T> {
    calls.iter().skip(point).step_by(POINTS)
}

fn send(socket: &UdpSocket, to: &[SocketAddrAny], datagram: &[u8]) -> usize {
    let parts = [IoSlice::new(datagram)];
    let mut control: Vec<_> = to.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let messages =
        to.iter().zip(&mut control).map(|(to, control)| MMsgHdr::new_with_addr(to, &parts, control));
    let mut messages: Vec<_> = messages.collect();
    sendmmsg(socket, &mut messages, SendFlags::DONTWAIT).unwrap_or(0)
}

fn read_all(peers: &[UdpSocket], until: &AtomicBool) {
    for peer in peers {
        // A socket that blocks would only hold up the end.
        let _ = peer.set_nonblocking(true);
    }
    let mut memory = [0; 2048];
    while !until.load(Relaxed) {
        for peer in peers {
            while peer.recv(&mut memory).is_ok() {}
        }
        std::thread::sleep(20 * STEP);
    }
}

/// Does `work` at each point for a while; CPU of this thread for each of the datagrams that it says it had.
fn paced(mut work: impl FnMut(usize) -> usize) -> Result<f64> {
    let (start, before, mut done) = (Instant::now(), own_time_on_cpu()?, 0);
    for at in (0_u32..).take_while(|_| start.elapsed() < SPAN) {
        std::thread::sleep((start + STEP * at).saturating_duration_since(Instant::now()));
        done += work(at as usize % POINTS);
    }
    Ok((own_time_on_cpu()? - before).as_secs_f64() * 1e6 / done.max(1) as f64)
}
