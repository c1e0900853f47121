//! A bot that is called back through a server of the test's own, which sees what comes.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{MEETING, PASSCODE};

/// A post to the bot.
pub(crate) struct Post {
    /// Its token.
    pub(crate) authorization: String,
    pub(crate) body: String,
}

pub(crate) struct Observed {
    bot: Bot,
    posts: UnboundedReceiver<Post>,
}

impl Observed {
    pub(crate) async fn start(emulator: &Emulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/callback", listener.local_addr().unwrap());
        let bot = Bot::in_emulator(emulator).mounted_at(uri).start().await.unwrap();
        let (seen, posts) = unbounded_channel();
        let router: Router = bot.router("/callback").layer(from_fn_with_state(seen, observe));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { bot, posts }
    }

    /// Joins Ada's meeting, and waits until the call stands.
    pub(crate) async fn join(&self, emulator: &Emulator) -> BotCall {
        let meeting = JoinMeetingIdMeetingInfo::with_passcode(MEETING, PASSCODE);
        let new_call = NewCall::join_meeting(meeting, emulator.tenant_id());
        let mut call = self.bot.call(new_call, &MediaSessionSettings::default()).await.unwrap();
        call.established().await.unwrap();
        call
    }

    /// The posts up to the first that is `wanted`.
    pub(crate) async fn posts_until(&mut self, wanted: impl Fn(&Post) -> bool) -> Vec<Post> {
        let mut posts = Vec::new();
        while !posts.last().is_some_and(&wanted) {
            posts.push(self.posts.recv().await.unwrap());
        }
        posts
    }

    /// Posts as anybody could; returns the status of the answer.
    pub(crate) async fn post(&self, authorization: Option<&str>, body: String) -> u16 {
        let request = reqwest::Client::new().post(self.bot.callback_uri());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let request = match authorization {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    }
}

async fn observe(State(seen): State<UnboundedSender<Post>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let token = head.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    let post = Post {
        authorization: token.unwrap_or_default().trim_start_matches("Bearer ").to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    // Nobody looks any more when the test is over.
    let _ = seen.send(post);
    next.run(Request::from_parts(head, Body::from(body))).await
}
