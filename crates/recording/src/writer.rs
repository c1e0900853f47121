//! [io] The thread that touches the disk. It is given bytes through a queue that is bounded, and nobody waits for it.
//!
//! A disk that is slow fills the queue: pictures are refused first, then the mix, then the tracks. One that refuses what it is
//! given is asked again each second; what it had taken before stays, and a page that it took in part is taken back.

mod open;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::open::Open;
use crate::disk::{Disk, DiskFile};
use crate::journal::{Class, hex};
use crate::tracks::sink::{FileId, Sink};

/// Bytes that wait for the disk at the most: 5 minutes of ten speakers.
const MOST_QUEUED: usize = 16 << 20;

/// Orders that wait for the disk at the most.
const MOST_ORDERS: usize = 16_384;

/// How often a disk that refused is asked again, and files are looked for.
const AGAIN: Duration = Duration::from_secs(1);

/// What the disk did.
#[derive(Debug)]
pub(crate) enum DiskEvent {
    /// What is not recorded now, and why; nothing of it and no cause when all is recorded again.
    Without { classes: Vec<Class>, cause: Option<String> },
    /// So many bytes of a file have this hash.
    Hash { file: FileId, bytes: u64, sha256: String, closed: bool },
    /// A file is gone.
    Gone { file: FileId },
}

enum Order {
    Open(FileId, String, Class),
    Append(FileId, Vec<u8>),
    /// In place of all behind so many bytes.
    Rewrite(FileId, u64, Vec<u8>),
    Hash(FileId),
    /// With what the file begins with from now on, where that is known only now.
    Close(FileId, Option<Vec<u8>>),
}

/// What both ends see.
#[derive(Default)]
struct Shared {
    queued: AtomicUsize,
    /// By class: whether the disk does not take it.
    suspended: [AtomicBool; 4],
}

fn index(class: Class) -> usize {
    match class {
        Class::Video => 0,
        Class::Mix => 1,
        Class::Tracks => 2,
        Class::Timeline => 3,
    }
}

/// What a class may fill of the queue.
fn share(class: Class) -> usize {
    MOST_QUEUED / 4 * (index(class) + 1)
}

/// The recorder's end.
pub(crate) struct Writer {
    orders: Option<SyncSender<Order>>,
    events: Receiver<DiskEvent>,
    shared: Arc<Shared>,
    classes: Vec<Class>,
    thread: Option<JoinHandle<()>>,
    /// By class: whether it was refused because the disk is slow.
    is_slow: [bool; 4],
    slow: Vec<DiskEvent>,
    /// Files that are to be closed, of which the disk has not said that they are.
    closing: usize,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub(crate) fn start(disk: Box<dyn Disk>) -> io::Result<Self> {
        let (orders, to_do) = sync_channel(MOST_ORDERS);
        let (tell, events) = std::sync::mpsc::channel();
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        let work = move || {
            let tell = move |event| _ = tell.send(event);
            let (files, syncing, tell) = (HashMap::new(), Vec::new(), Box::new(tell));
            Thread { disk, files, shared: own, tell, due: None, syncing }.run(&to_do);
        };
        let thread = std::thread::Builder::new().name("offhook-disk".to_owned()).spawn(work)?;
        Ok(Self {
            orders: Some(orders),
            events,
            shared,
            classes: Vec::new(),
            thread: Some(thread),
            is_slow: [false; 4],
            slow: Vec::new(),
            closing: 0,
        })
    }

    /// What the disk has done since it was last asked for.
    pub(crate) fn events(&mut self) -> Vec<DiskEvent> {
        let mut events = std::mem::take(&mut self.slow);
        events.extend(self.events.try_iter());
        events.iter().for_each(|event| self.note_closed(event));
        events
    }

    /// What the disk does next, if it does within `patience`.
    pub(crate) fn next_event(&mut self, patience: Duration) -> Option<DiskEvent> {
        if !self.slow.is_empty() {
            return Some(self.slow.remove(0));
        }
        let event = self.events.recv_timeout(patience).ok()?;
        self.note_closed(&event);
        Some(event)
    }

