//! The bot says that it is there.

use std::time::SystemTime;

use offhook_signaling::model::CallId;

use crate::service::timers::Due;
use crate::service::{Answer, CallService, GraphError};

impl CallService {
    pub(in crate::service) fn keep_alive(
        &mut self,
        now: SystemTime,
        call: &CallId,
    ) -> Result<Answer, GraphError> {
        self.record(call)?.need_joined()?;
        self.timers.set(call, Due::KeepAliveEnds, now + self.settings.keep_alive_limit());
        Ok(Answer::empty(200))
    }
}
