//! What a teleconference device reports of its media: for partners that bring room systems into meetings.

use super::object::graph_object;
use super::{CallChainId, Decimal, Integer, IsoDuration, ParticipantId};
use crate::redacted::Redacted;

graph_object! {
    /// How a device's media went (Graph `teleconferenceDeviceQuality`).
    pub struct TeleconferenceDeviceQuality: "#microsoft.graph.teleconferenceDeviceQuality" {
        /// What correlates all legs of the conversation: a GUID.
        "callChainId" call_chain_id: CallChainId,
        /// Which deployment of the partner's service: production, canary and so on.
        "cloudServiceDeploymentEnvironment" cloud_service_deployment_environment: String,
        /// Id of the deployment.
        "cloudServiceDeploymentId" cloud_service_deployment_id: String,
        /// Name of the instance of the partner's service.
        "cloudServiceInstanceName" cloud_service_instance_name: String,
        /// Name of the partner's service.
        "cloudServiceName" cloud_service_name: String,
        /// Vendor and model of the device.
        "deviceDescription" device_description: String,
        /// Name of the device, which may name a room or a person.
        "deviceName" device_name: Redacted<String>,
        /// The media leg, a GUID.
        "mediaLegId" media_leg_id: String,
        /// One entry for each modality.
        "mediaQualityList" media_quality_list: Vec<TeleconferenceDeviceMediaQuality>,
        /// The device's participant, a GUID.
        "participantId" participant_id: ParticipantId,
    }
}

graph_object! {
    /// How the media of one modality went (Graph `teleconferenceDeviceMediaQuality`, with what its video subtype adds).
    ///
    /// The subtype is in `odata_type`: [`Self::audio`], [`Self::video`] and [`Self::screen_sharing`] set it.
    pub struct TeleconferenceDeviceMediaQuality: "#microsoft.graph.teleconferenceDeviceMediaQuality" {
        /// Which stream of its modality, counted from 1.
        "channelIndex" channel_index: Integer,
        /// How long the media ran.
        "mediaDuration" media_duration: IsoDuration,
        /// Speed of the network link, in bytes per second.
        "networkLinkSpeedInBytes" network_link_speed_in_bytes: Integer,
        /// The device's address.
        "localIPAddress" local_ip_address: Redacted<String>,
        /// The device's port.
        "localPort" local_port: Integer,
        /// The other side's address.
        "remoteIPAddress" remote_ip_address: Redacted<String>,
        /// The other side's port.
        "remotePort" remote_port: Integer,
        /// Packets that came in.
        "inboundPackets" inbound_packets: Integer,
        /// Packets that went out.
        "outboundPackets" outbound_packets: Integer,
        /// Packets lost on the way in: percent, 0 to 100, on average.
        "averageInboundPacketLossRateInPercentage" average_inbound_packet_loss_rate_in_percentage: Decimal,
        /// Packets lost on the way out: percent, 0 to 100, on average.
        "averageOutboundPacketLossRateInPercentage" average_outbound_packet_loss_rate_in_percentage: Decimal,
        /// Packets lost on the way in: percent, 0 to 100, at most.
        "maximumInboundPacketLossRateInPercentage" maximum_inbound_packet_loss_rate_in_percentage: Decimal,
        /// Packets lost on the way out: percent, 0 to 100, at most.
        "maximumOutboundPacketLossRateInPercentage" maximum_outbound_packet_loss_rate_in_percentage: Decimal,
        /// Round trip of what comes in, on average.
        "averageInboundRoundTripDelay" average_inbound_round_trip_delay: IsoDuration,
        /// Round trip of what goes out, on average.
        "averageOutboundRoundTripDelay" average_outbound_round_trip_delay: IsoDuration,
        /// Round trip of what comes in, at most.
        "maximumInboundRoundTripDelay" maximum_inbound_round_trip_delay: IsoDuration,
        /// Round trip of what goes out, at most.
        "maximumOutboundRoundTripDelay" maximum_outbound_round_trip_delay: IsoDuration,
        /// Jitter of what comes in, on average.
        "averageInboundJitter" average_inbound_jitter: IsoDuration,
        /// Jitter of what goes out, on average.
        "averageOutboundJitter" average_outbound_jitter: IsoDuration,
        /// Jitter of what comes in, at most.
        "maximumInboundJitter" maximum_inbound_jitter: IsoDuration,
        /// Jitter of what goes out, at most.
        "maximumOutboundJitter" maximum_outbound_jitter: IsoDuration,
        /// Bits per second that came in, on average (`teleconferenceDeviceVideoQuality`).
        "averageInboundBitRate" average_inbound_bit_rate: Decimal,
        /// Frames per second that came in, on average (`teleconferenceDeviceVideoQuality`).
        "averageInboundFrameRate" average_inbound_frame_rate: Decimal,
        /// Bits per second that went out, on average (`teleconferenceDeviceVideoQuality`).
        "averageOutboundBitRate" average_outbound_bit_rate: Decimal,
        /// Frames per second that went out, on average (`teleconferenceDeviceVideoQuality`).
        "averageOutboundFrameRate" average_outbound_frame_rate: Decimal,
    }
}

impl TeleconferenceDeviceMediaQuality {
    /// Of sound (`teleconferenceDeviceAudioQuality`).
    pub fn audio() -> Self {
        Self { odata_type: "#microsoft.graph.teleconferenceDeviceAudioQuality".into(), ..Self::default() }
    }

    /// Of a camera (`teleconferenceDeviceVideoQuality`).
    pub fn video() -> Self {
        Self { odata_type: "#microsoft.graph.teleconferenceDeviceVideoQuality".into(), ..Self::default() }
    }

    /// Of a shared screen (`teleconferenceDeviceScreenSharingQuality`).
    pub fn screen_sharing() -> Self {
        Self {
            odata_type: "#microsoft.graph.teleconferenceDeviceScreenSharingQuality".into(),
            ..Self::default()
        }
    }
}
