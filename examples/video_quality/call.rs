//! One call: who shows what to whom over which path, and what came of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use offhook::emulator::link::{Impairment, Link, Loss, UdpRelay};
use offhook::media::blob::{MediaBlob, MediaDirection};
use offhook::media::video::{BandwidthLimits, BitRate, VideoCodec};
use offhook::media::{
    MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings, VideoSocketSettings,
};
use serde_json::{Value, json};

use crate::browser::{Browser, Kept};
use crate::engine::{Shower, Watcher};
use crate::reading::Reading;
use crate::report::Row;
use crate::score::{Likeness, Percentiles, freezes};
use crate::{Clock, Outcome, Pair, Show, blobs};

/// From the answer to the connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// From the end of the measurement to that of the call: what is on the way, and what is asked for again.
const DRAIN: Duration = Duration::from_secs(1);

/// What a call is to be.
pub(crate) struct Settings {
    pub(crate) pair: Pair,
    pub(crate) show: Show,
    /// In per cent.
    pub(crate) loss: f64,
    pub(crate) delay: Duration,
    pub(crate) seed: u64,
    pub(crate) settle: Duration,
    pub(crate) length: Duration,
}

/// The two engines, and the browser.
pub(crate) struct Lab {
    platform: Arc<MediaPlatform>,
    other: MediaPlatform,
    clock: Clock,
    browser: Option<Browser>,
}

/// A call that goes on.
struct Running {
    session: MediaSession,
    /// The second engine's end, where there is one.
    other: Option<MediaSession>,
    shower: Option<Shower>,
    watcher: Option<Watcher>,
    relay: Option<UdpRelay>,
    page: Option<Value>,
}

/// What was shown, and what was seen of it, times in milliseconds.
struct Sights {
    shown: Vec<u32>,
    seen: Vec<(u32, f64)>,
    unreadable: u64,
    undecodable: Option<u64>,
    kept: Vec<Kept>,
}

impl Lab {
    pub(crate) fn new(platform: Arc<MediaPlatform>, clock: Clock, browser: Option<Browser>) -> Outcome<Self> {
        let other = MediaPlatform::start(MediaPlatformSettings::default().workers(1))?;
        Ok(Self { platform, other, clock, browser })
    }

    /// What the browser can encode and decode.
    pub(crate) async fn capabilities(&mut self) -> Outcome<Value> {
        self.page()?.tell("capabilities").await
    }

    fn page(&mut self) -> Outcome<&mut Browser> {
        Ok(self.browser.as_mut().ok_or("there is no browser")?)
    }

    /// Makes a call, and measures it.
    pub(crate) async fn measure(&mut self, settings: &Settings) -> Outcome<Row> {
        let mut clock_error_ms = None;
        if settings.pair != Pair::EngineEngine {
            let page = self.page()?;
            clock_error_ms = page.tell("synchronise").await?["uncertainty"].as_f64();
            page.take_kept();
        }
        let mut call = match settings.pair {
            Pair::EngineEngine => self.call_engine(settings)?,
            _ => self.call_page(settings).await?,
        };
        let connecting = tokio::time::timeout(PATIENCE, call.session.connected()).await;
        connecting.map_err(|_| "the call is not connected in time")??;
        match settings.pair {
            Pair::ChromiumEngine => call.watcher = Some(watcher(&mut call.session, &self.clock)?),
            Pair::EngineChromium => {}
            Pair::EngineEngine => {
                let other = call.other.as_mut().ok_or("there is no second engine")?;
                other.connected().await?;
                call.watcher = Some(watcher(other, &self.clock)?);
            }
        }
        if settings.pair != Pair::ChromiumEngine {
            let (_, showing) = call.session.take_video_sockets().remove(0).split();
            call.shower = Some(Shower::start(showing, &settings.show, self.clock.clone())?);
        }
        tokio::time::sleep(settings.settle).await;
        let (before, from) = (self.read(&mut call, settings.pair).await?, self.clock.millis());
        tokio::time::sleep(settings.length).await;
        let (after, to) = (self.read(&mut call, settings.pair).await?, self.clock.millis());
        let wire_codec = call.page.as_ref().and_then(|page| page["codec"].as_str().map(str::to_owned));
        let relay = call.relay.as_ref().map(UdpRelay::counters);
        // What is shown is shown to the end, so that there is a gap behind nothing.
        tokio::time::sleep(DRAIN).await;
        let sights = self.end(call).await?;
        let (sent, received) = (after.0.since(before.0), after.1.since(before.1));
        let row = row(settings, &sights, (from, to), (sent, received));
        Ok(Row {
            wire_codec,
            clock_error_ms,
            relay_lost: relay.map(|relay| relay.lost),
            relay_received: relay.map(|relay| relay.received),
            ..row
        })
    }

