//! What threads meet at. `tests/loom` compiles the files that use it against loom's instead, and tries every order in which
//! the threads can meet.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

pub(crate) use futures_util::task::AtomicWaker;
