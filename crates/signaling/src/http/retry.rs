//! Which answer is tried again, and when. Pure: no clock, no chance; both come in as arguments.

use std::time::Duration;

use super::{GraphError, Response, TransportError};

/// Graph's code for "the application has made its calls of this month": waiting does not cure it.
pub(crate) const MONTHLY_LIMIT: &str = "8529";

/// Whether a request may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once: reading, ending a call, asking for a token.
    Always,
    /// The same of the metadata service of a machine, which also answers 404 and 410 while it is updated.
    AlwaysOfMachine,
    /// Only when it was certainly not processed. Creating a call has no documented idempotency key: twice may be two calls.
    IfNotProcessed,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// An answer with a status, and how long it asks to wait.
    Answer { status: u16, retry_after: Option<Duration>, monthly_limit: bool },
    /// Nobody was reached.
    NotSent,
    /// No answer; processed or not.
    NoAnswer,
    /// An answer that will be the same next time.
    Hopeless,
}

impl Outcome {
    pub(crate) fn of(answer: &Result<Response, TransportError>) -> Self {
        match answer {
            Ok(answer) => Self::Answer {
                status: answer.status,
                retry_after: retry_after(answer.header("retry-after")),
                monthly_limit: answer.status == 429 && GraphError::read(answer).code == MONTHLY_LIMIT,
            },
            Err(TransportError::NotSent(_)) => Self::NotSent,
            Err(TransportError::TimedOut(_) | TransportError::BrokenOff(_)) => Self::NoAnswer,
            Err(TransportError::TooLarge { .. }) => Self::Hopeless,
        }
    }
}

/// How often and how patiently a request is repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all. Default 4; 1 repeats nothing.
    pub attempts: u32,
    /// First wait when the service does not say how long; it doubles with each attempt. Default 500 ms.
    pub first_wait: Duration,
    /// Longest wait. When the service asks for more, the error comes back at once, with what it asked. Default 30 s.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_millis(500), longest_wait: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// How long to wait before the next attempt, `None` for no further one.
    ///
    /// `attempt` counts from 1; `chance` in 0..1 spreads many clients over time.
    pub(crate) fn wait(
        &self,
        repeat: Repeat,
        attempt: u32,
        outcome: &Outcome,
        chance: f64,
    ) -> Option<Duration> {
        if attempt >= self.attempts || !is_repeatable(repeat, outcome) {
            return None;
        }
        match outcome {
            // Never earlier than asked; up to a tenth later.
            Outcome::Answer { retry_after: Some(asked), .. } => {
                (*asked <= self.longest_wait).then(|| asked.saturating_add(asked.mul_f64(chance / 10.0)))
            }
            _ => {
                let backoff =
                    self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
                Some(backoff.mul_f64(0.5 + chance / 2.0))
            }
        }
    }
}

fn is_repeatable(repeat: Repeat, outcome: &Outcome) -> bool {
    match (outcome, repeat) {
        (Outcome::Answer { monthly_limit: true, .. } | Outcome::Hopeless, _) => false,
        (Outcome::NotSent, _) => true,
        (Outcome::Answer { status: 429, .. }, _) => true,
        (Outcome::Answer { status: 404 | 410, .. }, Repeat::AlwaysOfMachine) => true,
        (Outcome::Answer { status, .. }, Repeat::Always | Repeat::AlwaysOfMachine) => {
            matches!(status, 408 | 500 | 502..=504)
        }
        (Outcome::NoAnswer, Repeat::Always | Repeat::AlwaysOfMachine) => true,
        (Outcome::Answer { .. } | Outcome::NoAnswer, Repeat::IfNotProcessed) => false,
    }
}

