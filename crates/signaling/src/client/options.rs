//! Setters for call options and media, which a new call and an answer have alike.

/// Adds the setters to a builder whose options are in the field at this path.
macro_rules! option_setters {
    ($builder:ident, $($field:ident).+, $new:path) => {
        /// Which notifications it sends, and how it treats the bot. Not in US Government clouds.
        impl $builder {
            /// Options of one's own making.
            pub fn options(mut self, options: CallOptions) -> Self {
                self.$($field).+ = options.into();
                self
            }

            /// Whether content sharing that begins, changes and ends is notified. Default no.
            pub fn content_sharing_notifications(self, notify: bool) -> Self {
                self.option(|options| options.is_content_sharing_notification_enabled = notify.into())
            }

            /// Whether rosters come as what changed, instead of whole. Default no.
            pub fn delta_roster(self, delta: bool) -> Self {
                self.option(|options| options.is_delta_roster_enabled = delta.into())
            }

            /// Whether the bot can be acted on in the roster. Default no.
            pub fn interactive_roster(self, interactive: bool) -> Self {
                self.option(|options| options.is_interactive_roster_enabled = interactive.into())
            }

            /// Whether the bot leaves the roster when a call to one becomes a group call. Default no.
            pub fn hide_bot_after_escalation(self, hide: bool) -> Self {
                self.option(|options| options.hide_bot_after_escalation = hide.into())
            }

            fn option(mut self, set: impl FnOnce(&mut CallOptions)) -> Self {
                let options = std::mem::take(&mut self.$($field).+);
                let mut options = options.into_value().unwrap_or_else($new);
                set(&mut options);
                self.options(options)
            }
        }
    };
}
pub(super) use option_setters;

/// Adds the setters to a builder whose media configuration is in the field at this path.
macro_rules! media_setters {
    ($builder:ident, $($field:ident).+) => {
        /// Who hosts its media.
        impl $builder {
            /// Media hosted by the application, described by this blob.
            pub fn app_hosted_media(self, blob: impl Into<Redacted<String>>) -> Self {
                self.media(AppHostedMediaConfig::with_blob(blob))
            }

            /// Media hosted by the service: prompts and recordings, no frames.
            pub fn service_hosted_media(self) -> Self {
                self.media(ServiceHostedMediaConfig::new())
            }

            /// Media hosted by the service, which fetches these prompts ahead.
            pub fn service_hosted_media_with(self, prompts: impl IntoIterator<Item = MediaInfo>) -> Self {
                let prompts: Vec<MediaInfo> = prompts.into_iter().collect();
                self.media(ServiceHostedMediaConfig {
                    pre_fetch_media: prompts.into(),
                    ..ServiceHostedMediaConfig::new()
                })
            }

            /// A media configuration of one's own making.
            pub fn media(mut self, config: impl Into<MediaConfig>) -> Self {
                self.$($field).+ = config.into().into();
                self
            }
        }
    };
}
pub(super) use media_setters;
