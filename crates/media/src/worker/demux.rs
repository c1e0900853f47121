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
const STUN_BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const STUN_BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// Checks of ours on their way along paths that other sessions hold. Bounds the table against peers that never answer.
const CONTESTED: usize = 64;

/// Random, and so known to nobody but us and whoever received it (RFC 8489 section 5).
type TransactionId = [u8; 12];

/// The peer's address, and ours where sessions have their own.
type Path = (SocketAddr, Option<IpAddr>);

/// Routes by the ICE user name in STUN, then by address.
///
/// A session holds the paths that it has learned. A newer one may take a path over: when the peer there answers a check of its
/// own. Who only forges the address of another's peer does not receive that check, and cannot answer it.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    by_ufrag: HashMap<Box<str>, SessionIndex>,
    by_path: HashMap<Path, SessionIndex>,
    /// Each session's place in the order in which they came.
    born: HashMap<SessionIndex, u64>,
    sessions_born: u64,
    contested: Vec<(TransactionId, SessionIndex)>,
    /// Addresses of this machine that are sessions' own, with how many have each. Mostly none, and then the address that a
    /// datagram came to says nothing.
    local: HashMap<IpAddr, usize>,
}

impl Demux {
    /// Makes `session` known by its local ICE user name fragment, and by the local address that is its own.
    pub(crate) fn add(&mut self, session: SessionIndex, ufrag: &str, local: Option<IpAddr>) {
        self.by_ufrag.insert(ufrag.into(), session);
        self.sessions_born += 1;
        self.born.insert(session, self.sessions_born);
        if let Some(local) = local {
            *self.local.entry(local).or_default() += 1;
        }
    }

    /// Forgets what [`add`](Self::add) was told.
    pub(crate) fn remove(&mut self, session: SessionIndex, local: Option<IpAddr>) {
        self.by_ufrag.retain(|_, index| *index != session);
        self.by_path.retain(|_, index| *index != session);
        self.born.remove(&session);
        self.contested.retain(|(_, index)| *index != session);
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
        if is_stun(datagram) {
            if let Some(&session) = stun_local_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag)) {
                self.learn(path, session);
                return Some(session);
            }
            if let Some(session) = self.answered(datagram) {
                self.by_path.insert(path, session);
                return Some(session);
            }
        }
        self.by_path.get(&path).copied()
    }

    /// The session that has asked what `datagram` answers, along a path that another one holds.
    fn answered(&mut self, datagram: &[u8]) -> Option<SessionIndex> {
        let id = transaction(datagram, STUN_BINDING_SUCCESS).filter(|_| !self.contested.is_empty())?;
        let place = self.contested.iter().position(|(asked, _)| *asked == id)?;
        Some(self.contested.swap_remove(place).1)
    }

    /// Takes note that `session` sends `datagram` along `path`: answers to its STUN requests carry no user name.
    pub(crate) fn note_sent(&mut self, path: Path, datagram: &[u8], session: SessionIndex) {
        if !is_stun(datagram) {
            return;
        }
        match self.by_path.get(&path) {
            None => self.learn(path, session),
            Some(holder) if *holder == session => {}
            // Only the newer one may take it over, or the two would take it from each other for ever.
            Some(holder) if self.born.get(holder) < self.born.get(&session) => {
                if let Some(id) = transaction(datagram, STUN_BINDING_REQUEST) {
                    if self.contested.len() >= CONTESTED {
                        self.contested.remove(0);
                    }
                    self.contested.push((id, session));
                }
            }
            Some(_) => {}
        }
    }

    /// Whoever is first at an address holds it: a forged user name must not draw another call's media away.
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

/// The transaction of a STUN message of that type (RFC 8489 section 5).
fn transaction(datagram: &[u8], kind: [u8; 2]) -> Option<TransactionId> {
    let (header, _) = datagram.split_first_chunk::<STUN_HEADER_LEN>()?;
    let [k0, k1, _, _, _, _, _, _, id @ ..] = *header;
    ([k0, k1] == kind).then_some(id)
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
        assert_eq!(demux.route((peer(1), None), &stun(Some("b:x"))), Some(1), "for that one to refuse");
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), Some(0), "the address is the first one's");
        (2..2000).for_each(|port| assert_eq!(demux.route((peer(port), None), &stun(Some("b:x"))), Some(1)));
        assert_eq!(demux.by_path.len(), 1 + ADDRESSES_PER_SESSION);
    }

    /// A binding request, and the answer to it, of a transaction.
    fn check(id: u8) -> [Vec<u8>; 2] {
        [STUN_BINDING_REQUEST, STUN_BINDING_SUCCESS].map(|kind| {
            let mut datagram = [&kind[..], &[0, 0], &STUN_MAGIC_COOKIE].concat();
            datagram.extend([id; 12]);
            datagram
        })
    }

    #[test]
    fn a_peer_that_answers_a_newer_session_from_an_older_ones_address_is_the_newer_ones() {
        let mut demux = Demux::default();
        // Not in the order of their seats.
        demux.add(7, "old", None);
        demux.add(2, "new", None);
        let [asked, answer] = check(1);
        demux.note_sent((peer(1), None), &asked, 7);
        assert_eq!(demux.route((peer(1), None), &answer), Some(7));
        let ([asked, answer], [_, other]) = (check(2), check(3));
        demux.note_sent((peer(1), None), &asked, 2);
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), Some(7), "nobody has answered");
        assert_eq!(demux.route((peer(1), None), &other), Some(7), "not what was asked");
        assert_eq!(demux.route((peer(1), None), &answer), Some(2));
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), Some(2));
        let [asked, answer] = check(4);
        demux.note_sent((peer(1), None), &asked, 7);
        assert_eq!(demux.route((peer(1), None), &answer), Some(2), "it does not go back to the older one");
        (0..=255).for_each(|id| demux.note_sent((peer(1), None), &check(id)[0], 7));
        assert!(demux.contested.len() <= CONTESTED);
        demux.remove(2, None);
        assert_eq!(demux.route((peer(1), None), &[0x80; 40]), None);
        assert!(demux.contested.is_empty());
    }

    #[test]
    fn checks_that_are_never_answered_fill_no_table() {
        let mut demux = Demux::default();
        demux.add(0, "a", None);
        demux.add(1, "b", None);
        demux.note_sent((peer(1), None), &check(0)[0], 0);
        (1..=255).for_each(|id| demux.note_sent((peer(1), None), &check(id)[0], 1));
        assert_eq!(demux.contested.len(), CONTESTED);
        assert_eq!(demux.route((peer(1), None), &check(255)[1]), Some(1), "the latest are kept");
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