    /// What the sender and the receiver have counted by now.
    async fn read(&mut self, call: &mut Running, pair: Pair) -> Outcome<(Reading, Reading)> {
        let session = Reading::of_engine(&call.session.stats());
        if let Some(other) = &call.other {
            return Ok((session, Reading::of_engine(&other.stats())));
        }
        let stats = self.page()?.tell("stats").await?;
        let page = Reading::of_page(&stats);
        call.page = Some(stats);
        Ok(if pair == Pair::ChromiumEngine { (page, session) } else { (session, page) })
    }

    async fn call_page(&mut self, settings: &Settings) -> Outcome<Running> {
        let sends = settings.pair == Pair::EngineChromium;
        let direction = if sends { MediaDirection::SendOnly } else { MediaDirection::ReceiveOnly };
        let mut session = self.platform.create_session(&session_settings(&settings.show, direction))?;
        let (offer, relay) = through(settings, &blobs::sdp_of(session.blob())?)?;
        let Show { size, fps, bit_rate, .. } = settings.show;
        let order = json!({
            "offer": offer, "send": !sends, "width": size.width, "height": size.height, "fps": fps, "bitRate": bit_rate,
        });
        let answer = self.page()?.ask("answer", order).await?;
        let answer = answer["sdp"].as_str().ok_or("the page has written no SDP")?;
        let answer = start_at(&blobs::hidden(answer), &settings.show);
        session.accept_answer(&blobs::answer(session.blob(), &answer)?)?;
        Ok(Running { session, other: None, shower: None, watcher: None, relay, page: None })
    }

    fn call_engine(&mut self, settings: &Settings) -> Outcome<Running> {
        let of = |direction| session_settings(&settings.show, direction);
        let mut session = self.platform.create_session(&of(MediaDirection::SendOnly))?;
        let (offer, relay) = through(settings, &blobs::sdp_of(session.blob())?)?;
        let offer = blobs::with_sdp(session.blob(), &offer)?;
        let other = self.other.answer_session(&of(MediaDirection::ReceiveOnly), &offer)?;
        let answer: &MediaBlob = other.blob();
        let answer = blobs::with_sdp(answer, &blobs::hidden(&blobs::sdp_of(answer)?))?;
        session.accept_answer(&answer)?;
        Ok(Running { session, other: Some(other), shower: None, watcher: None, relay, page: None })
    }

    async fn end(&mut self, call: Running) -> Outcome<Sights> {
        let Running { session, other, shower, watcher, .. } = call;
        let shown = shower.map(Shower::end);
        let watched = watcher.map(Watcher::end);
        let page = if other.is_none() { Some(self.page()?.tell("finish").await?) } else { None };
        session.closer().close();
        if let Some(other) = &other {
            other.closer().close();
        }
        let page = page.unwrap_or_default();
        let shown = match shown {
            Some(shown) => shown,
            None => serde_json::from_value(page["sent"].clone())?,
        };
        Ok(match watched {
            Some(watched) => Sights {
                shown,
                seen: watched.seen,
                unreadable: watched.unreadable,
                undecodable: Some(watched.stats.frames_damaged),
                kept: watched.kept,
            },
            None => Sights {
                shown,
                seen: serde_json::from_value(page["seen"].clone())?,
                unreadable: page["unreadable"].as_u64().unwrap_or_default(),
                undecodable: None,
                kept: self.page()?.take_kept(),
            },
        })
    }
}

fn watcher(session: &mut MediaSession, clock: &Clock) -> Outcome<Watcher> {
    let (seeing, _) = session.take_video_sockets().remove(0).split();
    Watcher::start(seeing, clock.clone())
}

