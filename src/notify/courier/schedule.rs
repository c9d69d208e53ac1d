//! When a failed delivery is tried again: densely while a client may be waiting for a person, then ever more rarely.

use std::time::Duration;

/// Seconds before each further attempt; the last one repeats.
const DELAYS: [u64; 11] = [2, 5, 15, 30, 60, 300, 1800, 7200, 18_000, 36_000, 43_200];

/// The most that a receiver may ask us to wait by `Retry-After`.
const ASKED_MAX: Duration = Duration::from_secs(3600);

/// How long to wait after `attempts` attempts have failed (1 and more). `jitter`, 0 to 1, spreads receivers' load over
/// four fifths to six fifths of the time; `asked` is the receiver's own wish, which never shortens it.
pub fn delay(attempts: u32, jitter: f64, asked: Option<Duration>) -> Duration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let seconds = DELAYS.get(index).or(DELAYS.last()).copied().unwrap_or(60);
    let spread = Duration::from_secs(seconds).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    spread.max(asked.unwrap_or_default().min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_dense_first_and_never_stop_growing_apart() {
        let seconds: Vec<u64> = (1..=14).map(|attempts| delay(attempts, 0.5, None).as_secs()).collect();
        let expected = [2, 5, 15, 30, 60, 300, 1800, 7200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200];
        assert_eq!(seconds, expected);
        assert_eq!(delay(0, 0.5, None), delay(1, 0.5, None));
        assert_eq!(delay(u32::MAX, 0.5, None).as_secs(), 43_200);
    }

    #[test]
    fn jitter_spreads_and_a_wish_only_lengthens() {
        assert_eq!(delay(5, 0.0, None), Duration::from_secs(48));
        assert_eq!(delay(5, 1.0, None), Duration::from_secs(72));
        assert_eq!(delay(5, 7.0, None), Duration::from_secs(72));
        assert_eq!(delay(1, 0.5, Some(Duration::from_secs(30))), Duration::from_secs(30));
        assert_eq!(delay(5, 0.5, Some(Duration::from_secs(1))), Duration::from_secs(60));
        assert_eq!(delay(1, 0.5, Some(Duration::from_secs(999_999))), Duration::from_secs(3600));
    }
}
