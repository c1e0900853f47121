//! [io] UDP in batches.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::BytesMut;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use crate::error::MediaError;

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

    /// Reads what has come, at most one batch; gives each datagram to `handle`. Returns how many there were.
    pub(crate) fn receive(
        &self,
        inbox: &mut Inbox,
        mut handle: impl FnMut(SocketAddr, BytesMut),
    ) -> io::Result<usize> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut chunks = inbox.buffers.chunks_exact_mut(inbox.buffer_len);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let messages = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut meta) {
            Ok(messages) => messages,
            // Nothing waits; or an earlier datagram met a closed port, which says nothing about this one.
            Err(error) if is_passing(&error) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut datagrams = 0;
        for (slice, meta) in slices.iter().zip(&meta).take(messages) {
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                inbox.block.extend_from_slice(datagram);
                handle(meta.addr, inbox.block.split());
                datagrams += 1;
            }
        }
        Ok(datagrams)
    }

    /// Sends one datagram. A full kernel buffer or an unreachable peer loses it, as any network may.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let transmit =
            Transmit { destination: to, ecn: None, contents: datagram, segment_size: None, src_ip: None };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
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
