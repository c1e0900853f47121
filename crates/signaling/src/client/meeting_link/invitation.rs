//! The lines of an invitation that people type from: a meeting's id and its passcode.

use crate::redacted::Redacted;

/// Digits of a meeting's id: Teams gives 11 to 13; what is dialled for audio only has fewer, or more with its number.
const ID_DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// Longest passcode that is believed; Teams gives 6 to 8 characters.
const PASSCODE_LENGTH: usize = 24;
/// Words for the meeting's id, in lower case: English and most others say `ID`; these are the languages of Teams
/// that do not.
const ID_WORDS: [&str; 15] = [
    "identyf",     // Polish
    "identif",     // Romanian, Catalan and their like
    "tunnus",      // Finnish
    "azonosító",   // Hungarian
    "kimliği",     // Turkish
    "идентифик",   // Russian, Bulgarian
    "ідентифік",   // Ukrainian
    "αναγνωρ",     // Greek
    "מזהה",        // Hebrew
    "معرف",        // Arabic
    "識別碼",      // Chinese, traditional
    "标识",        // Chinese, simplified
    "아이디",      // Korean
    "รหัสการประชุม", // Thai
    "पहचान",       // Hindi
];
/// Stems of words for the passcode, in lower case: passcode, Kennung, code secret, lösenkod and so on.
const PASSCODE_WORDS: [&str; 26] = [
    "pass",
    "kenn",
    "cod",
    "cód",
    "kod",
    "kód",
    "secret",
    "wacht",
    "toegang",
    "heslo",
    "hasło",
    "lösen",
    "adgang",
    "senha",
    "salasana",
    "tunnus",
    "parol",
    "jelsz",
    "şifre",
    "парол",
    "код",
    "κωδικ",
    "パス",
    "密",
    "암호",
    "סיסמ",
];

/// The meeting's id and passcode.
pub(super) fn read(text: &str) -> Option<(String, Option<Redacted<String>>)> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let found = lines.iter().enumerate().find_map(|(index, line)| {
        let (id, rest) = id_in(line)?;
        Some((id, rest, lines.get(index + 1).copied()))
    });
    let (id, rest, next) = found?;
    let passcode = passcode_in(rest).or_else(|| passcode_in(next?));
    Some((id, passcode.map(Redacted::from)))
}

/// The id in a line, and what follows it there. Never what is dialled: that begins with `+` or ends with `#`.
fn id_in(line: &str) -> Option<(String, &str)> {
    let (label, value) = labelled(line)?;
    if !names_an_id(label) {
        return None;
    }
    let value = value.trim_start();
    let is_part = |c: char| c.is_ascii_digit() || is_gap(c);
    let end = value.find(|c: char| !is_part(c)).unwrap_or(value.len());
    let (run, rest) = value.split_at(end);
    let id: String = run.chars().filter(char::is_ascii_digit).collect();
    let ends_well = !rest.starts_with(|c: char| c == '#' || c.is_alphanumeric() && !run.ends_with(is_gap));
    (ID_DIGITS.contains(&id.len()) && ends_well).then_some((id, rest))
}

/// What stands between groups of digits: a space, also one that does not break, or a hyphen.
fn is_gap(c: char) -> bool {
    c == '-' || (c.is_whitespace() && c != '\n')
}

/// Whether a label is one of a meeting's id: has the word `id` in it, or another language's.
fn names_an_id(label: &str) -> bool {
    let label = label.to_lowercase();
    let mut words = label.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == "id") || ID_WORDS.iter().any(|word| label.contains(word))
}

/// The passcode in a line, or in the rest of one.
fn passcode_in(line: &str) -> Option<&str> {
    let (label, value) = labelled(line)?;
    let label = label.to_lowercase();
    if !PASSCODE_WORDS.iter().any(|word| label.contains(word)) {
        return None;
    }
    let passcode = value.split_whitespace().next()?;
    (passcode.chars().count() <= PASSCODE_LENGTH).then_some(passcode)
}

/// `label: value`, with any language's colon.
fn labelled(line: &str) -> Option<(&str, &str)> {
    let (at, colon) = line.char_indices().find(|(_, c)| matches!(c, ':' | '：'))?;
    Some((&line[..at], &line[at + colon.len_utf8()..]))
}
