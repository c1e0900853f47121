//! A browser of its own for a comparison: Debian's Chromium, headless, at a page.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Opens `page`; what the browser keeps goes to `profile`.
pub(crate) fn open(chromium: &Path, profile: &Path, page: &str) -> io::Result<Child> {
    Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-extensions"])
        .args(["--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"])
        // Hidden pages get their timers and their threads slowed down.
        .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"])
        .arg("--disable-backgrounding-occluded-windows")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
