//! Which session a datagram belongs to: all sessions of a worker share its port.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::SessionIndex;

/// Addresses that one session may be reached from: each of its peer's ICE candidates is one. Bounds the table against
/// a peer that keeps sending from new ones.
const ADDRESSES_PER_SESSION: usize = 16;

/// STUN header (RFC 8489 section 5) and the attribute that names the session.
const STUN_HEADER_LEN: usize = 20;
const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_USERNAME: u16 = 0x0006;

/// The peer's address, and ours where sessions have their own.
type Path = (SocketAddr, Option<IpAddr>);

/// Routes by the ICE user name in STUN, then by address.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    by_ufrag: HashMap<Box<str>, SessionIndex>,
    by_path: HashMap<Path, SessionIndex>,
    /// Addresses of this machine that are sessions' own, with how many have each. Mostly none, and then the address that a
    /// datagram came to says nothing.
    local: HashMap<IpAddr, usize>,
}

impl Demux {
    /// Makes `session` known by its local ICE user name fragment, and by the local address that is its own.
    pub(crate) fn add(&mut self, session: SessionIndex, ufrag: &str, local: Option<IpAddr>) {
        self.by_ufrag.insert(ufrag.into(), session);
        if let Some(local) = local {
            *self.local.entry(local).or_default() += 1;
        }
    }

    /// Forgets what [`add`](Self::add) was told.
    pub(crate) fn remove(&mut self, session: SessionIndex, local: Option<IpAddr>) {
        self.by_ufrag.retain(|_, index| *index != session);
        self.by_path.retain(|_, index| *index != session);
        if let Some(sessions) = local.and_then(|local| self.local.get_mut(&local)) {
            *sessions -= 1;
            self.local.retain(|_, sessions| *sessions > 0);
        }
    }

    /// The session that `datagram` is for, by where it came from and the address that it came to; `None` when it is
    /// nobody's.
    pub(crate) fn route(
        &mut self,
        (from, to): (SocketAddr, Option<IpAddr>),
        datagram: &[u8],
    ) -> Option<SessionIndex> {
        let path = (from, to.filter(|to| !self.local.is_empty() && self.local.contains_key(to)));
        if let Some(&session) = self.by_path.get(&path) {
            return Some(session);
        }
        let session = *self.by_ufrag.get(stun_local_ufrag(datagram)?)?;
        self.learn(path, session);
        Some(session)
    }

    /// Takes note that `session` sends `datagram` along `path`: answers to its STUN requests carry no user name.
    pub(crate) fn note_sent(&mut self, path: Path, datagram: &[u8], session: SessionIndex) {
        if is_stun(datagram) {
            self.learn(path, session);
        }
    }

    /// The first session at an address keeps it: a forged user name must not draw another call's media away.
    fn learn(&mut self, path: Path, session: SessionIndex) {
        if self.by_path.contains_key(&path) {
            return;
        }
        let known = self.by_path.values().filter(|&&index| index == session).count();
        if known < ADDRESSES_PER_SESSION {
            self.by_path.insert(path, session);
        }
    }
}

fn is_stun(datagram: &[u8]) -> bool {
    // The first two bits of STUN are zero; DTLS and RTP begin with other values (RFC 7983 section 7).
    matches!(datagram.first(), Some(0..=3)) && datagram.get(4..8) == Some(&STUN_MAGIC_COOKIE)
}

/// The receiver's half of a STUN request's USERNAME (RFC 8445 section 7.2.2: `receiver:sender`).
fn stun_local_ufrag(datagram: &[u8]) -> Option<&str> {
    if !is_stun(datagram) {
        return None;
    }
    let mut attributes = datagram.get(STUN_HEADER_LEN..)?;
    while let Some((&[k0, k1, l0, l1], rest)) = attributes.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(..len)?;
        if u16::from_be_bytes([k0, k1]) == STUN_USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        attributes = rest.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stun(username: Option<&str>) -> Vec<u8> {
        let mut datagram = vec![0, 1, 0, 0];
        datagram.extend(STUN_MAGIC_COOKIE);
        datagram.extend([7; 12]);
        // SOFTWARE with a length that needs padding stands before the user name.
        datagram.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        if let Some(username) = username {
            datagram.extend([0, 6, 0, username.len() as u8]);
            datagram.extend(username.bytes());
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        datagram
    }

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn the_user_name_finds_the_session_and_then_the_address_does() {
        let mut demux = Demux::default();
        demux.add(3, "local", None);
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), None, "media of a stranger");
        assert_eq!(demux.route((peer(1), None), &stun(Some("other:remote"))), None);
        assert_eq!(demux.route((peer(1), None), &stun(Some("local:remote"))), Some(3));
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), Some(3));
        demux.remove(3, None);
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), None);
        assert_eq!(demux.route((peer(1), None), &stun(Some("local:remote"))), None);
    }

    #[test]
    fn an_answer_to_our_own_check_is_known_by_where_the_check_went() {
        let mut demux = Demux::default();
        demux.note_sent((peer(2), None), &stun(None), 5);
        assert_eq!(demux.route((peer(2), None), &stun(None)), Some(5));
    }

    #[test]
    fn a_forged_user_name_takes_no_address_away_and_fills_no_table() {
        let mut demux = Demux::default();
        demux.add(0, "a", None);
        demux.add(1, "b", None);
        demux.route((peer(1), None), &stun(Some("a:x")));
        assert_eq!(
            demux.route((peer(1), None), &stun(Some("b:x"))),
            Some(0),
            "the address is the first one's"
        );
        (2..2000).for_each(|port| assert_eq!(demux.route((peer(port), None), &stun(Some("b:x"))), Some(1)));
        assert_eq!(demux.by_path.len(), 1 + ADDRESSES_PER_SESSION);
    }

    #[test]
    fn sessions_with_addresses_of_their_own_are_told_apart_behind_one_peer() {
        let local = |last| Some(IpAddr::from([127, 0, 1, last]));
        let mut demux = Demux::default();
        demux.add(0, "a", local(0));
        demux.add(1, "b", local(1));
        demux.note_sent((peer(1), local(0)), &stun(None), 0);
        assert_eq!(demux.route((peer(1), local(1)), &stun(Some("b:x"))), Some(1));
        assert_eq!(demux.route((peer(1), local(0)), &[0x80; 40]), Some(0));
        assert_eq!(demux.route((peer(1), local(1)), &[0x80; 40]), Some(1));
        assert_eq!(demux.route((peer(1), local(2)), &[0x80; 40]), None, "nobody has this address");
        demux.remove(0, local(0));
        demux.remove(1, local(1));
        assert_eq!((demux.by_path.len(), demux.local.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn no_datagram_panics(junk in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..60) {
            let mut demux = Demux::default();
            let _ = demux.route((peer(1), None), &junk);
            let stun = stun(Some("local:remote"));
            let _ = demux.route((peer(1), None), &stun[..cut.min(stun.len())]);
            let mut framed = stun[..20].to_vec();
            framed.extend(&junk);
            let _ = demux.route((peer(1), None), &framed);
        }
    }
}
