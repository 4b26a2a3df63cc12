//! Lines about what was learnt.

use crate::report::{Agreement, Judgings, Lessons};

/// What was learnt, and how far the comparison itself can be trusted.
pub(super) fn lessons(lessons: &Lessons) -> Option<String> {
    let Lessons {
        labels,
        audits,
        audits_bad,
        repeats,
        repeats_differ,
        ..
    } = lessons;
    let noise = match lessons.against_noise() {
        Some(ratio) => format!(
            "; the upstream contradicted itself in {repeats_differ} of {repeats}, so differences are {} times its \
             own",
            ratio.round_dp(2).normalize()
        ),
        None if *repeats > 0 => {
            format!("; the upstream contradicted itself in {repeats_differ} of {repeats}")
        }
        None => String::new(),
    };
    (*labels > 0).then(|| {
        format!(
            "Learnt from {labels} drafts; {audits_bad} of {audits} audited answers differed{noise}."
        )
    })
}

/// Drafts that were given up, and what is known of how they would have ended.
pub(super) fn stops(lessons: &Lessons) -> Option<String> {
    let Lessons {
        stopped,
        finished,
        stopped_wrongly,
        ..
    } = lessons;
    (*stopped > 0).then(|| {
        format!(
            "Gave up {stopped} drafts before their end; of {finished} that were made again, {stopped_wrongly} would have been \
             accepted."
        )
    })
}

/// The same for each kind of comparison, where there is more than one.
pub(super) fn comparators(lessons: &Lessons) -> Option<String> {
    let known = lessons.comparators.iter();
    let told: Vec<_> = known
        .map(|(word, found)| {
            let Agreement {
                audits,
                audits_bad,
                repeats,
                repeats_differ,
            } = found;
            format!(
                "{word}: {audits_bad} of {audits} differed, the upstream from itself in {repeats_differ} of {repeats}"
            )
        })
        .collect();
    (told.len() > 1).then(|| format!("By comparison: {}.", told.join("; ")))
}

/// What judges of texts said, and what their word is worth.
pub(super) fn judgings(lessons: &Lessons) -> Option<String> {
    let Judgings {
        pairs,
        again,
        contradicted,
        decided,
        first,
        unreadable,
    } = lessons.judgings;
    (pairs > 0).then(|| {
        format!(
            "A judge compared {pairs} pairs of texts; read in the other order it contradicted itself in {contradicted} of \
             {again}; it preferred what it read first in {first} of {decided} verdicts; {unreadable} answers were no verdict."
        )
    })
}
