//! What stands in a media datagram: RTP and RTCP, and the encryption around them. Pure: bytes in, bytes out.

pub mod fuzzing;
pub(crate) mod replay;
pub(crate) mod rtcp;
pub(crate) mod rtp;
pub(crate) mod srtp;

#[cfg(test)]
mod tests;
