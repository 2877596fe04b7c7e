//! What a drill saw, in the order in which it saw it.

use std::time::Instant;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// Seconds since the drill began.
    pub at: f64,
    /// What should be so, as a sentence.
    pub what: String,
    /// What was seen.
    pub seen: String,
    pub held: bool,
}

/// Takes note of what is seen.
pub struct Evidence<'a> {
    begun: Instant,
    facts: Vec<Fact>,
    told: &'a mut dyn FnMut(&Fact),
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(told: &'a mut dyn FnMut(&Fact)) -> Self {
        Self {
            begun: Instant::now(),
            facts: Vec::new(),
            told,
        }
    }

    pub(crate) fn into_facts(self) -> Vec<Fact> {
        self.facts
    }

    /// Notes something that should be so, what was seen, and whether that is so.
    pub fn saw(&mut self, what: impl Into<String>, seen: impl Into<String>, held: bool) {
        let fact = Fact {
            at: self.begun.elapsed().as_secs_f64(),
            what: what.into(),
            seen: seen.into(),
            held,
        };
        (self.told)(&fact);
        self.facts.push(fact);
    }
}
