//! How something ended: Graph's `resultInfo`.

use super::open::{Integer, graph_object};

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

    /// Whether the code stands for failure: 400 and above.
    pub fn is_failure(&self) -> bool {
        self.code_number().is_some_and(|code| code >= 400)
    }
}

impl std::fmt::Display for ResultInfo {
    /// `500/7000: message`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        write!(f, "{}/{}", number(self.code_number()), number(self.subcode_number()))?;
        self.message.as_str().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
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
}