    fn note_closed(&mut self, event: &DiskEvent) {
        if let DiskEvent::Hash { closed: true, .. } = event {
            self.closing = self.closing.saturating_sub(1);
        }
    }

    /// How many files are to be closed, and are not yet as far as events have told.
    pub(crate) fn closing(&self) -> usize {
        self.closing
    }

    /// Waits until all orders are done and the thread is over, at most so long; what it has still said. A disk that hangs is left
    /// alone.
    pub(crate) fn finish(&mut self, patience: Duration) -> Vec<DiskEvent> {
        self.orders = None;
        let deadline = Instant::now() + patience;
        let mut events = Vec::new();
        while let Ok(event) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            events.push(event);
        }
        if let Some(thread) = self.thread.take().filter(JoinHandle::is_finished) {
            _ = thread.join();
        }
        events
    }

    fn order(&mut self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok())
    }

    /// Takes note of whether a class is refused because of the queue, and says so when that changes.
    fn note_slow(&mut self, class: Class, slow: bool) {
        if std::mem::replace(&mut self.is_slow[index(class)], slow) == slow {
            return;
        }
        let all = [Class::Video, Class::Mix, Class::Tracks, Class::Timeline];
        let classes: Vec<_> = all.into_iter().filter(|class| self.is_slow[index(*class)]).collect();
        let cause = (!classes.is_empty()).then(|| "the disk is slower than the call".to_owned());
        self.slow.push(DiskEvent::Without { classes, cause });
    }
}

impl Sink for Writer {
    fn open(&mut self, name: &str, class: Class) -> FileId {
        let file = self.classes.len();
        self.classes.push(class);
        self.order(Order::Open(file, name.to_owned(), class));
        file
    }

    fn append(&mut self, file: FileId, bytes: Vec<u8>) -> bool {
        self.order_write(file, bytes.len(), Order::Append(file, bytes))
    }

    fn rewrite(&mut self, file: FileId, from: u64, bytes: Vec<u8>) -> bool {
        self.order_write(file, bytes.len(), Order::Rewrite(file, from, bytes))
    }

    fn is_suspended(&self, file: FileId) -> bool {
        self.classes.get(file).is_some_and(|class| self.shared.suspended[index(*class)].load(Relaxed))
    }

    fn close(&mut self, file: FileId) {
        self.closing += usize::from(self.order(Order::Close(file, None)));
    }

    fn close_with(&mut self, file: FileId, head: Vec<u8>) {
        self.closing += usize::from(self.order(Order::Close(file, Some(head))));
    }

    fn hash(&mut self, file: FileId) {
        self.order(Order::Hash(file));
    }
}

impl Writer {
    /// Gives an order to write `len` bytes, where there is room for them.
    fn order_write(&mut self, file: FileId, len: usize, order: Order) -> bool {
        let Some(&class) = self.classes.get(file) else { return false };
        let room = self.shared.queued.fetch_add(len, Relaxed) + len <= share(class);
        let taken = room && self.order(order);
        if !taken {
            self.shared.queued.fetch_sub(len, Relaxed);
        }
        self.note_slow(class, !taken);
        taken
    }
}

/// The disk's end.
struct Thread {
    disk: Box<dyn Disk>,
    files: HashMap<FileId, Open>,
    shared: Arc<Shared>,
    tell: Box<dyn Fn(DiskEvent) + Send>,
    /// When the disk is asked again, or files are looked for.
    due: Option<Instant>,
    /// Files that are being handed to the disk.
    syncing: Vec<JoinHandle<()>>,
}

