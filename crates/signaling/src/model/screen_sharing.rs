//! Which end of a shared screen the bot is.

use super::open::open_enum;

open_enum! {
    /// Which end of a shared screen the bot is (Graph `screenSharingRole`).
    pub enum ScreenSharingRole: "screenSharingRole" {
        /// It watches.
        "viewer" Viewer,
        /// It shows.
        "sharer" Sharer,
    }
}
