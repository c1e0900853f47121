//! Reads the stages out of what a bot's media engine tells for Prometheus: the text format, and of it one histogram.

use crate::durations::Buckets;

/// What the histogram is called.
pub(super) const STAGES: &str = "offhook_stage_duration_seconds";

/// Each stage with its durations, in the order of the text. Lines that are not understood are passed over.
pub(super) fn stages(text: &str) -> Vec<(String, Buckets)> {
    let mut stages: Vec<(String, Buckets)> = Vec::new();
    for (stage, end, count) in text.lines().filter_map(bucket) {
        let place = stages.iter().position(|(known, _)| *known == stage).unwrap_or_else(|| {
            stages.push((stage, Buckets::default()));
            stages.len() - 1
        });
        let Buckets(buckets) = &mut stages[place].1;
        // There each bucket holds all that are shorter, too.
        let before: u64 = buckets.iter().map(|(_, count)| count).sum();
        if buckets.last().is_none_or(|(last, _)| *last < end) {
            buckets.push((end, count.saturating_sub(before)));
        }
    }
    stages
}

/// `NAME_bucket{le="END",stage="STAGE"} COUNT`, with labels in any order, and what may follow the count.
fn bucket(line: &str) -> Option<(String, f64, u64)> {
    let (labels, rest) = line.strip_prefix(STAGES)?.strip_prefix("_bucket{")?.split_once('}')?;
    let label = |name: &str| {
        labels
            .split(',')
            .find_map(|label| label.trim().strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
    };
    let end = match label("le")? {
        "+Inf" => f64::INFINITY,
        end => end.parse().ok()?,
    };
    let count: f64 = rest.split_whitespace().next()?.parse().ok()?;
    (count >= 0.0 && !end.is_nan()).then(|| Some((label("stage")?.to_owned(), end, count as u64)))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_stages_of_an_engine_are_read_and_all_else_is_passed_over() {
        let text = "# TYPE offhook_stage_duration_seconds histogram\n\
            offhook_stage_duration_seconds_sum{stage=\"decode\"} 0.5\n\
            offhook_stage_duration_seconds_count{stage=\"decode\"} 4\n\
            offhook_stage_duration_seconds_bucket{le=\"8.192e-6\",stage=\"decode\"} 1\n\
            offhook_stage_duration_seconds_bucket{le=\"1.6e-5\",stage=\"decode\"} 3\n\
            offhook_stage_duration_seconds_bucket{le=\"+Inf\",stage=\"decode\"} 4 # {} 1\n\
            offhook_stage_duration_seconds_bucket{stage=\"encode\", le=\"+Inf\"} 7.0\n\
            offhook_stage_duration_seconds_bucket{le=\"x\",stage=\"encode\"} 7\n\
            another_bucket{le=\"1\",stage=\"decode\"} 9\n\
            offhook_stage_duration_seconds_bucket{le=\"1\"} 9\n# EOF\n";
        let decode = Buckets(vec![(8.192e-6, 1), (1.6e-5, 2), (f64::INFINITY, 1)]);
        let encode = Buckets(vec![(f64::INFINITY, 7)]);
        assert_eq!(stages(text), [("decode".to_owned(), decode), ("encode".to_owned(), encode)]);
    }

    proptest! {
        #[test]
        fn no_text_panics(end in ".{0,8}", count in ".{0,8}", junk in ".{0,80}") {
            stages(&junk);
            stages(&format!("{STAGES}_bucket{{le=\"{end}\",stage=\"x\"}} {count}"));
        }
    }
}
