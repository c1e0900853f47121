//! The table of requests: verb, path, and whether it may be sent twice. One row per operation that the client has.

use reqwest::Method;
use url::Url;

use crate::error::CallsError;
use crate::http::retry::Repeat;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Operation {
    /// What it is called in errors and logs.
    pub(crate) name: &'static str,
    verb: Verb,
    /// Path under the Graph address; `{}` stands for an id.
    path: &'static str,
    /// Whether it may be sent twice.
    pub(crate) repeat: Repeat,
}

#[derive(Clone, Copy, Debug)]
enum Verb {
    Get,
    Post,
    Delete,
}

/// `POST /communications/calls`.
pub(crate) const CREATE_CALL: Operation = Operation {
    name: "create call",
    verb: Verb::Post,
    path: "v1.0/communications/calls",
    repeat: Repeat::IfNotProcessed,
};
/// `GET /communications/calls/{id}`.
pub(crate) const GET_CALL: Operation = Operation {
    name: "get call",
    verb: Verb::Get,
    path: "v1.0/communications/calls/{}",
    repeat: Repeat::Always,
};
/// `DELETE /communications/calls/{id}`.
pub(crate) const DELETE_CALL: Operation = Operation {
    name: "delete call",
    verb: Verb::Delete,
    path: "v1.0/communications/calls/{}",
    repeat: Repeat::Always,
};

impl Operation {
    pub(crate) fn method(&self) -> Method {
        match self.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        }
    }

    /// The address under `graph`, with `ids` in place of the path's `{}`.
    ///
    /// Ids come from outside: each becomes exactly one segment of the path, whatever it holds.
    pub(crate) fn url(&self, graph: &Url, ids: &[&str]) -> Result<Url, CallsError> {
        let mut url = graph.clone();
        let mut ids = ids.iter();
        {
            let rule = "must be an address with a host";
            let mut path = url
                .path_segments_mut()
                .map_err(|()| CallsError::InvalidSetting { setting: "graph_url", rule })?;
            path.pop_if_empty();
            for segment in self.path.split('/') {
                let segment = if segment == "{}" { ids.next().copied().unwrap_or_default() } else { segment };
                // `push` would drop dots, and an empty id would address the collection.
                if matches!(segment, "" | "." | "..") {
                    return Err(CallsError::InvalidRequest { rule: "an id must be neither empty nor dots" });
                }
                path.push(segment);
            }
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        let graph = Url::parse("https://graph.microsoft.com").unwrap();
        let url = |id: &str| DELETE_CALL.url(&graph, &[id]).map(String::from);
        assert_eq!(url("a-1").unwrap(), "https://graph.microsoft.com/v1.0/communications/calls/a-1");
        assert_eq!(
            url("a/../b?c#d").unwrap(),
            "https://graph.microsoft.com/v1.0/communications/calls/a%2F..%2Fb%3Fc%23d"
        );
        for id in ["", ".", ".."] {
            assert!(url(id).is_err(), "{id}");
        }
    }

    #[test]
    fn graph_may_live_under_a_path() {
        for graph in ["http://127.0.0.1:9440/graph", "http://127.0.0.1:9440/graph/"] {
            let url = CREATE_CALL.url(&Url::parse(graph).unwrap(), &[]).unwrap();
            assert_eq!(url.as_str(), "http://127.0.0.1:9440/graph/v1.0/communications/calls");
        }
    }
}
