//! Drives `rtc-dtls`, the sans-IO DTLS endpoint: proves who the peer is, and agrees on the keys of the media (RFC 5764).

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::{RTCCryptoProvider, default_provider};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

use super::records::{RecordGate, for_each_plain_record};
use crate::session::transport::TransportError;
use crate::wire::srtp::{KEY_LEN, Profile, SrtpKeys};

/// RFC 5764 section 4.2.
const KEY_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The endpoint tells its peers apart by address. Here there is one, and ICE says where it is: it goes by this name, which
/// stays as it is when the peer moves.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Between two repeats of a flight (RFC 6347 section 4.2.4.1).
const REPEAT_INTERVAL: Duration = Duration::from_secs(1);

/// What all sessions of a platform share: one certificate, as its key costs milliseconds to make.
pub(crate) struct Identity {
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    /// Of the certificate, as in `a=fingerprint`.
    pub(super) fingerprint: String,
    /// The real instant of [`MediaInstant::ZERO`](crate::MediaInstant::ZERO).
    pub(super) epoch: Instant,
}

impl Identity {
    pub(crate) fn new(epoch: Instant) -> Result<Self, TransportError> {
        let provider = default_provider()
            .map_err(|error| TransportError::new("choosing the cryptographic library", error))?;
        let certificate = Certificate::generate_self_signed(vec!["offhook".to_owned()], provider.crypto())
            .map_err(|error| TransportError::new("making the DTLS certificate", error))?;
        let der = certificate.certificate.iter().map(|certificate| sha256(certificate));
        let bytes: Vec<String> = der.take(1).flatten().map(|byte| format!("{byte:02X}")).collect();
        let fingerprint = format!("sha-256 {}", bytes.join(":"));
        Ok(Self { provider, certificate, fingerprint, epoch })
    }
}

/// What has come of a datagram.
pub(super) enum DtlsEvent {
    /// The peer is who it should be, and these are the keys.
    Connected(Box<MediaKeys>),
    /// The peer has said goodbye.
    Closed,
}

/// The keys of both directions.
pub(super) struct MediaKeys {
    pub(super) send: SrtpKeys,
    pub(super) receive: SrtpKeys,
}

/// One session's DTLS.
pub(super) struct Dtls {
    endpoint: Endpoint,
    is_client: bool,
    /// Until the client has begun.
    client: Option<Arc<HandshakeConfig>>,
    /// The peer has shown a certificate that was not announced.
    is_impostor: Arc<AtomicBool>,
    gate: RecordGate,
    flight: Flight,
    /// What the peer has sent over it, to be read: SCTP.
    received: VecDeque<BytesMut>,
    is_connected: bool,
    is_closed: bool,
}

/// What was sent last of the handshake, to be sent again.
///
/// The library repeats a flight until any record of the peer's next one has come, and then no more: where the rest of that was
/// lost, it would wait for good. Here the repeats go on. Records that are not encrypted get a number of their own each time they
/// are sent, or the peer would take a repeat for a replay.
struct Flight {
    datagrams: Vec<BytesMut>,
    /// The library was called since: what it sends next is a flight of its own.
    is_over: bool,
    repeats: VecDeque<BytesMut>,
    sent: Instant,
    records: u64,
}

