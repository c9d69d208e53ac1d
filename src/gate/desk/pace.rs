//! Against fatigue: how often an agent may ask people anew, and a pause after they said no again and again. Kept in memory:
//! after a restart everybody begins anew.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::refusal::Refusal;
use crate::identity::ids::AgentName;

const MINUTE: Duration = Duration::from_secs(60);

/// How often an agent may ask. The default sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaceLimits {
    /// New approvals of one agent per minute.
    pub asks_per_minute: Option<usize>,
    /// A pause after this many denials within its own length.
    pub denials: Option<usize>,
    /// How long that pause is.
    pub pause: Duration,
}

#[derive(Default)]
struct Pace {
    asks: VecDeque<Timestamp>,
    denials: VecDeque<Timestamp>,
    paused_until: Option<Timestamp>,
}

/// What each agent did lately.
#[derive(Default)]
pub(super) struct Paces(HashMap<AgentName, Pace>);

impl Paces {
    /// Counts a new approval, or refuses it.
    pub(super) fn ask(&mut self, agent: &AgentName, limits: &PaceLimits, now: Timestamp) -> Result<(), Refusal> {
        if limits.asks_per_minute.is_none() && limits.denials.is_none() {
            return Ok(());
        }
        let pace = self.0.entry(agent.clone()).or_default();
        if let Some(until) = pace.paused_until.filter(|until| now < *until) {
            let until = until.to_rfc3339();
            let until = until.get(11..16).unwrap_or_default();
            let why = format!("people denied several requests of this agent, so it asks nobody before {until}Z");
            return Err(Refusal::unavailable(None, &why));
        }
        forget(&mut pace.asks, MINUTE, now);
        if limits.asks_per_minute.is_some_and(|most| pace.asks.len() >= most) {
            return Err(Refusal::unavailable(None, "this agent asked too often within a minute; ask for less at once"));
        }
        pace.asks.push_back(now);
        Ok(())
    }

    /// Counts a denial.
    pub(super) fn denied(&mut self, agent: &AgentName, limits: &PaceLimits, now: Timestamp) {
        let Some(most) = limits.denials else { return };
        let pace = self.0.entry(agent.clone()).or_default();
        forget(&mut pace.denials, limits.pause, now);
        pace.denials.push_back(now);
        if pace.denials.len() >= most {
            pace.denials.clear();
            pace.paused_until = Some(now.after(limits.pause));
        }
    }
}

fn forget(times: &mut VecDeque<Timestamp>, older_than: Duration, now: Timestamp) {
    // A clock set back does not make the past count for longer than its time.
    times.retain(|at| now.since(*at) < older_than && *at <= now);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits =
        PaceLimits { asks_per_minute: Some(2), denials: Some(3), pause: Duration::from_secs(300) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_795_165_924_000 + seconds * 1000)
    }

    fn bot() -> AgentName {
        AgentName("bot".into())
    }

    #[test]
    fn asks_are_limited_per_minute_and_agent() {
        let mut paces = Paces::default();
        assert!(paces.ask(&bot(), &LIMITS, at(0)).is_ok() && paces.ask(&bot(), &LIMITS, at(30)).is_ok());
        assert!(paces.ask(&bot(), &LIMITS, at(59)).is_err());
        assert!(paces.ask(&AgentName("bat".into()), &LIMITS, at(59)).is_ok());
        assert!(paces.ask(&bot(), &LIMITS, at(60)).is_ok(), "the first ask is a minute old");
        assert!((0..500).all(|_| paces.ask(&bot(), &PaceLimits::default(), at(61)).is_ok()));
    }

    #[test]
    fn repeated_denials_bring_a_pause_that_ends() {
        let mut paces = Paces::default();
        paces.denied(&bot(), &LIMITS, at(0));
        paces.denied(&bot(), &LIMITS, at(301));
        paces.denied(&bot(), &LIMITS, at(302));
        assert!(paces.ask(&bot(), &LIMITS, at(303)).is_ok(), "the first denial is too old to count");
        paces.denied(&bot(), &LIMITS, at(310));
        let refused = paces.ask(&bot(), &LIMITS, at(311)).unwrap_err();
        assert!(refused.message.contains("asks nobody before 09:22Z"), "{}", refused.message);
        assert!(paces.ask(&bot(), &LIMITS, at(610)).is_ok());
        paces.denied(&bot(), &LIMITS, at(611));
        assert!(paces.ask(&bot(), &LIMITS, at(612)).is_ok(), "counting begins anew");
    }
}
