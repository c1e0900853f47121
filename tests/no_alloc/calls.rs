//! Whose allocation it is, by the calls that led to it.

use std::backtrace::Backtrace;

/// Who asked for memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Our code, or a library that our code called and that is not `rtc`.
    Ours,
    /// `rtc`, or a library that it called; `entry` is the method of ours that called `rtc`.
    Rtc { entry: String },
    /// Nobody of these two: here, the test's own application.
    Other,
}

/// The innermost call that is ours or `rtc`'s decides. What lies further in is the standard library and its like, which
/// allocates because it is told to.
pub(crate) fn owner(backtrace: &Backtrace) -> Owner {
    owner_in(&backtrace.to_string())
}

fn owner_in(printed: &str) -> Owner {
    let mut calls = calls(printed).skip_while(|call| !call.is_ours() && !call.is_rtcs());
    match calls.next() {
        Some(call) if call.is_rtcs() => {
            let entry = calls.find(Call::is_ours).map_or("nobody", |call| call.name());
            Owner::Rtc { entry: entry.to_owned() }
        }
        Some(_) => Owner::Ours,
        None => Owner::Other,
    }
}

/// One call of a printed backtrace.
struct Call<'a> {
    function: &'a str,
    /// Known where the crate was compiled with line tables, as ours is. Then it is known of inlined calls too, and also
    /// of `rtc`'s where the compiler put them into our functions.
    file: &'a str,
}

/// Reads `  12: function`, and `      at file:line:column` where that follows.
fn calls(printed: &str) -> impl Iterator<Item = Call<'_>> {
    let mut lines = printed.lines().peekable();
    std::iter::from_fn(move || {
        let (_, function) = lines.next()?.split_once(": ")?;
        let file = lines.next_if(|line| line.trim_start().starts_with("at ")).unwrap_or_default();
        Some(Call { function, file })
    })
}

impl<'a> Call<'a> {
    fn is_ours(&self) -> bool {
        self.file.contains("/crates/media/src/") || self.crate_name().starts_with("offhook")
    }

    fn is_rtcs(&self) -> bool {
        self.file.contains("/rtc-") || self.crate_name() == "rtc" || self.crate_name().starts_with("rtc_")
    }

    /// The crate: `rtc` of `<rtc::a::B<C> as d::E>::f`. Inlined calls have no such prefix; they have a file.
    fn crate_name(&self) -> &'a str {
        let path = self.function.trim_start_matches(['<', '&', '*']);
        path.split_once("::").map_or("", |(name, _)| name)
    }

    /// The bare name: `f` of `f<G>`, and of `<a::B as d::E>::f`.
    fn name(&self) -> &'a str {
        let end = self.function.find('<').filter(|&at| at > 0).unwrap_or(self.function.len());
        self.function[..end].rsplit("::").next().unwrap_or_default()
    }
}

#[test]
fn the_innermost_call_of_a_known_crate_owns_the_allocation() {
    let rtc = |entry: &str| Owner::Rtc { entry: entry.to_owned() };
    for (printed, expected) in [
        (
            // Printed by the standard library, but for the outer calls.
            "   0: alloc\n             at ./tests/no_alloc/counting.rs:87:9\n\
             \x20  1: <alloc::raw_vec::RawVecInner>::grow_amortized\n\
             \x20  2: rtc_ice::agent::agent_proto::<impl sansio::Protocol for rtc_ice::agent::Agent>::handle_read\n\
             \x20  3: read\n             at ./crates/media/src/session/connection/ice.rs:105:36\n",
            rtc("read"),
        ),
        (
            "   0: bytes::bytes_mut::BytesMut::reserve_inner\n\
             \x20  1: send_audio\n             at ./crates/media/src/session/connection/mod.rs:342:23\n\
             \x20  2: speak<offhook_media::session::connection::Connection>\n\
             \x20            at ./crates/media/src/session/mod.rs:223:27\n",
            Owner::Ours,
        ),
        (
            // A call into `rtc` that was inlined into ours.
            "   0: poll<rtc::A>\n             at /home/registry/src/index/rtc-0.21.1/src/lib.rs:1:1\n\
             \x20  1: <offhook_media::session::connection::Connection as offhook_media::T>::poll_transmit\n",
            rtc("poll_transmit"),
        ),
        (
            "   0: <rtc_srtp::context::Context<T> as core::ops::drop::Drop>::drop\n   1: start_thread\n",
            rtc("nobody"),
        ),
        ("   0: new<alloc::sync::ArcInner<offhook_media::Unpark>>\n   1: main\n", Owner::Other),
    ] {
        assert_eq!(owner_in(printed), expected, "{printed}");
    }
}
