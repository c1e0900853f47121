//! Simulcast in an offer (RFC 8853): which layers a section is sent in, by their names (`a=rid`, RFC 8851).

use super::video::MOST_LAYERS;

/// The names behind `send` in the value of `a=simulcast`, in its order: of alternatives for one layer the first, whether or not it is paused.
pub(super) fn sent(value: &str) -> Vec<&str> {
    let mut words = value.split_ascii_whitespace().skip_while(|word| *word != "send").skip(1);
    let layers = words.next().unwrap_or_default().split(';');
    let first = layers.filter_map(|layer| layer.split(',').next());
    first.map(|name| name.trim_start_matches('~')).filter(|name| !name.is_empty()).collect()
}

/// An offer with no more layers in a section than are received, and none that would be sent to whoever offers: the stack takes all it
/// is offered. A section with layers names a track, without which the stack does not take it.
pub(crate) fn receivable(offer: &str) -> String {
    by_section(offer, write)
}

/// An offer that is made once more, for ICE to begin anew, as if what is sent in layers were not sent: then the stack leaves alone what it
/// knows of it, and does not wait for the names of layers, which nobody repeats. Pictures in layers stay away all the same: it has forgotten
/// their sources by then.
pub(super) fn settled(offer: &str) -> String {
    by_section(offer, |written, section| {
        let has_layers = section.iter().any(|line| line.starts_with("a=simulcast:"));
        for line in section {
            let is_sent = matches!(*line, "a=sendonly" | "a=sendrecv");
            written.push_str(if is_sent && has_layers { "a=recvonly" } else { line });
            written.push_str("\r\n");
        }
    })
}

/// Writes an offer anew, section by section; what stands before the first is one, too.
fn by_section(offer: &str, write: impl Fn(&mut String, &[&str])) -> String {
    let mut written = String::with_capacity(offer.len());
    let mut section = Vec::new();
    for line in offer.lines() {
        if line.starts_with("m=") {
            write(&mut written, &section);
            section.clear();
        }
        section.push(line);
    }
    write(&mut written, &section);
    written
}

/// Writes a section of an offer.
fn write(written: &mut String, section: &[&str]) {
    let simulcast = section.iter().find_map(|line| line.strip_prefix("a=simulcast:"));
    let mut layers = simulcast.map(sent).unwrap_or_default();
    layers.retain(|layer| section.iter().any(|line| is_sent_as(line, layer)));
    layers.truncate(MOST_LAYERS);
    let mut line = |line: &str| {
        written.push_str(line);
        written.push_str("\r\n");
    };
    for held in section {
        match held.split_once(':') {
            Some(("a=simulcast", _)) if layers.is_empty() => {}
            Some(("a=simulcast", _)) => line(&format!("a=simulcast:send {}", layers.join(";"))),
            Some(("a=rid", _)) if !layers.iter().any(|layer| is_sent_as(held, layer)) => {}
            _ => line(held),
        }
    }
    if !layers.is_empty() && !section.iter().any(|line| line.starts_with("a=msid:")) {
        let mid = section.iter().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default();
        line(&format!("a=msid:simulcast simulcast-{mid}"));
    }
}

/// Whether a line is `a=rid` of a layer that is sent.
fn is_sent_as(line: &str, layer: &str) -> bool {
    let mut words = line.strip_prefix("a=rid:").unwrap_or_default().split_ascii_whitespace();
    words.next() == Some(layer) && words.next() == Some("send")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_layers_are_read_in_their_order() {
        assert_eq!(sent("send 0;1;2"), ["0", "1", "2"]);
        assert_eq!(sent("recv 9 send ~q;h,x;f"), ["q", "h", "f"]);
        assert!(sent("recv 1;2").is_empty() && sent("send").is_empty() && sent("send ;,").is_empty());
    }

    #[test]
    fn an_offer_has_no_more_layers_than_are_received_and_none_that_would_be_sent_back() {
        let offer = "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\na=rid:a send\r\na=rid:b send pt=96\r\n\
            a=rid:c send\r\na=rid:d send\r\na=rid:e recv\r\na=simulcast:send a;nobody;b,x;~c;d recv e\r\n\
            m=video 9 X 96\r\na=mid:2\r\na=msid:s t\r\na=rid:0 send\r\na=simulcast:send 0\r\n\
            m=video 9 X 96\r\na=mid:3\r\na=rid:5 recv\r\na=simulcast:recv 5\r\n";
        let expected = "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\na=rid:a send\r\na=rid:b send pt=96\r\n\
            a=rid:c send\r\na=simulcast:send a;b;c\r\na=msid:simulcast simulcast-1\r\n\
            m=video 9 X 96\r\na=mid:2\r\na=msid:s t\r\na=rid:0 send\r\na=simulcast:send 0\r\n\
            m=video 9 X 96\r\na=mid:3\r\n";
        assert_eq!(receivable(offer), expected);
    }

    #[test]
    fn an_offer_that_is_made_again_leaves_layers_alone() {
        let offer = "v=0\r\nm=audio 9 X 111\r\na=sendrecv\r\nm=video 9 X 96\r\na=sendonly\r\na=simulcast:send 0;1\r\n\
            m=video 9 X 96\r\na=sendonly\r\n";
        let expected = "v=0\r\nm=audio 9 X 111\r\na=sendrecv\r\nm=video 9 X 96\r\na=recvonly\r\na=simulcast:send 0;1\r\n\
            m=video 9 X 96\r\na=sendonly\r\n";
        assert_eq!(settled(offer), expected);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(m=|a=rid:|a=simulcast:|send |~|;|,|[ -~]|\r\n){0,60}") {
            let _ = receivable(&text);
        }
    }
}
