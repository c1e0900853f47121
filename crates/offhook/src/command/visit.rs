//! What all bots of the command do around their work: make the call or answer calls, wait until it is established, hang up, report.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use offhook::prelude::*;
use offhook::signaling::{CallEnded, IncomingCall};
use tokio::task::JoinSet;

use super::exit::with_causes;
use super::place::Place;
use super::stop::Stop;

/// How a bot's work in a call, or the call itself, ends.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a bot is there for.
pub(crate) trait Work: Send + Sync + 'static {
    /// The media that it needs.
    fn media(&self) -> MediaSessionSettings;

    /// Does its work in a call that is established, until `until` is ready. Gives what to show of it.
    fn work(&self, call: &mut BotCall, until: Until) -> impl Future<Output = Outcome<CallReport>> + Send;
}

/// When work in a call has to end: it is over, or somebody wants the command to end.
pub(crate) struct Until {
    stop: Stop,
    ended: std::pin::Pin<Box<dyn Future<Output = CallEnded> + Send>>,
}

impl Until {
    /// Waits until then; gives why the call is over, where it is.
    pub(crate) async fn then(&mut self) -> Option<CallEnded> {
        tokio::select! {
            () = self.stop.asked() => None,
            ended = &mut self.ended => Some(ended),
        }
    }
}

/// Makes the call that `place` says, or answers calls until somebody wants the command to end.
pub(crate) async fn run(place: &Place, work: impl Work) -> Result<(), Box<dyn Error>> {
    let new_call = place.new_call()?;
    let stop = Stop::on_signals()?;
    let bot = place.open().await?;
    let work = Arc::new(work);
    match new_call {
        Some(new_call) => call(&bot, new_call, &*work, stop).await.map_err(|error| error as Box<dyn Error>),
        None => answer_all(bot, work, stop).await,
    }
}

async fn call(bot: &Bot, new_call: NewCall, work: &impl Work, stop: Stop) -> Outcome {
    let media = work.media();
    let made = tokio::select! {
        made = bot.call(new_call, &media) => made?,
        // Nobody has been called yet, or the call is hung up behind.
        () = stop.asked() => return Ok(()),
    };
    carry(made, work, stop).await
}

/// Answers each call on its own. What goes wrong in one is told, and does not end the others.
async fn answer_all(bot: Bot, work: Arc<impl Work>, stop: Stop) -> Result<(), Box<dyn Error>> {
    let mut incoming = bot.incoming()?;
    let bot = Arc::new(bot);
    println!("{}", bot.callback_uri());
    eprintln!("waiting to be called at {}; Ctrl-C ends it", bot.callback_uri());
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            caller = incoming.next() => {
                let Some(caller) = caller else { break };
                let (bot, work, stop) = (Arc::clone(&bot), Arc::clone(&work), stop.clone());
                calls.spawn(async move {
                    let id = caller.id().clone();
                    if let Err(error) = answer(&bot, caller, &*work, stop).await {
                        eprintln!("offhook: call {id}: {}", with_causes(&*error));
                    }
                });
            }
            // Calls that are over are let go of.
            Some(_) = calls.join_next() => {}
            () = stop.asked() => break,
        }
    }
    while calls.join_next().await.is_some() {}
    Ok(())
}

async fn answer(bot: &Bot, caller: IncomingCall, work: &impl Work, stop: Stop) -> Outcome {
    let who = caller.caller().and_then(|who| who.id.as_str()).unwrap_or("someone");
    eprintln!("{who} calls");
    let answered = bot.answer(&caller, &work.media()).await?;
    carry(answered, work, stop).await
}

/// One call, from when it was made to when it is over. However the work ends, the call is hung up.
async fn carry(mut call: BotCall, work: &impl Work, stop: Stop) -> Outcome {
    let until = Until { stop: stop.clone(), ended: Box::pin(call.ended()) };
    tokio::select! {
        established = call.established() => established?,
        () = stop.asked() => return Ok(call.hang_up().await?),
    }
    eprintln!("established: {}", call.id());
    let done = work.work(&mut call, until).await;
    // A call that is over already needs no hanging up, and says so itself.
    if let Err(error) = call.hang_up().await {
        tracing::debug!(call = %call.id(), %error, "hanging up");
    }
    let ended = call.ended().await;
    let report = done?;
    eprintln!("{ended}\n\n{report}");
    Ok(())
}