/// Reads `Retry-After`: seconds, possibly a decimal (`2.128` in Graph's documentation). A date is not read.
pub(crate) fn retry_after(header: Option<&str>) -> Option<Duration> {
    let seconds: f64 = header?.trim().parse().ok()?;
    // Refuses negative, infinite and absurd numbers.
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Outcome {
        Outcome::Answer { status, retry_after: None, monthly_limit: false }
    }

    #[test]
    fn creating_a_call_is_repeated_only_when_it_was_not_processed() {
        let wait = |outcome: &Outcome| RetryPolicy::default().wait(Repeat::IfNotProcessed, 1, outcome, 0.5);
        assert!(wait(&Outcome::NotSent).is_some());
        assert!(wait(&answer(429)).is_some());
        for outcome in
            [Outcome::NoAnswer, Outcome::Hopeless, answer(500), answer(503), answer(504), answer(400)]
        {
            assert_eq!(wait(&outcome), None, "{outcome:?}");
        }
    }

    #[test]
    fn reading_and_ending_are_repeated_after_trouble_but_not_after_refusal() {
        let wait = |outcome: &Outcome| RetryPolicy::default().wait(Repeat::Always, 1, outcome, 0.5);
        for outcome in [Outcome::NotSent, Outcome::NoAnswer, answer(429), answer(500), answer(503)] {
            assert!(wait(&outcome).is_some(), "{outcome:?}");
        }
        for outcome in [answer(200), answer(400), answer(401), answer(403), answer(404), answer(501)] {
            assert_eq!(wait(&outcome), None, "{outcome:?}");
        }
    }

    #[test]
    fn a_machine_that_is_updated_is_asked_again() {
        let wait = |outcome: &Outcome| RetryPolicy::default().wait(Repeat::AlwaysOfMachine, 1, outcome, 0.5);
        for outcome in [answer(404), answer(410), answer(429), answer(500), Outcome::NoAnswer] {
            assert!(wait(&outcome).is_some(), "{outcome:?}");
        }
        for outcome in [answer(400), answer(403)] {
            assert_eq!(wait(&outcome), None, "{outcome:?}");
        }
    }

    #[test]
    fn the_monthly_limit_is_not_waited_out() {
        let outcome =
            Outcome::Answer { status: 429, retry_after: Some(Duration::from_secs(1)), monthly_limit: true };
        assert_eq!(RetryPolicy::default().wait(Repeat::Always, 1, &outcome, 0.5), None);
    }

    #[test]
    fn retry_after_is_waited_in_full_and_not_beyond_patience() {
        let asked = |seconds| Outcome::Answer {
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
            monthly_limit: false,
        };
        let policy = RetryPolicy::default();
        for chance in [0.0, 0.5, 1.0] {
            let wait = policy.wait(Repeat::IfNotProcessed, 1, &asked(10), chance).unwrap();
            assert!(wait >= Duration::from_secs(10) && wait <= Duration::from_secs(11), "{wait:?}");
        }
        assert_eq!(policy.wait(Repeat::Always, 1, &asked(31), 0.0), None);
    }

    #[test]
    fn who_waits_for_ever_survives_an_absurd_retry_after() {
        let policy = RetryPolicy { longest_wait: Duration::MAX, ..RetryPolicy::default() };
        let retry_after = retry_after(Some("18000000000000000000"));
        assert!(retry_after.is_some());
        let outcome = Outcome::Answer { status: 429, retry_after, monthly_limit: false };
        assert!(policy.wait(Repeat::Always, 1, &outcome, 1.0) >= retry_after);
    }

    #[test]
    fn waits_double_and_end() {
        let policy = RetryPolicy::default();
        let wait = |attempt| policy.wait(Repeat::Always, attempt, &Outcome::NoAnswer, 1.0);
        assert_eq!(wait(1), Some(Duration::from_millis(500)));
        assert_eq!(wait(2), Some(Duration::from_millis(1000)));
        assert_eq!(wait(3), Some(Duration::from_millis(2000)));
        assert_eq!(wait(4), None);
    }

    #[test]
    fn retry_after_may_be_a_decimal_and_junk_is_ignored() {
        assert_eq!(retry_after(Some("2.128")), Some(Duration::from_millis(2128)));
        assert_eq!(retry_after(Some(" 3 ")), Some(Duration::from_secs(3)));
        for junk in ["", "-1", "NaN", "inf", "1e300", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(Some(junk)), None, "{junk}");
        }
        assert_eq!(retry_after(None), None);
    }
}
