//! The regret of what is served, as audits show it.

use serde::{Deserialize, Serialize};

use crate::live::alarm::AlarmCause;
use crate::live::audit::LabelSampling;
use crate::live::learning::Label;
use crate::live::settings::LiveSettings;

/// Regrets that are bet on, as multiples of the target's.
const MULTIPLES: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];

/// No bet risks more than this share of its wealth on one request.
const LARGEST_RISK: f64 = 0.5;

/// Expected audits after which half of the wealth has been set to work.
const HALF: f64 = 50.0;

/// A bet that the regret is above the target: the mirror image of
/// [`Evidence`](crate::risk::evidence::Evidence), for the threshold in force.
///
/// Its wealth starts at 1 and is multiplied by `1 + η (Z - ε)`, with `Z` as there. While the regret is within the target
/// no bet gains on average, so by Ville's inequality the wealth ever reaches `1 / false_alarm` with a chance of at most
/// `false_alarm`, over the whole life of the certificate. It is never restarted: restarting it whenever it has lost
/// gives a false alarm sooner or later.
///
/// What would make it slow is a long quiet time in which all is lost. So not all is bet at once: a reserve
/// `1 / (1 + ln(1 + u / 50))` is held back after `u` expected audits, and what is released begins to bet then. That is a mean
/// over bets with starting times fixed beforehand, hence as fair as each of them; a change after a thousand quiet audits
/// costs it a factor of about 300, instead of one of 10^10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossWatch {
    epsilon: f64,
    limit: f64,
    /// Wealth of each bet.
    bets: [f64; MULTIPLES.len()],
    /// Expected audits so far.
    expected: f64,
    pub(crate) audits: u64,
    pub(crate) losses: u64,
    /// Answers that failed after they were committed, which takes no audit to know.
    #[serde(default)]
    pub(crate) failed: u64,
}

impl LossWatch {
    pub(crate) fn new(settings: &LiveSettings) -> Self {
        Self {
            epsilon: settings.target.max_regret().get(),
            limit: 1.0 / settings.false_alarm.get().max(f64::MIN_POSITIVE),
            bets: [0.0; MULTIPLES.len()],
            expected: 0.0,
            audits: 0,
            losses: 0,
            failed: 0,
        }
    }

    /// Takes one request in.
    pub(crate) fn observe(&mut self, sampling: &LabelSampling, label: Label) -> Option<AlarmCause> {
        let least = sampling.least.get();
        // Nothing is drawn: nothing can be learnt, from no request.
        if least <= 0.0 {
            return None;
        }
        let loss = sampling.accept && label.known() == Some(true);
        if sampling.accept {
            self.audits += u64::from(matches!(label, Label::Good | Label::Bad));
            self.losses += u64::from(label == Label::Bad);
            self.failed += u64::from(label == Label::Failed);
        }
        let released = reserve(self.expected) - reserve(self.expected + least);
        self.expected += least;
        let regret = if loss {
            1.0 / sampling.propensity.get().max(least)
        } else {
            0.0
        };
        for (wealth, multiple) in self.bets.iter_mut().zip(MULTIPLES) {
            let bet = (least * (multiple - 1.0)).min(LARGEST_RISK / self.epsilon);
            *wealth += released / 5.0;
            *wealth *= 1.0 + bet * (regret - self.epsilon);
        }
        let wealth = self.wealth();
        (wealth >= self.limit).then_some(AlarmCause::AuditedLoss {
            audits: self.audits,
            losses: self.losses,
            failed: self.failed,
            wealth,
        })
    }

    pub(crate) fn wealth(&self) -> f64 {
        reserve(self.expected) + self.bets.iter().sum::<f64>()
    }
}

/// Share of the wealth not yet bet after `expected` audits; falls from 1 to 0, so slowly that there is always some.
fn reserve(expected: f64) -> f64 {
    1.0 / (1.0 + (expected / HALF).ln_1p())
}
