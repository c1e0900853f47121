//! SRTP and SRTCP (RFC 3711, RFC 7714), in the memory of the datagram: nothing is copied, nothing is allocated.
//!
//! Two profiles, of which the DTLS handshake chooses one (RFC 5764 section 4.1.2): AES-GCM, which a processor of today
//! does in one go, and AES counter mode with HMAC-SHA1, which every stack speaks.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// How packets are encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714 section 14.2).
    Aes128Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80` (RFC 5764 section 4.1.2).
    Aes128CmSha1,
}

/// Bytes of a master key.
pub(crate) const KEY_LEN: usize = 16;

/// The most that encryption adds to a packet: an authentication tag, and for RTCP the index.
pub(crate) const MAX_OVERHEAD: usize = 16 + 4;

const SHA1_TAG_LEN: usize = 10;

/// What of an RTCP packet stays readable: the header of the first, and its source.
const RTCP_HEADER_LEN: usize = 8;

/// The bit beside the index of an SRTCP packet that says that it is encrypted.
const ENCRYPTED: u32 = 1 << 31;

impl Profile {
    /// Bytes of a master salt.
    pub(crate) const fn salt_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 12,
            Self::Aes128CmSha1 => 14,
        }
    }
}

/// The keys of one direction.
pub(crate) struct SrtpKeys {
    rtp: Cipher,
    rtcp: Cipher,
}

impl SrtpKeys {
    /// Derives the session keys from a master key and salt (RFC 3711 section 4.3.1; there is no rekeying).
    ///
    /// # Errors
    /// When a length is wrong.
    pub(crate) fn new(
        profile: Profile,
        master_key: &[u8; KEY_LEN],
        master_salt: &[u8],
    ) -> Result<Self, Unspecified> {
        if master_salt.len() != profile.salt_len() {
            return Err(Unspecified);
        }
        let derivation = KeyDerivation { key: counter_mode(master_key)?, salt: left_aligned(master_salt) };
        let cipher = |labels| Cipher::derive(profile, &derivation, labels);
        Ok(Self { rtp: cipher([0, 1, 2])?, rtcp: cipher([3, 4, 5])? })
    }

    /// Encrypts the `payload` of the RTP packet with this `header`; the tag goes behind it.
    pub(crate) fn seal_rtp(
        &self,
        ssrc: u32,
        index: u64,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<Trailer, Unspecified> {
        self.rtp.seal(ssrc, index, header, payload, &rollover(index))
    }

    /// Decrypts what follows the `header` of an RTP packet. Returns how long its payload is; `None`, and it must not be
    /// looked at, if it is not genuine.
    pub(crate) fn open_rtp(&self, ssrc: u32, index: u64, header: &[u8], payload: &mut [u8]) -> Option<usize> {
        self.rtp.open(ssrc, index, header, payload, &rollover(index))
    }

    /// Encrypts a compound RTCP packet from `ssrc`. What is returned goes behind it.
    pub(crate) fn seal_rtcp(&self, ssrc: u32, index: u32, packet: &mut [u8]) -> Result<Trailer, Unspecified> {
        let (header, payload) = packet.split_at_mut_checked(RTCP_HEADER_LEN).ok_or(Unspecified)?;
        let index_word = (index | ENCRYPTED).to_be_bytes();
        let aad = rtcp_aad(header, index_word);
        let (is_gcm, aad) = self.rtcp.rtcp_aad(header, &aad);
        let tag = self.rtcp.seal(ssrc, index.into(), aad, payload, &index_word)?;
        let mut trailer = Trailer::of(if is_gcm { &tag } else { &index_word });
        trailer.push(if is_gcm { &index_word } else { &tag });
        Ok(trailer)
    }

    /// Decrypts an SRTCP packet from `ssrc`. Returns the length of the RTCP packet, if it is genuine. `is_fresh` is told
    /// its index first.
    pub(crate) fn open_rtcp(
        &self,
        packet: &mut [u8],
        is_fresh: impl FnOnce(u32, u64) -> bool,
    ) -> Option<OpenRtcp> {
        let (header, rest) = packet.split_at_mut_checked(RTCP_HEADER_LEN)?;
        let &mut [_, _, _, _, s0, s1, s2, s3] = header else { return None };
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        let (payload, index_word) = self.rtcp.split_index(rest)?;
        let word = u32::from_be_bytes(index_word);
        let index = u64::from(word & !ENCRYPTED);
        if word & ENCRYPTED == 0 || !is_fresh(ssrc, index) {
            return None;
        }
        let aad = rtcp_aad(header, index_word);
        let (_, aad) = self.rtcp.rtcp_aad(header, &aad);
        let len = self.rtcp.open(ssrc, index, aad, payload, &index_word)?;
        Some(OpenRtcp { ssrc, index, len: RTCP_HEADER_LEN + len })
    }
}

/// A compound RTCP packet that has proved genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenRtcp {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
    pub(crate) len: usize,
}

/// What goes behind an encrypted packet: what proves it genuine, and for RTCP its index.
pub(crate) struct Trailer {
    bytes: [u8; MAX_OVERHEAD],
    len: usize,
}

impl Trailer {
    fn of(bytes: &[u8]) -> Self {
        let mut this = Self { bytes: [0; MAX_OVERHEAD], len: 0 };
        this.push(bytes);
        this
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.iter_mut().skip(self.len).zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.len += bytes.len();
    }
}

impl std::ops::Deref for Trailer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The rollover counter, which the tag of RFC 3711 covers although it is not sent (section 4.2).
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// What RFC 7714 section 9.2 authenticates of an RTCP packet beside its encrypted part.
fn rtcp_aad(header: &[u8], index_word: [u8; 4]) -> [u8; RTCP_HEADER_LEN + 4] {
    let mut aad = [0; RTCP_HEADER_LEN + 4];
    aad.iter_mut().zip(header.iter().chain(&index_word)).for_each(|(place, byte)| *place = *byte);
    aad
}

/// `salt` in the first bytes of a block of AES.
fn left_aligned(salt: &[u8]) -> u128 {
    let mut block = [0; 16];
    block.iter_mut().zip(salt).for_each(|(place, byte)| *place = *byte);
    u128::from_be_bytes(block)
}

fn counter_mode(key: &[u8; KEY_LEN]) -> Result<EncryptingKey, Unspecified> {
    EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key)?)
}

/// Encrypts, or decrypts, in counter mode from the block `counter` on.
fn apply_counter_mode(key: &EncryptingKey, counter: u128, data: &mut [u8]) -> Result<(), Unspecified> {
    let counter = EncryptionContext::Iv128(FixedLength::from(counter.to_be_bytes()));
    key.less_safe_encrypt(data, counter).map(|_| ())
}

struct KeyDerivation {
    key: EncryptingKey,
    salt: u128,
}

impl KeyDerivation {
    /// RFC 3711 section 4.3.3. The label stands in the eighth byte of the salt; the counter in the last two of the block.
    fn derive<const LEN: usize>(&self, label: u8) -> Result<[u8; LEN], Unspecified> {
        let mut bytes = [0; LEN];
        apply_counter_mode(&self.key, self.salt ^ u128::from(label) << 64, &mut bytes)?;
        Ok(bytes)
    }
}

/// The key of one kind of packet. It is the same for both directions; SRTP has one of each for each.
enum Cipher {
    Gcm { key: LessSafeKey, salt: u128 },
    CounterMode(Box<CounterMode>),
}

/// Large: it holds the expanded keys.
struct CounterMode {
    key: EncryptingKey,
    salt: u128,
    authentication: hmac::Key,
}

impl Cipher {
    /// From the labels of the encryption key, the authentication key and the salt.
    fn derive(profile: Profile, from: &KeyDerivation, labels: [u8; 3]) -> Result<Self, Unspecified> {
        let [encryption, authentication, salt] = labels;
        let key: [u8; KEY_LEN] = from.derive(encryption)?;
        Ok(match profile {
            Profile::Aes128Gcm => Self::gcm(&key, from.derive::<12>(salt)?)?,
            Profile::Aes128CmSha1 => {
                Self::counter_mode(&key, from.derive::<14>(salt)?, &from.derive::<20>(authentication)?)?
            }
        })
    }

    fn gcm(key: &[u8; KEY_LEN], salt: [u8; 12]) -> Result<Self, Unspecified> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key)?);
        Ok(Self::Gcm { key, salt: left_aligned(&salt) })
    }

    fn counter_mode(
        key: &[u8; KEY_LEN],
        salt: [u8; 14],
        authentication: &[u8; 20],
    ) -> Result<Self, Unspecified> {
        let authentication = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authentication);
        let (key, salt) = (counter_mode(key)?, left_aligned(&salt));
        Ok(Self::CounterMode(Box::new(CounterMode { key, salt, authentication })))
    }

    /// Encrypts `payload`. `header` is authenticated with it; so is `behind` where the RFC says so.
    fn seal(
        &self,
        ssrc: u32,
        index: u64,
        header: &[u8],
        payload: &mut [u8],
        behind: &[u8; 4],
    ) -> Result<Trailer, Unspecified> {
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(*salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(header), payload)?;
                Ok(Trailer::of(tag.as_ref()))
            }
            Self::CounterMode(keys) => {
                let CounterMode { key, salt, authentication } = &**keys;
                apply_counter_mode(key, counter_mode_iv(*salt, ssrc, index), payload)?;
                let tag = sha1_tag(authentication, header, payload, behind);
                Ok(Trailer::of(&tag.as_ref()[..SHA1_TAG_LEN]))
            }
        }
    }

    /// Decrypts `payload`, which the tag follows. Returns how long it is without it.
    fn open(
        &self,
        ssrc: u32,
        index: u64,
        header: &[u8],
        payload: &mut [u8],
        behind: &[u8; 4],
    ) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(*salt, ssrc, index);
                Some(key.open_in_place(nonce, Aad::from(header), payload).ok()?.len())
            }
            Self::CounterMode(keys) => {
                let CounterMode { key, salt, authentication } = &**keys;
                let len = payload.len().checked_sub(SHA1_TAG_LEN)?;
                let (payload, claimed) = payload.split_at_mut_checked(len)?;
                let tag = sha1_tag(authentication, header, payload, behind);
                verify_slices_are_equal(&tag.as_ref()[..SHA1_TAG_LEN], claimed).ok()?;
                apply_counter_mode(key, counter_mode_iv(*salt, ssrc, index), payload).ok()?;
                Some(len)
            }
        }
    }

    /// Which bytes before the encrypted part of an RTCP packet are authenticated, and whether this is GCM.
    fn rtcp_aad<'a>(&self, header: &'a [u8], with_index: &'a [u8]) -> (bool, &'a [u8]) {
        match self {
            Self::Gcm { .. } => (true, with_index),
            Self::CounterMode(_) => (false, header),
        }
    }

    /// Parts what follows the header of an SRTCP packet: the encrypted part with its tag, and the word of the index. GCM
    /// has the index behind the tag, counter mode before it: there the tag is moved up, so that it follows what it is of.
    fn split_index<'a>(&self, rest: &'a mut [u8]) -> Option<(&'a mut [u8], [u8; 4])> {
        if matches!(self, Self::CounterMode(_)) {
            let at = rest.len().checked_sub(SHA1_TAG_LEN + 4)?;
            rest.get_mut(at..)?.rotate_left(4);
        }
        let (payload, index) = rest.split_last_chunk_mut::<4>()?;
        Some((payload, *index))
    }
}

/// RFC 7714 sections 8.1 and 9.1: two bytes of nothing, the source, and six bytes of index.
fn gcm_nonce(salt: u128, ssrc: u32, index: u64) -> Nonce {
    let nonce = (salt >> 32) ^ (u128::from(ssrc) << 48) ^ u128::from(index & 0xffff_ffff_ffff);
    let [_, _, _, _, nonce @ ..] = nonce.to_be_bytes();
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711 section 4.1.1.
fn counter_mode_iv(salt: u128, ssrc: u32, index: u64) -> u128 {
    salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index & 0xffff_ffff_ffff) << 16)
}

fn sha1_tag(key: &hmac::Key, header: &[u8], payload: &[u8], behind: &[u8; 4]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    [header, payload, behind].into_iter().for_each(|part| context.update(part));
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn array<const LEN: usize>(hex: &str) -> [u8; LEN] {
        bytes(hex).try_into().unwrap()
    }

    /// RFC 3711 appendix B.2.
    #[test]
    fn counter_mode_gives_the_key_stream_of_the_rfc() {
        let key = counter_mode(&array("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let mut stream = [0; 48];
        let salt = left_aligned(&bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        apply_counter_mode(&key, counter_mode_iv(salt, 0, 0), &mut stream).unwrap();
        let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
            41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(stream.to_vec(), bytes(expected));
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let key = counter_mode(&array("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap();
        let from = KeyDerivation { key, salt: left_aligned(&bytes("0EC675AD498AFEEBB6960B3AABE6")) };
        assert_eq!(from.derive::<16>(0).unwrap().to_vec(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(from.derive::<14>(2).unwrap().to_vec(), bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = from.derive::<20>(1).unwrap();
        assert_eq!(authentication.to_vec(), bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    /// RFC 7714 section 16.1.
    #[test]
    fn gcm_gives_the_packet_of_the_rfc_and_takes_it_back() {
        let cipher =
            Cipher::gcm(&array("000102030405060708090a0b0c0d0e0f"), array("517569642070726f2071756f"))
                .unwrap();
        let header = bytes("8040f17b 8041f8d3 5501a0b2");
        let plain =
            bytes("47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573");
        let sealed = bytes(
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
             899d7f27 beb16a91 52cf765e e4390cce",
        );
        let mut packet = plain.clone();
        let tag = cipher.seal(0x5501_a0b2, 0xf17b, &header, &mut packet, &rollover(0)).unwrap();
        packet.extend(&*tag);
        assert_eq!(packet, sealed);
        let len = cipher.open(0x5501_a0b2, 0xf17b, &header, &mut packet, &rollover(0)).unwrap();
        assert_eq!(packet[..len], plain);
    }
}
