//! From labelled drafts to a scorer, what it proves, and heads for its verdicts, with the three kept apart.

use super::heads::StopPromise;
use super::trace::{Trace, Traced};
use super::train::{StopProof, train};
use crate::learn::{FIT_FROM, Labelled, Lesson, learn};
use crate::risk::{Proof, RiskTarget};
use crate::scorer::Scorer;
use crate::units::Probability;

/// What labelled drafts teach a route that stops drafts early.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopping {
    /// Scorer and proof.
    pub lesson: Lesson,
    /// The drafts that they come from: all but those that were kept for the heads.
    pub labelled: Vec<Labelled>,
    /// What is proven about stopping; `None` where no drafts were kept for it or nothing is certified.
    pub stops: Option<StopProof>,
    /// The drafts that the proof about stopping looked at, under the verdict of the scorer. All drafts where none were kept; empty
    /// where nothing is certified.
    pub proving: Vec<Trace>,
}

/// One draft in this many is kept for the proof about stopping.
const KEPT: usize = 4;

/// Learns a scorer and certifies it as [`learn`] does, and trains heads for it.
///
/// The heads promise something about the drafts that the certified threshold accepts, which was chosen on the drafts that
/// certified it, by a scorer that was fitted to yet others. So every fourth draft is kept from both, and only those prove the promise;
/// the heads are fitted to all the others. That costs the certificate a quarter of its rows.
///
/// Where fewer than 1000 drafts would be left to learn from, none is kept and no head is trained: the plain scorer that speaks then
/// tells certain rejections by itself.
pub fn learn_to_stop(rows: &[Traced], target: &RiskTarget, promise: &StopPromise) -> Stopping {
    let kept = |index: usize| index % KEPT == KEPT - 1;
    let enough = rows.len() - rows.len() / KEPT >= FIT_FROM;
    let pick = |for_stops: bool| {
        let rows = rows.iter().enumerate();
        rows.filter(move |(index, _)| (enough && kept(*index)) == for_stops)
            .map(|(_, row)| row)
    };
    let labelled: Vec<Labelled> = pick(false).map(|row| row.labelled).collect();
    let lesson = learn(&labelled, target);
    let (mut stops, mut proving) = (None, Vec::new());
    if let Proof::Certified(certified) = lesson.proof {
        let traces = |for_stops| judged(pick(for_stops), &lesson.scorer, certified.threshold);
        let fitting = traces(false);
        if enough {
            proving = traces(true);
            stops = Some(train(&fitting, &proving, certified.threshold, promise));
        } else {
            proving = fitting;
        }
    }
    Stopping {
        lesson,
        labelled,
        stops,
        proving,
    }
}

/// Traces under a verdict. Requests without a draft have none.
fn judged<'a>(
    rows: impl Iterator<Item = &'a Traced>,
    scorer: &Scorer,
    threshold: Probability,
) -> Vec<Trace> {
    rows.filter(|row| row.busy > 0.0)
        .map(|row| row.judged(scorer.p_bad(&row.labelled.features), threshold))
        .collect()
}
