//! What a calibration says about stopping drafts early.

use std::fmt::Write;

use router_policies::{CheckpointTally, StopProof, StopTally};

use crate::learning::Stops;

/// What was proven, and what happens at each checkpoint.
pub(super) fn describe_stops(stops: &Stops) -> String {
    let tally = &stops.tally;
    let mut text = format!("{}\n\n{HEAD}", proof(stops.proof.as_ref()));
    for at in &tally.checkpoints {
        line(&mut text, at, tally);
    }
    // Writing to a string cannot fail.
    let _written = write!(
        text,
        "\n{:>9} {:>8} {:>8} {:>8} {:>14}",
        "all",
        tally.drafts,
        tally.stopped(),
        tally.wrong(),
        percent(tally.saved_share()),
    );
    text
}

const HEAD: &str = "decisions  reached  stopped  wrongly  compute saved";

fn line(text: &mut String, at: &CheckpointTally, tally: &StopTally) {
    let saved = if tally.escalated_busy > 0.0 {
        at.saved / tally.escalated_busy
    } else {
        0.0
    };
    let _written = write!(
        text,
        "\n{:>9} {:>8} {:>8} {:>8} {:>14}",
        at.decisions,
        at.reached,
        at.stopped,
        at.wrong,
        percent(saved),
    );
}

fn proof(proof: Option<&StopProof>) -> String {
    match proof {
        Some(StopProof::Proven(heads)) => format!(
            "stops early: of {} acceptable drafts {} are stopped; at most {:.1} of all acceptable ones will be, with an assurance of {}",
            heads.accepted,
            heads.wrong,
            heads.bound,
            heads.promise.assurance(),
        ),
        Some(StopProof::NotEnough { needed, have }) => format!(
            "stops early: {have} acceptable drafts are too few for a promise about stops, it takes {needed}; without more rows only drafts \
             that have certainly lost are stopped"
        ),
        Some(StopProof::Nothing) => "stops early: nothing can be promised, so only drafts that have certainly lost are stopped; acceptable \
             and other drafts begin too much alike"
            .to_owned(),
        None => "stops early: only drafts that have certainly lost; more takes 1334 labelled requests".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_each_checkpoint_does() {
        let at = |decisions, reached, stopped, wrong, saved| CheckpointTally {
            decisions,
            reached,
            stopped,
            wrong,
            saved,
        };
        let tally = StopTally {
            checkpoints: vec![at(1, 300, 30, 2, 12.0), at(4, 270, 10, 0, 0.5)],
            drafts: 300,
            accepted: 180,
            escalated_busy: 50.0,
        };
        let text = describe_stops(&Stops { proof: None, tally });
        assert_eq!(
            text,
            "stops early: only drafts that have certainly lost; more takes 1334 labelled requests\n\n\
             decisions  reached  stopped  wrongly  compute saved\n        \
             1      300       30        2         24.0 %\n        \
             4      270       10        0          1.0 %\n      \
             all      300       40        2         25.0 %"
        );
    }
}
