//! The chat that a meeting belongs to.

use super::object::graph_object;

graph_object! {
    /// A meeting's chat (Graph `chatInfo`). Thread ids are case-sensitive.
    pub struct ChatInfo: "#microsoft.graph.chatInfo" {
        /// The thread, such as `19:meeting_...@thread.v2`.
        "threadId" thread_id: String,
        /// The message in the thread; `0` for a meeting.
        "messageId" message_id: String,
        /// The message that a reply chain hangs on.
        "replyChainMessageId" reply_chain_message_id: String,
    }
}
