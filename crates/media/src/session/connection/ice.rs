//! Drives `rtc-ice`, the sans-IO ICE agent: finds the way to the peer, and watches that the peer still wants us (RFC 8445,
//! RFC 7675).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_ice::agent::agent_config::AgentConfig;
use rtc_ice::agent::{Agent, Event};
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::{CandidateConfig, unmarshal_candidate};
use rtc_ice::mdns::MulticastDnsMode;
use rtc_ice::state::ConnectionState;
use rtc_shared::error::Error;
use rtc_shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use sansio::Protocol;

use super::stun;
use crate::blob::peer::PeerDescription;

/// Between two ICE checks. The agent's default of 200 ms is the whole set-up time of a call on a good network.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Checks per pair before it counts as failed: as many seconds as the agent's 7 x 200 ms would give, and more.
const CHECKS: u16 = 250;

/// Between two looks at a peer that is there: as often as the agent asks for its consent (RFC 7675 has 4 to 6 s; the agent's 2 s
/// tell sooner that it has gone). Left to itself, the agent would be woken ten times as often.
const CONSENT_INTERVAL: Duration = Duration::from_secs(2);

/// How long a way through a relay waits for a better one.
const RELAY_WAIT: Duration = Duration::from_millis(500);

/// The one component: RTP and RTCP share a port.
const COMPONENT: u16 = 1;

/// Whether there is a way to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IceState {
    Checking,
    Connected,
    /// The peer answers no more; it may come back.
    Disconnected,
    Failed,
}

/// The agent of one session, with one host candidate.
pub(super) struct Ice {
    agent: Agent,
    local: SocketAddr,
    is_controlling: bool,
    state: IceState,
    destination: Option<SocketAddr>,
    /// When the agent last looked at its peer.
    looked: Instant,
}

impl Ice {
    pub(super) fn new(
        provider: &Arc<dyn RTCCryptoProvider>,
        now: Instant,
        local: SocketAddr,
        is_controlling: bool,
    ) -> Result<Self, Error> {
        let config = AgentConfig {
            check_interval: CHECK_INTERVAL,
            max_binding_requests: Some(CHECKS),
            keepalive_interval: Some(CONSENT_INTERVAL),
            // All pairs are checked at once, and the best of those that answer is taken: there is nothing to wait for. A browser
            // that hides its address is first known by where its checks come from, which the agent would hold back for a second.
            srflx_acceptance_min_wait: Some(Duration::ZERO),
            prflx_acceptance_min_wait: Some(Duration::ZERO),
            relay_acceptance_min_wait: Some(RELAY_WAIT),
            is_controlling,
            // A peer's candidate must not make us ask the local network who somebody is.
            multicast_dns_mode: MulticastDnsMode::Disabled,
            ..AgentConfig::default()
        };
        let mut agent = Agent::new(now, Arc::new(config), Arc::clone(provider))?;
        let base_config = CandidateConfig {
            network: "udp".to_owned(),
            address: local.ip().to_string(),
            port: local.port(),
            component: COMPONENT,
            ..CandidateConfig::default()
        };
        agent.add_local_candidate(
            CandidateHostConfig { base_config, ..CandidateHostConfig::default() }.new_candidate_host()?,
        )?;
        let state = IceState::Checking;
        Ok(Self { agent, local, is_controlling, state, destination: None, looked: now })
    }

    /// Our user name fragment and password.
    pub(super) fn credentials(&self) -> (&str, &str) {
        let credentials = self.agent.get_local_credentials();
        (&credentials.ufrag, &credentials.pwd)
    }

    /// The value of our `a=candidate`.
    pub(super) fn candidate(&self) -> String {
        self.agent.get_local_candidates().iter().map(rtc_ice::candidate::Candidate::marshal).collect()
    }

    /// Begins to check the ways to `peer`. A candidate that cannot be read is none.
    pub(super) fn start(&mut self, now: Instant, peer: &PeerDescription) -> Result<(), Error> {
        for candidate in peer.candidates.iter().filter_map(|candidate| unmarshal_candidate(candidate).ok()) {
            self.agent.add_remote_candidate(candidate)?;
        }
        let (ufrag, pwd) = (peer.ice_ufrag.clone(), peer.ice_pwd.clone());
        self.agent.start_connectivity_checks(now, self.is_controlling, ufrag, pwd)?;
        self.take_events();
        Ok(())
    }

    /// Takes in a STUN message. A request that is not the peer's is refused before the agent makes anything of it.
    pub(super) fn read(&mut self, now: Instant, from: SocketAddr, message: BytesMut) -> Result<(), Error> {
        if !stun::may_be_genuine(&message, self.credentials().1) {
            return Err(Error::ErrIntegrityMismatch);
        }
        let transport = self.context(from);
        let read = self.agent.handle_read(TaggedBytesMut { now, transport, message });
        self.take_events();
        read
    }

    /// Whether a datagram that is not STUN may come from `from`: the peer has been checked to be there.
    pub(super) fn knows(&mut self, now: Instant, from: SocketAddr) -> bool {
        let transport = self.context(from);
        self.agent.is_valid_non_stun_traffic(now, transport)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.agent.poll_timeout().is_some_and(|due| due <= now) {
            self.looked = now;
        }
        let handled = self.agent.handle_timeout(now);
        self.take_events();
        handled
    }

    pub(super) fn poll_deadline(&mut self) -> Option<Instant> {
        let due = self.agent.poll_timeout()?;
        // What is due in the past is a check that was called for.
        let is_wanted = due <= self.looked;
        let is_settled = self.state == IceState::Connected && !is_wanted;
        Some(if is_settled { self.looked + CONSENT_INTERVAL } else { due })
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(SocketAddr, BytesMut)> {
        let message = self.agent.poll_write()?;
        Some((message.transport.peer_addr, message.message))
    }

    pub(super) fn state(&self) -> IceState {
        self.state
    }

    /// Where the peer is reached: at the address that was agreed on, and before that at the best one that answers.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.destination.or_else(|| {
            let (_, remote) = self.agent.get_best_available_candidate_pair()?;
            Some(remote.addr())
        })
    }

    /// How long the path there and back is, by the peer's last answer to a check of the pair that is in use.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let pairs = self.agent.get_candidate_pairs_stats(now);
        let pair = pairs.iter().find(|pair| pair.nominated && pair.responses_received > 0)?;
        Duration::try_from_secs_f64(pair.current_round_trip_time).ok()
    }

    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.agent.close()
    }

    fn context(&self, peer: SocketAddr) -> TransportContext {
        TransportContext {
            local_addr: self.local,
            peer_addr: peer,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            match event.event {
                Event::ConnectionStateChange(state) => {
                    self.state = match state {
                        ConnectionState::Connected | ConnectionState::Completed => IceState::Connected,
                        ConnectionState::Disconnected => IceState::Disconnected,
                        ConnectionState::Failed => IceState::Failed,
                        _ => self.state,
                    };
                }
                Event::SelectedCandidatePairChange(_, remote) => self.destination = Some(remote.addr()),
                _ => {}
            }
        }
    }
}
