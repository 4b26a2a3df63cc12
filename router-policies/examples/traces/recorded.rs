//! Traces as the example `record` writes them.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};

use router_policies::{
    Doubt, Features, Finish, Labelled, Outcome, Probability, Signals, Soft, TokenSignal,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    right: bool,
    valid: bool,
    finish: Finish,
    soft: Soft,
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: u32,
    #[serde(flatten)]
    signal: TokenSignal,
}

/// One recorded draft.
pub(crate) struct Recorded {
    pub(crate) right: bool,
    pub(crate) valid: bool,
    pub(crate) features: Features,
    /// Mean and least logprob over all unforced tokens, whatever they are to the answer.
    pub(crate) whole_mean: f64,
    pub(crate) whole_min: f64,
}

pub(crate) fn read(file: &str) -> Result<Vec<Recorded>, Box<dyn Error>> {
    let lines = BufReader::new(File::open(file)?).lines();
    lines
        .map(|line| Ok(Recorded::new(&serde_json::from_str(&line?)?)))
        .collect()
}

impl Recorded {
    fn new(line: &Line) -> Self {
        let mut signals = Signals::new();
        let (mut sum, mut least, mut count) = (0.0, 0.0_f64, 0_u32);
        for token in &line.tokens {
            signals.push(token.id, token.signal);
            if !token.signal.forced {
                let logprob = f64::from(token.signal.logprob);
                sum += logprob;
                least = least.min(logprob);
                count += 1;
            }
        }
        Self {
            right: line.right,
            valid: line.valid,
            features: signals.features(line.finish).with_soft(line.soft),
            whole_mean: sum / f64::from(count.max(1)),
            whole_min: least,
        }
    }

    pub(crate) fn feature(&self, name: &str) -> f64 {
        self.features.get(name).unwrap_or(f64::NAN)
    }

    /// `doubt`, unless the draft failed its checks.
    pub(crate) const fn doubt(&self, doubt: Doubt) -> Doubt {
        if self.valid { doubt } else { Doubt::NEVER }
    }

    pub(crate) const fn labelled(&self) -> Labelled {
        Labelled {
            features: self.features,
            valid: self.valid,
            bad: !self.right,
        }
    }

    pub(crate) const fn outcome(&self, doubt: Doubt) -> Outcome {
        Outcome {
            doubt,
            local: if self.right {
                Probability::ONE
            } else {
                Probability::ZERO
            },
            upstream: Probability::ONE,
        }
    }
}
