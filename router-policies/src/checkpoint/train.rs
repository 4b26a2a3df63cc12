//! From recorded drafts to heads, and to the promise that they keep.

use std::sync::Arc;

use super::CHECKPOINTS;
use super::heads::{Head, Heads, StopPromise};
use super::trace::{Prefix, Trace};
use crate::number::{count, real};
use crate::risk::{RiskTarget, least_n, upper_bound};
use crate::scorer::Scorer;
use crate::units::Probability;

/// What recorded drafts prove about stopping.
#[derive(Debug, Clone, PartialEq)]
pub enum StopProof {
    /// Drafts may be stopped by these heads.
    Proven(Heads),
    /// Even without a single wrong stop, so few accepted drafts prove nothing; record more.
    NotEnough {
        /// Fewest accepted drafts that can prove the promise.
        needed: u64,
        /// Accepted drafts among those that were kept for the proof.
        have: u64,
    },
    /// The promise allows no stop: rejected drafts do not begin otherwise than accepted ones, or are too rare to learn from.
    Nothing,
}

/// Prices that are tried, from the one that stops fewest drafts on: `e^10` to `e^-5` whole drafts in steps of a tenth.
/// They depend on no data, which the proof needs.
const DEAREST: f64 = 10.0;
const STEP: f64 = 0.1;
const STEPS: u16 = 151;

/// Fits a head for each checkpoint on `fitting` and proves on `proving` how far they may go.
///
/// A head is a [`Scorer`] that was fitted to "the verdict rejects this draft". A draft is given up where the compute that a stop
/// probably saves outweighs what it probably costs: `p · left ≥ (1 - p) · price`, with `left` the compute that is left on average
/// and `price` what a needless call of the upstream is worth, both in whole drafts. Reckoned in money alone that price is in the
/// thousands and nothing would ever be stopped; what a stop buys is time, of the client that waits and of the
/// model. So the price is not asked for but found: the smallest with which the share of wrong stops among accepted drafts is proven
/// to stay within the promise. Prices are tested from the greatest down, each with the exact binomial test on the accepted drafts of
/// `proving`, up to the first that fails. A smaller price stops whatever a greater one stops, and the order was fixed
/// beforehand, so no correction is needed (fixed-sequence testing, *Learn then Test*, arXiv:2110.01052, §2.2).
///
/// The drafts of `proving` must be an independent sample of the traffic of which nothing else was learnt: neither the scorer, nor the
/// threshold, nor the heads. [`learn_to_stop`](super::learn_to_stop) sees to that.
pub fn train(
    fitting: &[Trace],
    proving: &[Trace],
    threshold: Probability,
    promise: &StopPromise,
) -> StopProof {
    let accepted = proving.iter().filter(|trace| trace.accepted);
    let accepted: Vec<&Trace> = accepted.collect();
    let heads = fit_heads(fitting);
    let stopped: Vec<u16> = accepted
        .iter()
        .filter_map(|trace| stopped_from(&heads, &trace.prefixes))
        .collect();
    conclude(
        &heads,
        (&stopped, count(accepted.len())),
        threshold,
        promise,
    )
}

/// Heads without limits, one for each checkpoint that enough drafts of either kind come to.
pub(super) fn fit_heads(traces: &[Trace]) -> Vec<Head> {
    let fit = |decisions| fit(traces, decisions);
    CHECKPOINTS.into_iter().filter_map(fit).collect()
}

/// What accepted drafts prove of heads without limits: how many there were and, of each that some price of the grid stops, the
/// greatest such price ([`stopped_from`]).
pub(super) fn conclude(
    heads: &[Head],
    (stopped, accepted): (&[u16], u64),
    threshold: Probability,
    promise: &StopPromise,
) -> StopProof {
    let Some(target) = promise.target() else {
        return StopProof::Nothing;
    };
    let needed = least_n(&target);
    if accepted < needed {
        let have = accepted;
        return StopProof::NotEnough { needed, have };
    }
    match cheapest(stopped, &target, accepted) {
        Some((price, wrong)) if !heads.is_empty() => {
            let bound = upper_bound(wrong, accepted, target.delta());
            StopProof::Proven(Heads {
                promise: *promise,
                threshold,
                price,
                accepted,
                wrong,
                // Bisection may end a rounding error above what the test has passed.
                bound: bound.min(promise.max_wrong()),
                heads: at_price(heads, price),
            })
        }
        _ => StopProof::Nothing,
    }
}

/// A head without a limit; `None` where too few drafts of either kind come this far.
fn fit(traces: &[Trace], decisions: u32) -> Option<Head> {
    let (mut rows, mut left) = (Vec::new(), 0.0);
    for trace in traces {
        for prefix in trace.prefixes.iter().filter(|p| p.decisions == decisions) {
            rows.push((prefix.features, !trace.accepted));
            left += prefix.left / trace.busy;
        }
    }
    let left = left / real(count(rows.len()).max(1));
    let scorer = Scorer::fit(&rows).ok()?;
    // Where nothing is left there is nothing to save.
    (left > 0.0).then_some(Head {
        decisions,
        left,
        limit: Probability::ONE,
        scorer,
    })
}

/// The greatest price of the grid at which a draft with these prefixes is stopped; `None` if at none.
pub(super) fn stopped_from(heads: &[Head], prefixes: &[Prefix]) -> Option<u16> {
    let passed = prefixes.iter().filter_map(|prefix| {
        let head = heads.iter().find(|h| h.decisions == prefix.decisions)?;
        let p = head.scorer.p_bad(&prefix.features);
        (0..STEPS).find(|step| p >= limit(price(*step), head.left))
    });
    passed.min()
}

/// The smallest price of which the promise is proven, and the wrong stops at it.
pub(super) fn cheapest(
    stopped_from: &[u16],
    target: &RiskTarget,
    accepted: u64,
) -> Option<(f64, u64)> {
    let wrong = |step| count(stopped_from.iter().filter(|from| **from <= step).count());
    let passed = (0..STEPS)
        .map(|step| (price(step), wrong(step)))
        .take_while(|(_, wrong)| target.is_proven_by(*wrong, accepted));
    passed.last()
}

fn at_price(heads: &[Head], price: f64) -> Arc<[Head]> {
    let priced = |head: &Head| Head {
        limit: limit(price, head.left),
        ..head.clone()
    };
    heads.iter().map(priced).collect()
}

fn price(step: u16) -> f64 {
    (DEAREST - STEP * f64::from(step)).exp()
}

/// The first step of the grid whose price is at most `price`.
#[cfg(test)]
pub(super) fn step_of(most: f64) -> Option<u16> {
    (0..STEPS).find(|step| price(*step) <= most)
}

fn limit(price: f64, left: f64) -> Probability {
    Probability::of_bad(price / (price + left))
}
