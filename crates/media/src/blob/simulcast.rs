//! Which of the layers that are offered a section takes (RFC 8853), by their names (RFC 8851).

use super::peer::values;
use super::sdp::Attributes;
use crate::video::simulcast::MOST_LAYERS;

/// How our layers are named, small ones first: the characters that RFC 8852 section 3 has for the header extension.
pub(crate) const LAYER_NAMES: [&str; MOST_LAYERS] = ["0", "1", "2"];

/// What a description says of the layers that its writer would receive: of each stream the first of its alternatives that is not
/// paused, with a name that stands in an `a=rid` line of that direction. Nothing where no line can be read.
///
/// An `a=rid` line with restrictions names nothing here: what is sent is not held against them. And nothing here resumes what is
/// paused (RFC 7728), so that a paused stream is as good as refused.
pub(super) fn received<'a>(section: &Attributes<'a>) -> Vec<&'a str> {
    let named: Vec<&str> = values(section, "rid").filter_map(received_name).collect();
    let Some(streams) = values(section, "simulcast").find_map(|value| streams(value, "recv")) else {
        return Vec::new();
    };
    let taken = |alternatives: &'a str| alternatives.split(',').find(|name| named.contains(name));
    streams.split(';').filter_map(taken).collect()
}

/// The name in `0 recv`.
fn received_name(value: &str) -> Option<&str> {
    let (name, direction) = value.split_once(' ')?;
    (direction == "recv" && is_name(name)).then_some(name)
}

/// The list of that direction in `send 0;1 recv 2`, where all of the line can be read (RFC 8853 section 5.1).
fn streams<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parts = value.split(' ');
    let first = (parts.next()?, parts.next()?);
    let second = match (parts.next(), parts.next()) {
        (None, _) => None,
        (Some(direction), Some(list)) => Some((direction, list)),
        (Some(_), None) => return None,
    };
    let is_direction = |direction: &str| ["send", "recv"].contains(&direction);
    let is_sound = |(direction, list): (&str, &str)| is_direction(direction) && is_list(list);
    let both = [Some(first), second];
    let is_whole = parts.next().is_none()
        && both.into_iter().flatten().all(is_sound)
        && second.is_none_or(|(direction, _)| direction != first.0);
    let list = both.into_iter().flatten().find(|(direction, _)| *direction == wanted);
    list.filter(|_| is_whole).map(|(_, list)| list)
}

/// `0;~1,2`: streams, each a choice of names, of which some are paused.
fn is_list(list: &str) -> bool {
    let mut names = list.split([';', ',']);
    names.all(|name| is_name(name.strip_prefix('~').unwrap_or(name)))
}

/// RFC 8851 section 10.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
