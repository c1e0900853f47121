//! Content sharing: someone shows a screen or a document.

use super::ContentSharingSessionId;
use super::object::graph_object;

graph_object! {
    /// A content sharing session (Graph `contentSharingSession`, an open type).
    pub struct ContentSharingSession: "#microsoft.graph.contentSharingSession" {
        /// `@odata.context` of an answer.
        "@odata.context" odata_context: String,
        /// The session.
        "id" id: ContentSharingSessionId,
    }
}
