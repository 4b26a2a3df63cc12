//! Which token comes next.

use super::stats::index;
use crate::job::Sampling;

/// Picks among `allowed`, or among all tokens. `draw` is uniform in 0..1 and only used at random.
///
/// `None` where nothing is allowed or no allowed logit is a number.
pub(super) fn choose(
    logits: &[f32],
    allowed: Option<&[u32]>,
    sampling: Sampling,
    draw: f64,
) -> Option<u32> {
    match sampling {
        Sampling::Greedy => highest(candidates(logits, allowed)),
        Sampling::Random {
            temperature, top_p, ..
        } => {
            let candidates: Vec<_> = candidates(logits, allowed).collect();
            random(candidates, temperature, f64::from(top_p), draw)
        }
    }
}

fn candidates<'a>(
    logits: &'a [f32],
    allowed: Option<&'a [u32]>,
) -> impl Iterator<Item = (u32, f32)> + 'a {
    let listed = allowed.unwrap_or_default().iter().copied();
    let all = if allowed.is_some() { 0 } else { logits.len() };
    let all = 0..u32::try_from(all).unwrap_or(u32::MAX);
    let logit = |token: u32| logits.get(index(token)).map(|logit| (token, *logit));
    listed
        .chain(all)
        .filter_map(logit)
        .filter(|(_, logit)| !logit.is_nan())
}

/// The first of equals, so that the choice does not depend on the order of a list.
fn highest(candidates: impl Iterator<Item = (u32, f32)>) -> Option<u32> {
    let best = candidates.reduce(|best, next| {
        let better = next.1 > best.1 || (next.1 >= best.1 && next.0 < best.0);
        if better { next } else { best }
    });
    best.map(|(token, _)| token)
}

fn random(candidates: Vec<(u32, f32)>, temperature: f32, top_p: f64, draw: f64) -> Option<u32> {
    let top = candidates
        .iter()
        .map(|(_, logit)| *logit)
        .fold(f32::NEG_INFINITY, f32::max);
    if !top.is_finite() || temperature <= 0.0 {
        return highest(candidates.into_iter());
    }
    let weigh =
        |(token, logit): (u32, f32)| (token, f64::from(((logit - top) / temperature).exp()));
    let mut weighted: Vec<_> = candidates.into_iter().map(weigh).collect();
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    if top_p < 1.0 {
        nucleus(&mut weighted, total, top_p);
    }
    pick(&weighted, draw)
}

/// Keeps the most probable tokens that together reach `top_p`.
fn nucleus(weighted: &mut Vec<(u32, f64)>, total: f64, top_p: f64) {
    let count = u32::try_from(weighted.len()).unwrap_or(u32::MAX);
    // All tokens below this together weigh less than what is cut off, so none of them can belong to the
    // nucleus. That spares sorting the vocabulary.
    let least = total * (1.0 - top_p) / f64::from(count.max(1));
    weighted.retain(|(_, weight)| *weight >= least);
    weighted.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut reached = 0.0;
    let beyond = weighted.iter().position(|(_, weight)| {
        reached += weight;
        reached >= total * top_p
    });
    if let Some(last) = beyond {
        weighted.truncate(last + 1);
    }
}

fn pick(weighted: &[(u32, f64)], draw: f64) -> Option<u32> {
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut left = draw * total;
    for (token, weight) in weighted {
        if *weight > 0.0 && left < *weight {
            return Some(*token);
        }
        left -= weight;
    }
    // Rounding may leave a crumb behind the last token.
    weighted
        .iter()
        .rev()
        .find(|(_, weight)| *weight > 0.0)
        .map(|(token, _)| *token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVEN: Sampling = Sampling::Random {
        temperature: 1.0,
        top_p: 1.0,
        seed: None,
    };

    #[test]
    fn greedy_takes_the_highest_allowed() {
        let logits = [1.0, 5.0, 3.0, 3.0];
        assert_eq!(choose(&logits, None, Sampling::Greedy, 0.0), Some(1));
        assert_eq!(
            choose(&logits, Some(&[3, 2]), Sampling::Greedy, 0.0),
            Some(2)
        );
        assert_eq!(choose(&logits, Some(&[]), Sampling::Greedy, 0.0), None);
        assert_eq!(choose(&logits, Some(&[9]), Sampling::Greedy, 0.0), None);
    }

    #[test]
    fn random_follows_the_draw() {
        let logits = [0.0_f32, 3.0_f32.ln()];
        assert_eq!(choose(&logits, None, EVEN, 0.24), Some(0));
        assert_eq!(choose(&logits, None, EVEN, 0.26), Some(1));
    }

    #[test]
    fn a_nucleus_cuts_the_tail() {
        let logits = [0.6_f32.ln(), 0.3_f32.ln(), 0.1_f32.ln()];
        let cut = Sampling::Random {
            temperature: 1.0,
            top_p: 0.8,
            seed: None,
        };
        assert_eq!(choose(&logits, None, cut, 0.999), Some(1));
        let only_best = Sampling::Random {
            temperature: 1.0,
            top_p: 0.1,
            seed: None,
        };
        assert_eq!(choose(&logits, None, only_best, 0.999), Some(0));
    }

    #[test]
    fn a_low_temperature_is_nearly_greedy() {
        let cold = Sampling::Random {
            temperature: 0.01,
            top_p: 1.0,
            seed: None,
        };
        assert_eq!(choose(&[1.0, 2.0], None, cold, 0.001), Some(1));
    }

    proptest! {
        #[test]
        fn the_cut_by_weight_changes_nothing(
            logits in proptest::collection::vec(-8.0_f32..8.0, 1..50),
            top_p in 0.05_f64..0.999,
        ) {
            let weights: Vec<_> = (0..).zip(logits.iter().map(|l| f64::from(*l).exp())).collect();
            let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
            let mut ours = weights.clone();
            nucleus(&mut ours, total, top_p);
            let mut sorted = weights;
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut reached = 0.0;
            let kept = sorted.iter().take_while(|(_, weight)| {
                let open = reached < total * top_p;
                reached += weight;
                open
            });
            prop_assert_eq!(ours.len(), kept.count());
            prop_assert_eq!(&ours[..], &sorted[..ours.len()]);
        }

        #[test]
        fn only_allowed_tokens_are_chosen(
            logits in proptest::collection::vec(any::<f32>(), 1..30),
            allowed in proptest::collection::vec(0_u32..40, 0..10),
            draw in 0.0_f64..1.0,
        ) {
            for sampling in [Sampling::Greedy, EVEN] {
                if let Some(token) = choose(&logits, Some(&allowed), sampling, draw) {
                    prop_assert!(allowed.contains(&token));
                }
            }
        }
    }
}