impl Thread {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let due = *self.due.get_or_insert_with(|| Instant::now() + AGAIN);
            match orders.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= due {
                self.due = None;
                self.look();
                self.resume();
            }
        }
        // One more attempt for what the disk did not take.
        self.resume();
        for syncing in self.syncing {
            _ = syncing.join();
        }
    }

    /// Has a file that is closed handed to the disk: its bytes are with the system already, and that may take seconds, for which the
    /// other files do not wait.
    fn sync(&mut self, mut file: Box<dyn DiskFile>) {
        self.syncing.retain(|syncing| !syncing.is_finished());
        let name = "offhook-sync".to_owned();
        // Where the system gives no thread, it keeps the file in its own time.
        self.syncing.extend(std::thread::Builder::new().name(name).spawn(move || _ = file.sync()));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(id, name, class) => {
                self.files.insert(id, Open::new(name, class));
            }
            Order::Append(id, bytes) => {
                self.shared.queued.fetch_sub(bytes.len(), Relaxed);
                if let Some(open) = self.files.get_mut(&id) {
                    open.pending.extend(bytes);
                }
                self.write(id);
            }
            Order::Rewrite(id, from, bytes) => {
                self.shared.queued.fetch_sub(bytes.len(), Relaxed);
                if let Some(open) = self.files.get_mut(&id) {
                    open.rewrite(from, bytes);
                }
                self.write(id);
            }
            Order::Hash(id) => self.tell_hash(id, false),
            Order::Close(id, head) => {
                if let Some(open) = self.files.get_mut(&id) {
                    open.close(&mut *self.disk, head);
                }
                self.tell_hash(id, true);
                if let Some(file) = self.files.remove(&id).and_then(|open| open.file) {
                    self.sync(file);
                }
            }
        }
    }

    fn write(&mut self, id: FileId) {
        let Some(open) = self.files.get_mut(&id) else { return };
        let suspended = self.shared.suspended[index(open.class)].load(Relaxed);
        if !suspended && let Err(error) = open.write(&mut *self.disk) {
            let (class, name) = (open.class, open.name.clone());
            // What matters less is given up with it.
            for less in [Class::Video, Class::Mix, Class::Tracks].into_iter().filter(|less| *less <= class) {
                self.shared.suspended[index(less)].store(true, Relaxed);
            }
            if class == Class::Timeline {
                self.shared.suspended[index(class)].store(true, Relaxed);
            }
            self.tell_without(Some(format!("{name}: {error}")));
        }
    }

    /// Asks the disk again, for what matters most first; and goes on to the next only a second after that went well.
    fn resume(&mut self) {
        let classes = [Class::Timeline, Class::Tracks, Class::Mix, Class::Video];
        let is_suspended = |class: &Class| self.shared.suspended[index(*class)].load(Relaxed);
        let Some(class) = classes.into_iter().find(is_suspended) else { return };
        let disk = &mut *self.disk;
        let mut files = self.files.values_mut().filter(|open| open.class == class);
        if files.try_for_each(|open| open.write(disk)).is_ok() {
            self.shared.suspended[index(class)].store(false, Relaxed);
            self.tell_without(None);
        }
    }

    /// Looks for files that somebody has taken away.
    fn look(&mut self) {
        for (id, open) in &mut self.files {
            if !open.is_gone && open.file.as_ref().is_some_and(|file| file.is_gone()) {
                open.is_gone = true;
                (self.tell)(DiskEvent::Gone { file: *id });
            }
        }
    }

    fn tell_hash(&self, id: FileId, closed: bool) {
        let Some(open) = self.files.get(&id) else { return };
        let sha256 = hex(open.hash.clone().finish().as_ref());
        (self.tell)(DiskEvent::Hash { file: id, bytes: open.len, sha256, closed });
    }

    fn tell_without(&self, cause: Option<String>) {
        let all = [Class::Video, Class::Mix, Class::Tracks, Class::Timeline];
        let classes = all.into_iter().filter(|class| self.shared.suspended[index(*class)].load(Relaxed));
        (self.tell)(DiskEvent::Without { classes: classes.collect(), cause });
    }
}

#[cfg(test)]
mod tests;
