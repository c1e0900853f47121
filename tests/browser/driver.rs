//! [io] A Chromium that does what a test says.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Where `npm ci` has put what Chromium is driven with. `script/test` sets it.
const MODULES: &str = "OFFHOOK_BROWSER_MODULES";

/// Browsers under one driver, and its pages by name.
pub(crate) struct Driver {
    child: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
}

/// A page of a driver.
#[derive(Clone, Copy)]
pub(crate) struct Page(pub(crate) &'static str);

/// What was decoded of pictures: frames, key frames among them, and what was asked for once more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded {
    pub(crate) frames: u64,
    pub(crate) keys: u64,
    pub(crate) nacks: u64,
}

/// Whether there is what it takes; else says that the test is skipped.
pub(crate) fn is_there() -> bool {
    let there = std::env::var_os(MODULES).is_some();
    if !there {
        // Past the test harness, which keeps back what a test prints that passes.
        let skipped = format!(
            "SKIPPED tests/browser: {MODULES} does not name where playwright-core is. script/test installs it and sets this.\n"
        );
        let _ = std::io::stderr().write_all(skipped.as_bytes());
    }
    there
}

/// Where screenshots go.
fn screenshots(walk: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("browser").join(walk);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Driver {
    /// A driver for the walk of this name, without a browser yet.
    pub(crate) fn start(walk: &str) -> Self {
        let mut child = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/browser.mjs"))
            .env(
                "OFFHOOK_BROWSER",
                std::env::var("OFFHOOK_BROWSER").unwrap_or("/usr/bin/chromium".to_owned()),
            )
            .env("OFFHOOK_SCREENSHOTS", screenshots(walk))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()).lines());
        Self { child, to, from }
    }

    /// Has something done, and gives what came of it.
    pub(crate) async fn ask(&mut self, verb: &str, mut what: Value) -> Value {
        what["verb"] = verb.into();
        let answer = tokio::task::block_in_place(|| {
            writeln!(self.to.as_mut().unwrap(), "{what}").unwrap();
            self.from.next().unwrap_or_else(|| panic!("the driver ended at {what}")).unwrap()
        });
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{}", answer["error"]);
        answer["ok"].take()
    }

    /// Opens `url` in a browser of its own, whose microphone hums `hertz`.
    pub(crate) async fn open(&mut self, page: Page, url: &str, hertz: f64) {
        let microphone = hum(hertz);
        self.ask("open", json!({"page": page.0, "url": url, "microphone": microphone})).await;
    }

    /// The same, with a camera of this size, that takes so many pictures a second.
    pub(crate) async fn open_with_camera(
        &mut self,
        page: Page,
        url: &str,
        (width, height): (u16, u16),
        rate: u32,
    ) {
        let camera = json!({"width": {"exact": width}, "height": {"exact": height}, "frameRate": rate});
        let what = json!({"page": page.0, "url": url, "microphone": hum(440.0), "camera": camera});
        self.ask("open", what).await;
    }

    pub(crate) async fn fill(&mut self, page: Page, at: &str, text: &str) {
        self.ask("fill", json!({"page": page.0, "at": at, "text": text})).await;
    }

    pub(crate) async fn choose(&mut self, page: Page, at: &str, text: &str) {
        self.ask("choose", json!({"page": page.0, "at": at, "text": text})).await;
    }

    pub(crate) async fn click(&mut self, page: Page, at: &str) {
        self.ask("click", json!({"page": page.0, "at": at})).await;
    }

    pub(crate) async fn press(&mut self, page: Page, key: &str) {
        self.ask("press", json!({"page": page.0, "at": key})).await;
    }

    /// Goes from control to control by Tab up to this one. Whoever looks sees at each where they are.
    pub(crate) async fn reach(&mut self, page: Page, at: &str) {
        self.ask("reach", json!({"page": page.0, "at": at})).await;
    }

    /// Writes where the page's focus is.
    pub(crate) async fn write(&mut self, page: Page, text: &str) {
        self.ask("write", json!({"page": page.0, "text": text})).await;
    }

    /// Waits for an element that shows `text`.
    pub(crate) async fn see(&mut self, page: Page, at: &str, text: &str) {
        self.ask("see", json!({"page": page.0, "at": at, "text": text})).await;
    }

    /// Waits until an element is hidden or gone.
    pub(crate) async fn unsee(&mut self, page: Page, at: &str) {
        self.ask("unsee", json!({"page": page.0, "at": at})).await;
    }

    /// Waits until what is heard most is a tone of `hertz`, above -30 dB of full scale: hums are sent at -11 dB, and the window of
    /// the measurement takes 8.
    pub(crate) async fn hear(&mut self, page: Page, hertz: f64) {
        self.ask("hear", json!({"page": page.0, "hertz": hertz})).await;
    }

    /// Waits until `frames` more of a picture were shown; gives its width and height.
    pub(crate) async fn watch(&mut self, page: Page, at: &str, frames: u32) -> (u64, u64) {
        let seen = self.ask("watch", json!({"page": page.0, "at": at, "frames": frames})).await;
        (seen["width"].as_u64().unwrap(), seen["height"].as_u64().unwrap())
    }

    /// What the page has decoded of all pictures that it sees.
    pub(crate) async fn decoded(&mut self, page: Page) -> Decoded {
        let told = self.ask("decoded", json!({"page": page.0})).await;
        let count = |name: &str| told[name].as_u64().unwrap();
        Decoded { frames: count("frames"), keys: count("keys"), nacks: count("nacks") }
    }

    /// Waits until so many more frames of a picture were shown of which the clock of `offhook_media::video::pattern` can be read; gives
    /// what it showed, in milliseconds, in order.
    pub(crate) async fn read_clocks(&mut self, page: Page, at: &str, frames: u32) -> Vec<u64> {
        let clocks = self.ask("clocks", json!({"page": page.0, "at": at, "frames": frames})).await;
        clocks.as_array().unwrap().iter().map(|clock| clock.as_u64().unwrap()).collect()
    }

    /// Lets the page believe that its network has changed, and waits until it has found another way.
    pub(crate) async fn change_network(&mut self, page: Page) {
        self.ask("network", json!({"page": page.0})).await;
    }

    /// A screenshot under this name.
    pub(crate) async fn shot(&mut self, page: Page, name: &str) {
        self.ask("shot", json!({"page": page.0, "at": name})).await;
    }

    /// Nothing has gone wrong inside of the pages.
    pub(crate) async fn assert_no_complaints(&mut self) {
        assert_eq!(self.ask("complaints", json!({})).await, json!([]));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // With the end of its orders it closes its browsers, and ends.
        self.to = None;
        let _ = self.child.wait();
    }
}

/// A WAV file of a tone, over and over what the microphone hears: of so many whole hertz that its end fits its beginning.
fn hum(hertz: f64) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hum-{hertz}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for at in 0..480_000 {
        let phase = std::f64::consts::TAU * hertz * f64::from(at) / 48_000.0;
        writer.write_sample((phase.sin() * 9_000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    path
}
