//! [io] UDP in batches.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::BytesMut;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use smallvec::SmallVec;

use super::Outgoing;
use crate::error::MediaError;

/// The most datagrams that one system call sends. Their headers lie on the stack.
pub(crate) const SEND_BATCH: usize = 32;

/// The most a datagram can weigh on any network that carries calls: Ethernet's 1500 and some tunnel's worth.
const DATAGRAM_LEN: usize = 2048;

/// Memory that received datagrams are cut from: each is let go as soon as it is decrypted, so that one block serves
/// for good.
const BLOCK_LEN: usize = 64 * 1024;

/// Kernel buffers. The default of 208 KiB holds the packets of 200 calls for 20 ms; this, for a quarter of a second.
const KERNEL_BUFFER_LEN: usize = 2 * 1024 * 1024;

/// The one socket of a worker, for sending.
pub(crate) struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// The memory that datagrams are read into.
pub(crate) struct Inbox {
    buffers: Vec<u8>,
    buffer_len: usize,
    block: BytesMut,
}

impl MediaSocket {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens media sockets")]
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, MediaError> {
        let open = || {
            let socket = UdpSocket::bind(address)?;
            let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
            // A system that grants less buffer still works: it only rides out shorter stalls.
            let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_LEN);
            let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_LEN);
            Ok((socket, state))
        };
        let (socket, state) = open().map_err(|source| MediaError::Bind { address, source })?;
        Ok(Self { socket, state })
    }

    /// Memory to read this socket with.
    pub(crate) fn inbox(&self) -> Inbox {
        // A coalesced read holds several datagrams of one peer.
        let buffer_len = DATAGRAM_LEN.max(1500 * self.state.gro_segments());
        let buffers = vec![0; buffer_len * BATCH_SIZE];
        Inbox { buffers, buffer_len, block: BytesMut::with_capacity(BLOCK_LEN) }
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Reads what has come, at most one batch; gives each datagram to `handle`, with the address that it came from and the one
    /// that it came to. Returns how many they were, and whether the batch was full, so that more may wait.
    pub(crate) fn receive(
        &self,
        inbox: &mut Inbox,
        mut handle: impl FnMut((SocketAddr, Option<IpAddr>), BytesMut),
    ) -> io::Result<(usize, bool)> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut chunks = inbox.buffers.chunks_exact_mut(inbox.buffer_len);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let messages = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut meta) {
            Ok(messages) => messages,
            // Nothing waits; or an earlier datagram met a closed port, which says nothing about this one.
            Err(error) if is_passing(&error) => return Ok((0, false)),
            Err(error) => return Err(error),
        };
        let mut datagrams = 0;
        for (slice, meta) in slices.iter().zip(&meta).take(messages) {
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                inbox.block.extend_from_slice(datagram);
                handle((meta.addr, meta.dst_ip), inbox.block.split());
                datagrams += 1;
            }
        }
        Ok((datagrams, messages == BATCH_SIZE))
    }

    /// Sends in order; returns how many the system did not take. A full kernel buffer or an unreachable peer loses a datagram,
    /// as any network may.
    pub(crate) fn send(&self, outgoing: &[Outgoing]) -> usize {
        let same_way = |a: &Outgoing, b: &Outgoing| a.from.is_none() && b.from.is_none();
        let runs = outgoing.chunk_by(same_way);
        runs.map(|run| match run {
            [one] => usize::from(self.send_one(one).is_err()),
            many => many.chunks(SEND_BATCH).map(|batch| self.send_batch(batch)).sum(),
        })
        .sum()
    }

    fn send_one(&self, Outgoing { from, transmit }: &Outgoing) -> io::Result<()> {
        let transmit = Transmit {
            destination: transmit.to,
            ecn: None,
            contents: &transmit.datagram,
            segment_size: None,
            src_ip: *from,
        };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }

    /// One system call for datagrams to different peers, which `quinn-udp` has none for.
    fn send_batch(&self, batch: &[Outgoing]) -> usize {
        type Stack<T> = SmallVec<[T; SEND_BATCH]>;
        let to: Stack<SocketAddrAny> = batch.iter().map(|outgoing| outgoing.transmit.to.as_any()).collect();
        let parts: Stack<[io::IoSlice<'_>; 1]> =
            batch.iter().map(|outgoing| [io::IoSlice::new(&outgoing.transmit.datagram)]).collect();
        let mut control: Stack<SendAncillaryBuffer<'_, '_, '_>> =
            batch.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Stack<MMsgHdr<'_>> = to
            .iter()
            .zip(&parts)
            .zip(&mut control)
            .map(|((to, parts), control)| MMsgHdr::new_with_addr(to, parts, control))
            .collect();
        let (mut next, mut unsent) = (0, 0);
        while let Some(rest) = messages.get_mut(next..).filter(|rest| !rest.is_empty()) {
            match sendmmsg(&self.socket, rest, SendFlags::DONTWAIT) {
                // The system stops at the first that it does not take, and says why when asked again from there.
                Ok(sent) if sent > 0 => next += sent,
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => (next, unsent) = (next + 1, unsent + 1),
            }
        }
        unsent
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock,
    };
    matches!(
        error.kind(),
        WouldBlock | Interrupted | ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable
    )
}

