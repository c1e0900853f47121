//! Permissions of the calls API: their names, what a request needs, and what a token was granted. Pure.
//!
//! There are application permissions only, given by an administrator of the tenant, and two that the owner of a
//! chat gives for that chat alone (resource-specific consent). Source: the permission tables of Graph's pages and
//! its permissions reference.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A permission of the calls API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Permission {
    /// `Calls.Initiate.All`: call one person or phone.
    Initiate,
    /// `Calls.InitiateGroupCall.All`: call several at once, and invite more.
    InitiateGroupCall,
    /// `Calls.JoinGroupCall.All`: join meetings and group calls.
    JoinGroupCall,
    /// `Calls.JoinGroupCallAsGuest.All`: join them as a guest.
    JoinGroupCallAsGuest,
    /// `Calls.AccessMedia.All`: have a call's media.
    AccessMedia,
    /// `Calls.JoinGroupCalls.Chat`: join the calls of one chat, by its owner's consent.
    JoinGroupCallsChat,
    /// `Calls.AccessMedia.Chat`: have the media of one chat's calls, by its owner's consent.
    AccessMediaChat,
    /// `Calls.ReportSyntheticMedia.All`: report synthetic media. Only of use in Graph's beta.
    ReportSyntheticMedia,
}

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = &[
        Self::Initiate,
        Self::InitiateGroupCall,
        Self::JoinGroupCall,
        Self::JoinGroupCallAsGuest,
        Self::AccessMedia,
        Self::JoinGroupCallsChat,
        Self::AccessMediaChat,
        Self::ReportSyntheticMedia,
    ];

    /// Its name, as the portal and tokens have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initiate => "Calls.Initiate.All",
            Self::InitiateGroupCall => "Calls.InitiateGroupCall.All",
            Self::JoinGroupCall => "Calls.JoinGroupCall.All",
            Self::JoinGroupCallAsGuest => "Calls.JoinGroupCallAsGuest.All",
            Self::AccessMedia => "Calls.AccessMedia.All",
            Self::JoinGroupCallsChat => "Calls.JoinGroupCalls.Chat",
            Self::AccessMediaChat => "Calls.AccessMedia.Chat",
            Self::ReportSyntheticMedia => "Calls.ReportSyntheticMedia.All",
        }
    }

    /// What it allows, in a few words.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Initiate => "call one person or phone",
            Self::InitiateGroupCall => "call several at once, and invite more",
            Self::JoinGroupCall => "join meetings and group calls",
            Self::JoinGroupCallAsGuest => "join meetings and group calls as a guest",
            Self::AccessMedia => "have a call's media in the application",
            Self::JoinGroupCallsChat => "join the calls of one chat, by its owner's consent",
            Self::AccessMediaChat => "have the media of one chat's calls, by its owner's consent",
            Self::ReportSyntheticMedia => "report synthetic media",
        }
    }

    /// Whether the owner of a chat gives it, for that chat alone. Tokens do not name such permissions.
    pub const fn is_resource_specific(self) -> bool {
        matches!(self, Self::JoinGroupCallsChat | Self::AccessMediaChat)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    /// Reads a name in any case, and those that Graph's pages write and no portal has: `Calls.JoinGroupCalls.All`,
    /// `Calls.InitiateGroupCalls.All`, `Calls.JoinGroupCall.Chat`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().to_ascii_lowercase().replace("groupcalls", "groupcall");
        let known = |permission: &Self| {
            permission.name().to_ascii_lowercase().replace("groupcalls", "groupcall") == name
        };
        Self::ALL
            .iter()
            .copied()
            .find(known)
            .ok_or_else(|| UnknownPermission { name: text.trim().to_owned() })
    }
}

/// A name that is no permission of the calls API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no permission of the calls API")]
pub struct UnknownPermission {
    /// The name.
    pub name: String,
}

/// What a request needs: one of several permissions, and for media in the application one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    any_of: &'static [Permission],
    access_media: bool,
}

impl Requirement {
    /// No permission at all.
    pub const NOTHING: Self = Self::any_of(&[]);

    /// Any one of these, the least first.
    pub(crate) const fn any_of(permissions: &'static [Permission]) -> Self {
        Self { any_of: permissions, access_media: false }
    }

    /// The same, and access to media when the application hosts it.
    pub(crate) const fn with_media(self, app_hosted: bool) -> Self {
        Self { access_media: self.access_media || app_hosted, ..self }
    }

