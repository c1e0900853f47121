//! What a partner's device reports after a call.

use crate::model::TeleconferenceDeviceQuality;
use crate::model::object::graph_object;

graph_object! {
    /// Body of `logTeleconferenceDeviceQuality`, on the collection of calls.
    pub struct LogTeleconferenceDeviceQualityRequest {
        /// The report. Required.
        "quality" quality: TeleconferenceDeviceQuality,
    }
}