fn session_settings(show: &Show, direction: MediaDirection) -> MediaSessionSettings {
    let rate = BitRate::from_bits_per_second(show.bit_rate);
    // What starting costs is not what is compared here.
    let limits = BandwidthLimits { start: rate, max: rate, ..BandwidthLimits::default() };
    let video = VideoSocketSettings::default().codecs([show.codec]).direction(direction);
    MediaSessionSettings::default().video(video).video_bandwidth(limits)
}

/// The offer as the far end gets it, and the relay that stands in it, where packets are lost.
fn through(settings: &Settings, offer: &str) -> Outcome<(String, Option<UdpRelay>)> {
    let offer = start_at(offer, &settings.show);
    if settings.loss == 0.0 {
        return Ok((offer, None));
    }
    let address = blobs::candidate(&offer).ok_or("the offer has no candidate")?;
    let path = || {
        let link = Link::seeded(settings.seed).delay(settings.delay);
        Impairment::Path(link.loss(Loss::random(settings.loss / 100.0)))
    };
    let relay = UdpRelay::both_ways(address, path(), path())?;
    Ok((blobs::with_candidate(&offer, relay.address()), Some(relay)))
}

/// Lets Chromium begin at the full rate, as the engine does: a parameter of its own.
fn start_at(sdp: &str, show: &Show) -> String {
    let kilobits = show.bit_rate / 1000;
    let name = match show.codec {
        VideoCodec::H264 => "H264/90000",
        _ => "VP8/90000",
    };
    let number = sdp.lines().find_map(|line| line.strip_prefix("a=rtpmap:")?.strip_suffix(name));
    let Some(number) = number.map(str::trim) else { return sdp.to_owned() };
    let known = format!("a=fmtp:{number} ");
    let map = format!("a=rtpmap:{number} {name}");
    let start = format!("x-google-start-bitrate={kilobits}");
    let has_line = sdp.lines().any(|line| line.starts_with(&known));
    let lines = sdp.lines().map(|line| match line {
        line if line.starts_with(&known) => format!("{line};{start}\r\n"),
        line if line == map && !has_line => format!("{line}\r\n{known}{start}\r\n"),
        line => format!("{line}\r\n"),
    });
    lines.collect()
}

fn row(
    settings: &Settings,
    sights: &Sights,
    window: (f64, f64),
    (sent, received): (Reading, Reading),
) -> Row {
    let is_within = |clock: u32| (window.0..window.1).contains(&f64::from(clock));
    let shown: HashSet<u32> = sights.shown.iter().copied().filter(|clock| is_within(*clock)).collect();
    let mut latencies = Vec::new();
    let mut delivered = HashSet::new();
    for &(clock, at) in sights.seen.iter().filter(|(clock, _)| shown.contains(clock)) {
        if delivered.insert(clock) {
            latencies.push(at - f64::from(clock));
        }
    }
    let times: Vec<f64> = sights.seen.iter().map(|(_, at)| *at).collect();
    let freezes = freezes(&times, window);
    let kept: Vec<Kept> = sights.kept.iter().filter(|(clock, _)| is_within(*clock)).cloned().collect();
    let likeness = Likeness::of(&kept, settings.show.size);
    let (sender, receiver) = settings.pair.names();
    Row {
        codec: settings.show.codec.to_string(),
        sender,
        receiver,
        loss: settings.loss,
        frames_drawn: shown.len(),
        frames_sent: sent.frames_sent,
        frames_delivered: delivered.len(),
        freezes: freezes.len(),
        frozen_ms: freezes.iter().fold(0.0, |sum, one| sum + one),
        longest_freeze_ms: freezes.iter().copied().fold(0.0, f64::max),
        freeze_ms: freezes,
        receiver_freezes: received.freezes,
        receiver_frozen_ms: received.frozen_ms,
        latency_ms: Percentiles::of(latencies),
        psnr: likeness.psnr,
        least_psnr: likeness.least_psnr,
        ssim: likeness.ssim,
        pictures_scored: likeness.pictures,
        key_frames_asked: received.key_frames_asked,
        key_frames: received.key_frames,
        nacks: received.nacks,
        retransmitted: sent.retransmitted,
        packets_sent: sent.packets_sent,
        undecodable: sights.undecodable,
        unreadable: sights.unreadable,
        kbps: sent.bytes_sent * 8.0 / (window.1 - window.0),
        wire_codec: None,
        clock_error_ms: None,
        relay_lost: None,
        relay_received: None,
    }
}
