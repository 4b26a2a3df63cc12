//! What the exchanges of a period would have cost, and risked, under another policy.
//!
//! The ledger keeps the features of every judged draft, so a policy can judge it again: [`Judge`] as the gateway uses it,
//! with the certificate that lies on disk now. Costs are those in the books. Only where a draft was accepted that the
//! policy would escalate is there no bill: its baseline, an estimate with the tokens of the answer, stands in, and the
//! sum of such estimates is shown. Regret is known of labelled drafts alone; it is estimated from them, with an interval,
//! or not at all.
//!
//! What cannot be judged again is left as it was and counted: requests without a draft, those that did not complete, and
//! drafts whose features another build wrote. Requests that another policy would send to another route are not known
//! either, for the ledger keeps no request. Audits are left out of both sides.

mod books;
mod render;
mod risk;

use std::collections::BTreeMap;

use jiff::Timestamp;
use router_policies::{Action, Certificate, Fingerprint, Judge, Policy, Route, Trust, Verdict};
use rusqlite::Connection;

use self::books::{Booked, Drafted};
pub use self::risk::Estimate;
use self::risk::Strata;
use crate::ledger::{LedgerError, Source, Usd};

/// A period of the ledger under a policy.
#[derive(Debug)]
pub struct Hindsight {
    /// One row per route of the policy that had requests, by name.
    pub routes: BTreeMap<String, Retried>,
    /// Requests on routes that the policy does not have.
    pub elsewhere: BTreeMap<String, u64>,
}

impl Hindsight {
    /// For people, in `width` columns.
    #[must_use]
    pub fn to_text(&self, width: Option<u16>) -> String {
        render::text(self, width)
    }

    /// For programs: one object, money as decimal text.
    ///
    /// # Errors
    /// When the text cannot be put together.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        render::json(self)
    }
}

/// The requests of one route, as they were and under the policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retried {
    /// What the policy accepts, in words.
    pub rule: String,
    /// Completed exchanges.
    pub requests: u64,
    /// Exchanges that failed, were left by the client, or are open; not looked at.
    pub incomplete: u64,
    /// Completed ones with a draft that could be judged again.
    pub judged: u64,
    /// Completed ones without a draft; left as they were.
    pub undrafted: u64,
    /// With a draft that was stopped early and not finished later; left as they were, which is escalated.
    pub stopped: u64,
    /// With a draft whose features this build cannot read; left as they were.
    pub unreadable: u64,
    /// Drafts that the certificate in force is not about, among `judged`; they escalate.
    pub uncovered: u64,
    /// Answered locally, as it was.
    pub local_recorded: u64,
    /// Answered locally under the policy.
    pub local_policy: u64,
    /// Spent on drafts and calls, as it was.
    pub cost_recorded: Usd,
    /// The same under the policy.
    pub cost_policy: Usd,
    /// The part of `cost_policy` that is estimated.
    pub cost_estimated: Usd,
    /// Exchanges of unknown cost; left out of all three sums.
    pub unpriced: u64,
    /// Regret under the policy; absent where too little is labelled to say anything.
    pub regret: Option<Estimate>,
    /// Drafts that the policy accepts and of which it is known whether they were bad.
    pub labelled: u64,
}

/// Reads a period of a ledger and judges it again. `period` is in microseconds since 1970, its end excluded.
///
/// # Errors
/// When the ledger cannot be read.
pub fn hindsight(
    connection: &Connection,
    period: (Option<Timestamp>, Option<Timestamp>),
    policy: &Policy,
    certificates: &BTreeMap<String, Certificate>,
) -> Result<Hindsight, LedgerError> {
    let books = books::load(connection, period)?;
    let mut trials = BTreeMap::<String, Trial<'_>>::new();
    let mut elsewhere = BTreeMap::new();
    for booked in books.exchanges {
        let Some(route) = policy.route(&booked.route) else {
            *elsewhere.entry(booked.route).or_default() += 1;
            continue;
        };
        if !trials.contains_key(&booked.route) {
            let certificate = certificates.get(&booked.route);
            trials.insert(booked.route.clone(), Trial::new(route, certificate));
        }
        if let Some(trial) = trials.get_mut(&booked.route) {
            trial.add(&booked, &books.fingerprints);
        }
    }
    let routes = trials.into_iter().map(|(name, trial)| (name, trial.end()));
    Ok(Hindsight {
        routes: routes.collect(),
        elsewhere,
    })
}

/// One route under its policy.
struct Trial<'a> {
    route: &'a Route,
    certificate: Option<&'a Certificate>,
    /// One judge per fingerprint that drafts were made under.
    judges: BTreeMap<String, Judge>,
    row: Retried,
    strata: Strata,
}

/// What a policy does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Local,
    Upstream,
    AsItWas,
}

