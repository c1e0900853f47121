//! A receiver behind a real server on loopback, and a line to it on which a test says exactly what it wants.

use std::net::SocketAddr;

use offhook_signaling::CallbackReceiver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Signer, soon};

/// A server with a receiver at `/callback`.
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves this receiver.
    pub(crate) async fn start(receiver: &CallbackReceiver) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = receiver.router("/callback");
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }

    /// Posts a whole body with this `Authorization`, and gives the answer's head.
    pub(crate) async fn post(&self, authorization: Option<&str>, body: &str) -> String {
        let mut line = Line::to(self).await;
        let authorization =
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        line.say(&format!("{authorization}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        line.head().await
    }

    /// The same with a token that holds; gives the answer's status.
    pub(crate) async fn post_signed(&self, body: &str) -> u16 {
        let token = Signer::service().token();
        status(&self.post(Some(&format!("Bearer {token}")), body).await)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection on which a post has begun.
pub(crate) struct Line {
    stream: TcpStream,
}

impl Line {
    /// Opens a post of JSON; its other headers and its body are still to come.
    pub(crate) async fn to(server: &Server) -> Self {
        let mut line = Self::bare(server).await;
        line.say("Content-Type: application/json\r\n").await;
        line
    }

    /// Opens a post without a content type.
    pub(crate) async fn bare(server: &Server) -> Self {
        let mut line = Self { stream: TcpStream::connect(server.address).await.unwrap() };
        line.say("POST /callback HTTP/1.1\r\nHost: bot\r\n").await;
        line
    }

    /// Says who posts.
    pub(crate) async fn signed(mut self) -> Self {
        self.say(&format!("Authorization: Bearer {}\r\n", Signer::service().token())).await;
        self
    }

    /// Writes.
    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads the answer's head: status line and headers, in lower case.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = soon("the answer", self.stream.read_u8())
                .await
                .expect("the line breaks off before an answer");
            head.push(byte);
        }
        String::from_utf8(head).unwrap().to_lowercase()
    }

    /// Reads the answer's status.
    pub(crate) async fn status(&mut self) -> u16 {
        status(&self.head().await)
    }
}

/// The status in the head of an answer.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}
