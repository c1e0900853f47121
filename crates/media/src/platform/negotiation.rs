//! What a session says of its sockets, and what it makes of the peer's blob.

use super::media_session::AUDIO_SOCKET;
use crate::blob::{MediaBlob, MediaDirection, Modality, OffhookBlob, SdpType, SocketDescription, SocketId};
use crate::error::MediaError;
use crate::settings::{AudioSocketSettings, MixSource};

/// The peer's blob, if it is of our profile and of the type that is due.
pub(super) fn described(blob: &MediaBlob, kind: SdpType) -> Result<&OffhookBlob, MediaError> {
    match blob {
        MediaBlob::Offhook(blob) if blob.description.kind == kind => Ok(blob),
        MediaBlob::Offhook(blob) => {
            let problem = format!("holds an {:?}, not an {kind:?}", blob.description.kind);
            Err(MediaError::MismatchedBlob { problem })
        }
        MediaBlob::Microsoft(_) => Err(MediaError::ForeignBlob { kind: "Microsoft's media platform's" }),
        _ => Err(MediaError::ForeignBlob { kind: "of an unknown kind" }),
    }
}

/// The answer to the one audio socket of `offer`: as much as it allows of hearing and speaking.
pub(super) fn answering(
    offer: &OffhookBlob,
    settings: &AudioSocketSettings,
) -> Result<SocketDescription, MediaError> {
    let audio = || offer.sockets.iter().filter(|socket| socket.modality == Modality::Audio);
    let (Some(offered), 1) = (audio().next(), audio().count()) else {
        let problem = format!("offers {} audio sockets; this version carries one", audio().count());
        return Err(MediaError::MismatchedBlob { problem });
    };
    let direction = offered.direction.unwrap_or(MediaDirection::Inactive);
    Ok(SocketDescription {
        mixed: Some(settings.mix == MixSource::FarEnd),
        ..SocketDescription::audio(
            offered.id,
            MediaDirection::SendReceive.answer_to(direction),
            settings.format,
        )
    })
}

/// No to a socket.
pub(super) fn declined(offered: &SocketDescription) -> SocketDescription {
    let direction = (offered.modality != Modality::Data).then_some(MediaDirection::Inactive);
    SocketDescription { direction, codecs: Vec::new(), ..offered.clone() }
}

pub(super) fn audio_description(settings: &AudioSocketSettings) -> SocketDescription {
    SocketDescription {
        mixed: Some(settings.mix == MixSource::FarEnd),
        unmixed: (settings.unmixed > 0).then_some(settings.unmixed),
        ..SocketDescription::audio(SocketId(AUDIO_SOCKET), MediaDirection::SendReceive, settings.format)
    }
}