    /// One of these suffices; the least comes first. Empty when none is needed.
    pub const fn alternatives(&self) -> &'static [Permission] {
        self.any_of
    }

    /// Whether [`Permission::AccessMedia`] is needed besides, because the application hosts the media. For a meeting,
    /// [`Permission::AccessMediaChat`] will do.
    pub const fn needs_access_media(&self) -> bool {
        self.access_media
    }

    /// Whether no permission is needed.
    pub const fn is_nothing(&self) -> bool {
        self.any_of.is_empty() && !self.access_media
    }

    /// The fewest and least permissions that satisfy it and that an administrator gives: what to ask for.
    pub fn least(&self) -> Vec<Permission> {
        let least = self.any_of.iter().copied().find(|permission| !permission.is_resource_specific());
        let mut asked: Vec<Permission> = least.or(self.any_of.first().copied()).into_iter().collect();
        if self.access_media && !asked.contains(&Permission::AccessMedia) {
            asked.push(Permission::AccessMedia);
        }
        asked
    }

    /// What of it is missing when these permissions are granted. [`Requirement::is_nothing`] when nothing is.
    #[must_use]
    pub fn missing_from(&self, granted: &[Permission]) -> Self {
        let met = self.any_of.iter().any(|permission| granted.contains(permission));
        let media = granted.contains(&Permission::AccessMedia)
            || (self.allows_consent_by_chat() && granted.contains(&Permission::AccessMediaChat));
        Self { any_of: if met { &[] } else { self.any_of }, access_media: self.access_media && !media }
    }

    /// Whether the consent of a chat's owner may stand in for an administrator's.
    fn allows_consent_by_chat(&self) -> bool {
        self.any_of.iter().any(|permission| permission.is_resource_specific())
    }
}

impl fmt::Display for Requirement {
    /// `Calls.JoinGroupCall.All or Calls.JoinGroupCallAsGuest.All, and Calls.AccessMedia.All`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("no permission");
        }
        for (index, permission) in self.any_of.iter().enumerate() {
            let separator = if index == 0 { "" } else { " or " };
            write!(f, "{separator}{permission}")?;
        }
        match (self.access_media, self.any_of.is_empty()) {
            (true, false) => write!(f, ", and {}", Permission::AccessMedia),
            (true, true) => write!(f, "{}", Permission::AccessMedia),
            (false, _) => Ok(()),
        }
    }
}

/// The fewest and least permissions that satisfy all of these and that an administrator gives: what to ask for.
pub fn least_for(requirements: impl IntoIterator<Item = Requirement>) -> Vec<Permission> {
    let mut asked = Vec::new();
    for requirement in requirements {
        asked.extend(requirement.missing_from(&asked).least());
    }
    asked
}