impl Dtls {
    /// An end that takes the peer's certificate if its SHA-256 is `fingerprint`.
    pub(super) fn new(identity: &Identity, is_client: bool, fingerprint: [u8; 32]) -> Result<Self, Error> {
        let is_impostor = Arc::<AtomicBool>::default();
        let refused = Arc::clone(&is_impostor);
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&identity.provider))
            .with_certificates(vec![identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // No authority vouches for it: its fingerprint does.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
                let is_announced = chain.first().is_some_and(|shown| sha256(shown) == fingerprint);
                refused.fetch_or(!is_announced, Relaxed);
                if is_announced { Ok(()) } else { Err(Error::ErrNoMatchingCertificateFingerprint) }
            })))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .build(is_client, None)?;
        let config = Arc::new(config);
        let (client, server) = if is_client { (Some(config), None) } else { (None, Some(config)) };
        let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, server);
        let gate = RecordGate::default();
        let flight = Flight {
            datagrams: Vec::new(),
            is_over: true,
            repeats: VecDeque::new(),
            sent: identity.epoch,
            records: 0,
        };
        let received = VecDeque::new();
        let (is_connected, is_closed) = (false, false);
        Ok(Self { endpoint, is_client, client, is_impostor, gate, flight, received, is_connected, is_closed })
    }

    /// There is a way to the peer: the client begins.
    pub(super) fn start(&mut self, now: Instant) -> Result<(), Error> {
        self.flight.begin(now);
        match self.client.take() {
            Some(config) => self.endpoint.connect(now, PEER, config, None),
            None => Ok(()),
        }
    }

    /// Takes in a datagram. What could only do harm is refused. After a goodbye, whichever way it went, nothing more is said.
    pub(super) fn read(&mut self, now: Instant, datagram: BytesMut) -> Result<Option<DtlsEvent>, Error> {
        if self.is_closed {
            return Ok(None);
        }
        if !self.gate.admits(&datagram, self.is_connected) {
            return Err(Error::ErrInvalidPacketLength);
        }
        self.flight.begin(now);
        let mut happened = None;
        for event in self.endpoint.read(now, PEER, None, datagram)? {
            match event {
                EndpointEvent::HandshakeComplete => {
                    let state = self.endpoint.get_connection_state(PEER).ok_or(Error::HandshakeInProgress)?;
                    happened = Some(DtlsEvent::Connected(Box::new(media_keys(state)?)));
                    self.is_connected = true;
                }
                EndpointEvent::PeerClosed => {
                    self.is_closed = true;
                    happened = Some(DtlsEvent::Closed);
                }
                EndpointEvent::ApplicationData(data) => self.received.push_back(data),
                _ => {}
            }
        }
        Ok(happened)
    }

    /// What has come over it, one datagram after another.
    pub(super) fn poll_received(&mut self) -> Option<BytesMut> {
        self.received.pop_front()
    }

    /// Sends a datagram over it, once it is connected.
    pub(super) fn write(&mut self, now: Instant, data: &[u8]) -> Result<(), Error> {
        if self.is_closed { Err(Error::ErrConnClosed) } else { self.endpoint.write(now, PEER, data) }
    }

    /// Whether this end began the handshake.
    pub(super) fn is_client(&self) -> bool {
        self.is_client
    }

    /// Whether the peer was not the one that was announced.
    pub(super) fn is_impostor(&self) -> bool {
        self.is_impostor.load(Relaxed)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.repeat_due().is_some_and(|due| due <= now) {
            self.flight.repeat(now);
        }
        if self.endpoint.poll_timeout(&PEER).is_none_or(|due| due > now) {
            return Ok(());
        }
        self.flight.begin(now);
        self.endpoint.handle_timeout(PEER, now)
    }

    pub(super) fn poll_deadline(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&PEER).or_else(|| self.repeat_due())
    }

    /// When we repeat what the library does not.
    fn repeat_due(&self) -> Option<Instant> {
        let is_waiting = !self.is_connected && !self.is_closed && !self.flight.datagrams.is_empty();
        let is_stuck = is_waiting && self.endpoint.poll_timeout(&PEER).is_none();
        is_stuck.then(|| self.flight.sent + REPEAT_INTERVAL)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<BytesMut> {
        if let Some(datagram) = self.flight.repeats.pop_front() {
            return Some(datagram);
        }
        let mut datagram = self.endpoint.poll_transmit()?.message;
        self.flight.number(&mut datagram);
        if !self.is_connected {
            self.flight.keep(&datagram);
        }
        Some(datagram)
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant) -> Result<(), Error> {
        if std::mem::replace(&mut self.is_closed, true) { Ok(()) } else { self.endpoint.close(now) }
    }
}

impl Flight {
    /// The library is called: what it has to send is new.
    fn begin(&mut self, now: Instant) {
        self.is_over = true;
        self.sent = now;
    }

    fn keep(&mut self, datagram: &BytesMut) {
        if std::mem::take(&mut self.is_over) {
            self.datagrams.clear();
        }
        self.datagrams.push(datagram.clone());
    }

    fn repeat(&mut self, now: Instant) {
        self.sent = now;
        for mut datagram in self.datagrams.clone() {
            self.number(&mut datagram);
            self.repeats.push_back(datagram);
        }
    }

    /// Numbers the records that are not encrypted.
    fn number(&mut self, datagram: &mut [u8]) {
        for_each_plain_record(datagram, |number| {
            number.copy_from_slice(&self.records.to_be_bytes()[2..]);
            self.records += 1;
        });
    }
}

fn sha256(certificate: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, certificate).as_ref());
    hash
}

/// RFC 5764 section 4.2: the keys of both ends, then the salts, the client's first.
fn media_keys(state: &State) -> Result<MediaKeys, Error> {
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::Aes128Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1,
        _ => return Err(Error::ErrNoSuchSrtpProfile),
    };
    let material = state.export_keying_material(KEY_LABEL, &[], 2 * (KEY_LEN + profile.salt_len()))?;
    let malformed = || Error::ErrNoSuchSrtpProfile;
    let (client_key, rest) = material.as_ref().split_first_chunk::<KEY_LEN>().ok_or_else(malformed)?;
    let (server_key, salts) = rest.split_first_chunk::<KEY_LEN>().ok_or_else(malformed)?;
    let (client_salt, server_salt) = salts.split_at_checked(profile.salt_len()).ok_or_else(malformed)?;
    let keys =
        |key, salt| SrtpKeys::new(profile, key, salt).map_err(|error| Error::Crypto(error.to_string()));
    let (client, server) = (keys(client_key, client_salt)?, keys(server_key, server_salt)?);
    let (send, receive) = if state.is_client() { (client, server) } else { (server, client) };
    Ok(MediaKeys { send, receive })
}