impl AsFd for MediaSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::transport::Transmit;

    fn outgoing(to: SocketAddr, text: &[u8]) -> Outgoing {
        Outgoing { from: None, transmit: Transmit { to, datagram: text.into() } }
    }

    fn socket() -> MediaSocket {
        MediaSocket::bind(([127, 0, 0, 1], 0).into()).unwrap()
    }

    /// Loopback delivers before the sender's call returns, so what was sent is there.
    fn received(socket: &MediaSocket) -> Vec<Vec<u8>> {
        let (mut inbox, mut datagrams) = (socket.inbox(), Vec::new());
        while socket.receive(&mut inbox, |_, datagram| datagrams.push(datagram.to_vec())).unwrap().1 {}
        datagrams
    }

    #[test]
    fn a_batch_to_several_peers_keeps_the_order_of_each() {
        let (sender, one, two) = (socket(), socket(), socket());
        let to = [one.local_address().unwrap(), two.local_address().unwrap()];
        // More than one call takes, and the last batch is not full.
        let outgoing: Vec<_> = (0..SEND_BATCH as u8 * 2 + 9)
            .map(|number| outgoing(to[usize::from(number % 2)], &[number]))
            .collect();
        assert_eq!(sender.send(&outgoing), 0);
        for (parity, socket) in [(0, &one), (1, &two)] {
            let expected: Vec<_> = (0..outgoing.len() as u8)
                .filter(|number| number % 2 == parity)
                .map(|number| vec![number])
                .collect();
            assert_eq!(received(socket), expected);
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_is_counted_and_holds_up_no_other() {
        let (sender, peer) = (socket(), socket());
        let to = peer.local_address().unwrap();
        let too_long = vec![0; 70_000];
        let outgoing =
            [outgoing(to, &too_long), outgoing(to, b"a"), outgoing(to, &too_long), outgoing(to, b"b")];
        assert_eq!(sender.send(&outgoing), 2);
        assert_eq!(received(&peer), [b"a", b"b"]);
    }

    #[test]
    fn a_datagram_leaves_from_the_address_that_its_session_has() {
        let sender = MediaSocket::bind(([0, 0, 0, 0], 0).into()).unwrap();
        let peer = socket();
        let from = IpAddr::from([127, 0, 7, 9]);
        let mut outgoing = outgoing(peer.local_address().unwrap(), b"a");
        outgoing.from = Some(from);
        assert_eq!(sender.send(&[outgoing]), 0);
        let (mut inbox, mut seen) = (peer.inbox(), None);
        peer.receive(&mut inbox, |(from, to), _| seen = Some((from.ip(), to))).unwrap();
        assert_eq!(seen, Some((from, Some(([127, 0, 0, 1]).into()))));
    }
}