/// The permissions that an access token names in its `roles`, those of the calls API.
///
/// Nothing is verified: the token is Graph's to judge, and this only helps to say what is missing. `None` when the
/// token is no JWT or names no roles; access tokens may be opaque.
pub fn granted_by(access_token: &str) -> Option<Vec<Permission>> {
    #[derive(Deserialize)]
    struct Claims {
        roles: Option<Vec<String>>,
    }
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(access_token).ok()?;
    Some(claims.roles?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// What to check after a refusal with 403, in words: what Graph's code means, what the request needs, and what of
/// it the access token lacks, if it says.
pub(crate) fn advice(code: &str, needs: &Requirement, missing: Option<&Requirement>) -> String {
    let mut advice = match code {
        "7503" => "The bot is not registered for calling: enable calling on its Teams channel. ".to_owned(),
        "7504" => "An administrator of the tenant has not consented, or the meeting is another tenant's. "
            .to_owned(),
        "7505" => "The request's tenantId is missing or is not the tenant of the access token. ".to_owned(),
        _ => String::new(),
    };
    advice += &format!("The request needs {needs}");
    match missing {
        None => advice += "; check that it is granted, with an administrator's consent",
        Some(missing) if missing.is_nothing() && needs.is_nothing() => {}
        Some(missing) if missing.is_nothing() => advice += ", which the access token has",
        Some(missing) => {
            advice += &format!("; the access token lacks {missing}");
            if missing.allows_consent_by_chat() {
                advice += " (consent by a chat's owner would not show in it)";
            }
        }
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOIN: Requirement = Requirement::any_of(&[
        Permission::JoinGroupCallsChat,
        Permission::JoinGroupCall,
        Permission::JoinGroupCallAsGuest,
    ]);

    /// An unsigned token: header `{"alg":"RS256"}`, these claims, no signature worth the name.
    fn token(claims: &str) -> String {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode(r#"{"alg":"RS256","typ":"JWT"}"#), encode(claims))
    }

    #[test]
    fn names_are_read_in_the_pages_spellings_and_written_in_the_portals() {
        for (text, permission) in [
            ("Calls.JoinGroupCalls.All", Permission::JoinGroupCall),
            ("Calls.InitiateGroupCalls.All", Permission::InitiateGroupCall),
            ("Calls.JoinGroupCall.Chat", Permission::JoinGroupCallsChat),
            ("Calls.JoinGroupCallasGuest.All", Permission::JoinGroupCallAsGuest),
            ("Calls.JoinGroupCallsAsGuest.All", Permission::JoinGroupCallAsGuest),
            (" calls.accessmedia.all ", Permission::AccessMedia),
        ] {
            assert_eq!(text.parse(), Ok(permission));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.to_string().parse(), Ok(*permission));
        }
        let error = "Calls.Everything.All".parse::<Permission>().unwrap_err();
        assert_eq!(error.to_string(), "`Calls.Everything.All` is no permission of the calls API");
    }

    #[test]
    fn what_is_missing_is_what_is_left() {
        let needs = JOIN.with_media(true);
        let missing = |granted: &[Permission]| needs.missing_from(granted).to_string();
        assert_eq!(missing(&[Permission::JoinGroupCall]), "Calls.AccessMedia.All");
        assert_eq!(missing(&[Permission::AccessMedia]), JOIN.to_string());
        assert_eq!(missing(&[Permission::JoinGroupCallAsGuest, Permission::AccessMedia]), "no permission");
        assert_eq!(missing(&[Permission::JoinGroupCallsChat, Permission::AccessMediaChat]), "no permission");
        let call = Requirement::any_of(&[Permission::Initiate]).with_media(true);
        let by_chat = call.missing_from(&[Permission::Initiate, Permission::AccessMediaChat]);
        assert!(by_chat.needs_access_media(), "a chat's owner gives nothing for a call to a person");
    }

    #[test]
    fn what_to_ask_for_is_the_least_that_an_administrator_gives() {
        assert_eq!(JOIN.with_media(true).least(), [Permission::JoinGroupCall, Permission::AccessMedia]);
        let media = Requirement::any_of(&[Permission::AccessMedia]);
        assert_eq!(media.with_media(true).least(), [Permission::AccessMedia]);
        assert_eq!(Requirement::NOTHING.least(), []);
        let either = Requirement::any_of(&[Permission::Initiate, Permission::AccessMedia]);
        let all = least_for([JOIN.with_media(true), either, Requirement::NOTHING, JOIN]);
        assert_eq!(
            all,
            [Permission::JoinGroupCall, Permission::AccessMedia],
            "what is asked for serves twice"
        );
    }

    #[test]
    fn a_token_says_what_it_was_granted_and_an_opaque_one_nothing() {
        let roles = r#"{"roles":["Calls.Initiate.All","User.Read.All","Calls.AccessMedia.All"]}"#;
        let granted = granted_by(&token(roles));
        assert_eq!(granted, Some(vec![Permission::Initiate, Permission::AccessMedia]));
        assert_eq!(granted_by(&token(r#"{"roles":[]}"#)), Some(Vec::new()));
        for opaque in ["", "opaque", "a.b.c", &token("{}"), &token(r#"{"roles":7}"#), &token("[]")] {
            assert_eq!(granted_by(opaque), None, "{opaque}");
        }
    }

    #[test]
    fn advice_says_what_the_code_means_and_what_is_missing() {
        let needs = Requirement::any_of(&[Permission::Initiate]).with_media(true);
        let with = |code, granted: Option<&[Permission]>| {
            advice(code, &needs, granted.map(|granted| needs.missing_from(granted)).as_ref())
        };
        assert_eq!(
            with("7504", Some(&[Permission::Initiate])),
            "An administrator of the tenant has not consented, or the meeting is another tenant's. The request needs \
             Calls.Initiate.All, and Calls.AccessMedia.All; the access token lacks Calls.AccessMedia.All"
        );
        assert!(with("7503", None).contains("enable calling"));
        assert!(with("7505", None).contains("tenantId"));
        assert!(with("", None).ends_with("check that it is granted, with an administrator's consent"));
        let all = [Permission::Initiate, Permission::AccessMedia];
        assert!(with("7505", Some(&all)).ends_with("which the access token has"));
        let join = advice("", &JOIN, Some(&JOIN.missing_from(&[])));
        assert!(join.ends_with("(consent by a chat's owner would not show in it)"), "{join}");
        let nothing = Requirement::NOTHING;
        assert_eq!(advice("", &nothing, Some(&nothing)), "The request needs no permission");
    }
}
