//! [io] The wire in front of a connection, where packets get lost on their way in. Behind SRTP, which takes each packet once (RFC 3711
//! section 3.3.2), it is too late for that: whoever sends a lost one once more as it was would send it in vain.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use super::path::Path;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the driver of a connection runs on: tokio, with sockets that have such a wire.
#[derive(Debug)]
pub(super) struct Wire(pub(super) Arc<Path>);

impl Runtime for Wire {
    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let socket = TokioRuntime.wrap_udp_socket(socket)?;
        Ok(Arc::new(Socket { socket, path: Arc::clone(&self.0) }))
    }

    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn spawn_reactor(&self, size: usize, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn_reactor(size, future)
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, peer: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        TokioRuntime.connect_tcp(peer)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        TokioRuntime.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        TokioRuntime.yield_now()
    }
}

#[derive(Debug)]
struct Socket {
    socket: Arc<dyn AsyncUdpSocket>,
    path: Arc<Path>,
}

impl AsyncUdpSocket for Socket {
    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.socket.poll_recv(context, buffers, metas))?;
        let now = Instant::now();
        for (buffer, meta) in buffers.iter_mut().zip(metas).take(count) {
            // What is empty is no packet of any protocol, and passed over.
            meta.len =
                keep(buffer, meta, |datagram| !is_rtp(datagram) || !self.path.loses(now, datagram.len()));
        }
        Poll::Ready(Ok(count))
    }

    fn poll_send(&self, context: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, transmit)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

/// Of the datagrams that lie one behind the other, leaves those that are wanted. Says how long they are together.
fn keep(buffer: &mut [u8], meta: &RecvMeta, mut is_wanted: impl FnMut(&[u8]) -> bool) -> usize {
    let mut kept = 0;
    for from in (0..meta.len).step_by(meta.stride.max(1)) {
        let to = meta.len.min(from + meta.stride);
        if buffer.get(from..to).is_some_and(&mut is_wanted) {
            buffer.copy_within(from..to, kept);
            kept += to - from;
        }
    }
    kept
}

/// Whether a datagram is RTP among all that comes on one port (RFC 7983 section 7, RFC 5761 section 4).
fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_are_not_wanted_leave_no_gap() {
        let kept = |wanted: &[u8]| {
            let mut buffer = *b"aaabbbccd....";
            let mut meta = RecvMeta::default();
            (meta.len, meta.stride) = (8, 3);
            let len = keep(&mut buffer, &meta, |datagram| wanted.contains(&datagram[0]));
            String::from_utf8(buffer[..len].to_vec()).unwrap()
        };
        assert_eq!(kept(b"abc"), "aaabbbcc");
        assert_eq!(
            (kept(b"ac"), kept(b"b"), kept(b"c")),
            ("aaacc".to_owned(), "bbb".to_owned(), "cc".to_owned())
        );
        assert_eq!(kept(b""), "");
    }

    #[test]
    fn media_is_told_from_all_else() {
        assert!(is_rtp(&[0x80, 96, 0]) && is_rtp(&[0x90, 0x80 | 96, 0]) && is_rtp(&[0xbf, 0, 0]));
        assert!(!is_rtp(&[0x80, 200, 0]) && !is_rtp(&[0x81, 206, 0]), "reports");
        assert!(!is_rtp(&[0, 1, 0]) && !is_rtp(&[22, 254]) && !is_rtp(&[0x80]) && !is_rtp(&[]), "ICE, DTLS");
    }
}
