//! The certificate of an application: whose public key checks what the application signs (RFC 5280).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Tags of DER (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
/// `[0]`, which holds the version of a certificate. It may be missing.
const VERSION: u8 = 0xa0;

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is no PEM block of a certificate.
    #[error("no certificate in PEM: a block from `{BEGIN}` to `{END}` is needed")]
    NoBlock,
    /// The block is no base64.
    #[error("the certificate's block is not base64")]
    Base64,
    /// The block holds something else than a certificate.
    #[error("the certificate's {0} cannot be read")]
    Malformed(&'static str),
}

/// An X.509 certificate with an RSA key. Only its key counts: neither its name, nor its dates, nor who signed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    thumbprint: String,
    public_key: Vec<u8>,
}

impl Certificate {
    /// The first certificate of a PEM file.
    ///
    /// # Errors
    /// When there is none, or it is not what it says.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let (_, rest) = pem.split_once(BEGIN).ok_or(CertificateError::NoBlock)?;
        let (block, _) = rest.split_once(END).ok_or(CertificateError::NoBlock)?;
        let block: String = block.split_ascii_whitespace().collect();
        let der = STANDARD.decode(block).map_err(|_| CertificateError::Base64)?;
        let public_key = public_key(&der)?.to_vec();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        Ok(Self { thumbprint, public_key })
    }

    /// Its SHA-256, as `x5t#S256` of a token names it (RFC 7515 section 4.1.8).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// `SubjectPublicKeyInfo`, in DER.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// `SubjectPublicKeyInfo` of a certificate (RFC 5280 section 4.1), whole.
fn public_key(der: &[u8]) -> Result<&[u8], CertificateError> {
    let element = |der, part| element(der).ok_or(CertificateError::Malformed(part));
    let outer = element(der, "outer sequence")?;
    let certificate = element(outer.content, "contents")?;
    if (outer.tag, certificate.tag) != (SEQUENCE, SEQUENCE) {
        return Err(CertificateError::Malformed("contents"));
    }
    let mut rest = certificate.content;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, "version")?.rest;
    }
    for part in ["serial number", "signature algorithm", "issuer", "validity", "subject"] {
        rest = element(rest, part)?.rest;
    }
    let key = element(rest, "public key")?;
    if key.tag == SEQUENCE { Ok(key.whole) } else { Err(CertificateError::Malformed("public key")) }
}

/// One element of DER: tag, length, content; and what follows it.
struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, after) = der.split_first()?;
    let (&first, after) = after.split_first()?;
    let (len, after) = match first {
        // Nothing in a certificate is longer than two bytes of length can say.
        0x81..=0x82 => {
            let (bytes, after) = after.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), after)
        }
        0..=0x7f => (usize::from(first), after),
        _ => return None,
    };
    let (content, rest) = after.split_at_checked(len)?;
    let whole = der.get(..der.len() - rest.len())?;
    Some(Element { tag, whole, content, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../../tests/fixtures/certificate.pem");

    /// As `openssl x509 -fingerprint -sha256` and `openssl x509 -pubkey` say.
    #[test]
    fn the_thumbprint_and_the_key_are_as_openssl_says() {
        let certificate = Certificate::from_pem(PEM).unwrap();
        assert_eq!(certificate.thumbprint(), include_str!("../../tests/fixtures/thumbprint.txt").trim());
        let key: String = include_str!("../../tests/fixtures/public_key.pem")
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        assert_eq!(certificate.public_key(), STANDARD.decode(key).unwrap());
    }

    #[test]
    fn what_is_no_certificate_is_refused_and_never_panics() {
        assert_eq!(Certificate::from_pem(""), Err(CertificateError::NoBlock));
        let with = |block: &str| Certificate::from_pem(&format!("{BEGIN}\n{block}\n{END}\n"));
        assert_eq!(with("?"), Err(CertificateError::Base64));
        let block: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(block).unwrap();
        for len in 0..der.len() {
            let cut = with(&STANDARD.encode(&der[..len]));
            assert!(matches!(cut, Err(CertificateError::Malformed(_))), "{len} bytes");
        }
        for byte in 0..der.len().min(400) {
            let mut changed = der.clone();
            changed[byte] ^= 0xff;
            let _ = with(&STANDARD.encode(changed));
        }
    }
}