impl<'a> Trial<'a> {
    fn new(route: &'a Route, certificate: Option<&'a Certificate>) -> Self {
        Self {
            route,
            certificate,
            judges: BTreeMap::new(),
            row: Retried::default(),
            strata: Strata::default(),
        }
    }

    fn add(&mut self, booked: &Booked, fingerprints: &BTreeMap<String, Fingerprint>) {
        if !booked.completed {
            self.row.incomplete += 1;
            return;
        }
        self.row.requests += 1;
        let was_local = booked.source == Source::Local;
        self.row.local_recorded += u64::from(was_local);
        let fate = self.fate(booked, fingerprints);
        let local = match fate {
            Fate::Local => true,
            Fate::Upstream => false,
            Fate::AsItWas => was_local,
        };
        self.row.local_policy += u64::from(local);
        if let Some(drafted) = booked.draft.as_ref().filter(|_| local) {
            self.strata.add(drafted);
        } else if local {
            // Answered locally without evidence: nothing can be known of it.
            self.strata.add_unknown();
        }
        self.book(booked, fate);
    }

    fn fate(&mut self, booked: &Booked, fingerprints: &BTreeMap<String, Fingerprint>) -> Fate {
        let Some(drafted) = &booked.draft else {
            self.row.undrafted += 1;
            return Fate::AsItWas;
        };
        match self.route.action {
            Action::LocalFirst | Action::LocalOnly => {}
            Action::UpstreamOnly | Action::Shadow => {
                self.row.judged += 1;
                return Fate::Upstream;
            }
            // The books do not say which arm it was.
            Action::Split => {
                self.row.unreadable += 1;
                return Fate::AsItWas;
            }
        }
        if drafted.stopped {
            self.row.stopped += 1;
            return Fate::AsItWas;
        }
        let read = drafted.features.as_ref();
        let (Some(features), Some(now)) = (read, fingerprints.get(&drafted.fingerprint)) else {
            self.row.unreadable += 1;
            return Fate::AsItWas;
        };
        self.row.judged += 1;
        let (trust, certificate) = (self.route.trust, self.certificate);
        self.row.uncovered += u64::from(certificate.is_some_and(|c| c.covers(now).is_err()));
        let judge = self
            .judges
            .entry(drafted.fingerprint.clone())
            .or_insert_with(|| Judge::for_route(trust, certificate, now));
        match judge.assess(features, drafted.failed).verdict {
            Verdict::Accept => Fate::Local,
            Verdict::Escalate(_) => Fate::Upstream,
        }
    }

    fn book(&mut self, booked: &Booked, fate: Fate) {
        let recorded = booked.drafts.saturating_add(booked.calls);
        let estimated = if fate == Fate::Upstream && booked.source == Source::Local {
            booked.baseline
        } else {
            Some(Usd::ZERO)
        };
        let Some(estimated) = estimated.filter(|_| !booked.unknown) else {
            self.row.unpriced += 1;
            return;
        };
        let drafts = if self.route.action == Action::UpstreamOnly {
            Usd::ZERO
        } else {
            booked.drafts
        };
        let policy = match fate {
            Fate::Local => drafts,
            Fate::Upstream => drafts
                .saturating_add(booked.calls)
                .saturating_add(estimated),
            Fate::AsItWas => recorded,
        };
        let row = &mut self.row;
        row.cost_recorded = row.cost_recorded.saturating_add(recorded);
        row.cost_policy = row.cost_policy.saturating_add(policy);
        row.cost_estimated = row.cost_estimated.saturating_add(estimated);
    }

    fn end(self) -> Retried {
        let mut row = self.row;
        row.rule = rule(self.route, self.certificate);
        row.labelled = self.strata.labelled();
        row.regret = self.strata.estimate(row.requests);
        row
    }
}

fn rule(route: &Route, certificate: Option<&Certificate>) -> String {
    if !route.action.answers_locally() {
        return format!("nothing, the route is {}", route.action.as_str());
    }
    match (route.trust, certificate) {
        (Trust::Threshold(least), _) => format!("drafts of a confidence from {least}"),
        (Trust::Everything, _) => "all drafts that pass their checks".to_owned(),
        (Trust::Risk(target), Some(proof)) if proof.holds_for(&target) => {
            format!("drafts of a p_bad up to {:.4}", proof.threshold.get())
        }
        (Trust::Risk(_), Some(_)) => {
            "nothing, its certificate proves less than the target".to_owned()
        }
        (Trust::Risk(_), None) => "nothing, it has no certificate".to_owned(),
    }
}

/// How a draft was judged when it was made, as far as it tells who gets a label.
impl Drafted {
    /// The chance of a label is the same for all drafts of one stratum: for accepted ones that of an audit.
    fn stratum(&self) -> Option<u64> {
        self.accepted
            .then(|| self.propensity.unwrap_or(0.0).to_bits())
    }
}
