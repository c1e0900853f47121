//! How something ended: Graph's `resultInfo`, and what its codes mean.

use super::number::Integer;
use super::object::graph_object;

graph_object! {
    /// How a call or an operation went (Graph `resultInfo`). 2xx and 0 are success, 4xx the client's fault, 5xx the service's.
    pub struct ResultInfo: "#microsoft.graph.resultInfo" {
        /// The code. Some documented examples write it as text.
        "code" code: Integer,
        /// What it says in words.
        "message" message: String,
        /// The subcode. Some documented examples spell it `subCode`.
        "subcode" subcode: Integer,
    }
}

impl ResultInfo {
    /// A result of this code and subcode.
    pub fn with_codes(code: i64, subcode: i64) -> Self {
        Self { code: Integer::from(code).into(), subcode: Integer::from(subcode).into(), ..Self::new() }
    }

    /// The code as a number.
    pub fn code_number(&self) -> Option<i64> {
        self.code.value().and_then(Integer::get)
    }

    /// The subcode as a number, whatever the case of its name.
    pub fn subcode_number(&self) -> Option<i64> {
        if let Some(subcode) = self.subcode.value() {
            return subcode.get();
        }
        let (_, spelled_otherwise) =
            self.other.iter().find(|(name, _)| name.eq_ignore_ascii_case("subcode"))?;
        spelled_otherwise.as_i64().or_else(|| spelled_otherwise.as_str()?.trim().parse().ok())
    }

    /// What the codes mean, in a sentence for people. `None` when nobody has said.
    ///
    /// Most are documented (Graph's pages on deleting and transferring calls, and on recording). A few are known from public
    /// reports alone: their sentences begin with "Reported:".
    pub fn explanation(&self) -> Option<&'static str> {
        explanation(self.code_number()?, self.subcode_number()?)
    }

    /// Whether the code stands for failure: 400 and above.
    pub fn is_failure(&self) -> bool {
        self.code_number().is_some_and(|code| code >= 400)
    }
}

impl std::fmt::Display for ResultInfo {
    /// `500/7000: message (explanation)`, as far as they are known.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        write!(f, "{}/{}", number(self.code_number()), number(self.subcode_number()))?;
        match (self.message.as_str().filter(|message| !message.is_empty()), self.explanation()) {
            (Some(message), Some(explanation)) => write!(f, ": {message} ({explanation})"),
            (Some(text), None) | (None, Some(text)) => write!(f, ": {text}"),
            (None, None) => Ok(()),
        }
    }
}

fn explanation(code: i64, subcode: i64) -> Option<&'static str> {
    let sentence = match (code, subcode) {
        (200, 0) => "Done.",
        (200, 4097) => "The other participant ended the call.",
        (200, 4521) => "The other participant ended the peer-to-peer call.",
        (200, 5000 | 5300) => "Another participant removed the bot from the call.",
        (200, 5001 | 5003) => "The conversation has ended.",
        (200, 5002) => "All other participants have left.",
        (200, 5007) => "The participant who began the call has left.",
        (200, 5010) => "Only one participant was left.",
        (200, 5012) => "Nobody was left in the roster.",
        (200, 5013) => "Nobody joined the call.",
        (200, 5014) => "No host could be found for the call.",
        (200, 5020) => "Nobody visible was left in the roster.",
        (200, 5030) => "The time of the breakout room is over.",
        (200, 5855) => "Nobody let the bot in from the lobby in time.",
        (0 | 200, 7015) => "The transfer is complete.",
        (200, 7000 | 10550) => "The bot ended the call.",
        (200, 8515) => "The recording reached its maximum duration.",
        (200, 18503) => "The other participant has left the peer-to-peer call.",
        (200, 540_000 | 560_000) => "The phone user ended the call.",
        (400, 8508) => "The operation was cancelled.",
        (408, 1106) => "The acceptance of the call was not acknowledged in time.",
        (408, 8537) => "No keep-alive came in time, so the service ended the call.",
        (408, 10_057) => "The callee's side did not answer the service in time.",
        (410, 301_005) => "Media could not be connected.",
        (480, 10_037) => "The callee has no endpoint where they could be called.",
        (480, 10_076) => "None of the callee's endpoints could be reached.",
        (480, 10_134) => "The callee cannot be routed to.",
        (480, 10_199) => "Private calling is turned off for the callee.",
        (500, 1005) => "The service could not connect to the bot's media.",
        (500, 7000 | 7700) => "The transfer failed.",
        (408, 8544) => "Reported: the callee could not be reached.",
        (500, 1004) => "Reported: the connectivity checks of ICE failed.",
        (500, 7112) => "Reported: the service could not add the bot to the conversation's media.",
        (500, 1_203_002) => {
            "Reported: the service had no control connection to the bot's media; one cause was an inactive audio socket."
        }
        (400, 2203) | (500, 1999 | 3002 | 7106 | 7117 | 1_203_003) => {
            "Reported: calls end so, and nobody has said why."
        }
        _ => return None,
    };
    Some(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_numbers_as_text_and_under_either_spelling() {
        for json in [
            r#"{"code":200,"subcode":5001}"#,
            r#"{"code":"200","subcode":"5001"}"#,
            r#"{"code":200,"subCode":5001}"#,
            r#"{"code":200,"subCode":"5001"}"#,
        ] {
            let read: ResultInfo = serde_json::from_str(json).unwrap();
            assert_eq!((read.code_number(), read.subcode_number()), (Some(200), Some(5001)), "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
            assert!(!read.is_failure());
        }
    }

    #[test]
    fn a_code_is_explained_where_it_is_shown() {
        let shown = |code, subcode, message: Option<&str>| {
            let message = message.map(str::to_owned).into();
            ResultInfo { message, ..ResultInfo::with_codes(code, subcode) }.to_string()
        };
        assert_eq!(shown(200, 5002, None), "200/5002: All other participants have left.");
        let told = shown(500, 7000, Some("DiagCode: 500#7000.@"));
        assert_eq!(told, "500/7000: DiagCode: 500#7000.@ (The transfer failed.)");
        assert_eq!(shown(500, 1, Some("words")), "500/1: words");
        assert_eq!(shown(500, 1, Some("")), "500/1");
        assert!(shown(500, 1_203_002, None).contains("Reported"));
    }

    #[test]
    fn codes_that_mean_success_are_not_called_failures() {
        for (code, subcode) in [(0, 7015), (200, 7000), (200, 0)] {
            assert!(!ResultInfo::with_codes(code, subcode).is_failure());
        }
        assert_eq!(ResultInfo::new().explanation(), None);
        assert_ne!(
            ResultInfo::with_codes(200, 7000).explanation(),
            ResultInfo::with_codes(500, 7000).explanation()
        );
    }
}
