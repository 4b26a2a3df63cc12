//! The suite bites: an engine with a fault breaks the rule against it, and no rule is without such an engine.

use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::rules;
use crate::suite::{Capability, Made, Setup, Subject, Trouble, Verdict, queue};
use crate::table::Table;

mod faulty;

use faulty::{Fault, Faulty};

const LACKS: &[(Capability, &str)] = &[
    (Capability::Regex, "the table knows closed lists only"),
    (Capability::Json, "the table knows closed lists only"),
    (Capability::JsonSchema, "the table knows closed lists only"),
];

/// Each fault with the rules that have to notice it.
const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::NoFacts, &["says_what_it_is"]),
    (Fault::TwoEnds, &["ends_once"]),
    (Fault::NoPrefill, &["reads_the_prompt_first"]),
    (Fault::Miscounted, &["reads_the_prompt_first"]),
    (Fault::NoEndToken, &["the_tokens_are_the_text"]),
    (Fault::LossyText, &["characters_may_be_split"]),
    (Fault::GreedyDraws, &["greedy_is_deterministic"]),
    (Fault::SeedIgnored, &["a_seed_repeats"]),
    (Fault::MoreThanCertain, &["statistics_are_sound"]),
    (Fault::NotANumber, &["statistics_are_sound"]),
    (Fault::CommonLogarithm, &["logarithms_are_natural"]),
    (
        Fault::TopOnly,
        &["margin_and_entropy_are_of_the_whole_vocabulary"],
    ),
    (
        Fault::AfterTemperature,
        &["drawing_keeps_the_models_own_statistics"],
    ),
    (Fault::OneTooMany, &["max_tokens_holds"]),
    (
        Fault::CutAtTheEnd,
        &["an_answer_that_just_fits_is_complete"],
    ),
    (
        Fault::StopIgnored,
        &["stop_strings_are_no_part_of_the_answer"],
    ),
    (
        Fault::StopLeaked,
        &["stop_strings_are_no_part_of_the_answer"],
    ),
    (
        Fault::PromptCut,
        &["a_prompt_beyond_the_context_is_refused"],
    ),
    (
        Fault::ContextIgnored,
        &[
            "a_prompt_beyond_the_context_is_refused",
            "the_context_bounds_the_answer",
        ],
    ),
    (
        Fault::Unconstrained,
        &[
            "a_closed_list_is_kept",
            "an_empty_closed_list_is_refused",
            "a_pattern_is_kept",
            "json_is_kept",
            "a_schema_is_kept",
        ],
    ),
    (
        Fault::ClaimsTooLittle,
        &["a_pattern_is_kept", "json_is_kept", "a_schema_is_kept"],
    ),
    (Fault::ForcedUnmarked, &["forced_tokens_are_marked"]),
    (Fault::AfterMask, &["what_a_list_leaves_out_is_measured"]),
    (Fault::RunsOn, &["a_dropped_stream_stops_the_compute"]),
    (Fault::KeepsSlot, &["a_dropped_stream_frees_its_slot"]),
    (Fault::WaitsForReader, &["a_slow_reader_stalls_nobody"]),
    (Fault::QueueWithoutBound, &["a_full_queue_turns_away"]),
    (Fault::LoraIgnored, &["an_unknown_lora_is_refused"]),
    (Fault::LongVectors, &["embeddings_are_unit_vectors"]),
    (Fault::DiesSilently, &["death_ends_what_runs"]),
    (Fault::StaysDead, &["what_died_comes_back"]),
];

type Check = for<'a> fn(&'a Subject) -> BoxFuture<'a, Verdict>;

macro_rules! by_name {
    (; $($rule:ident),+ $(,)?) => {
        &[$((stringify!($rule), |subject| Box::pin(rules::$rule(subject)))),+]
    };
}

const RULES: &[(&str, Check)] = rules::each!(by_name!());

fn subject(fault: Option<Fault>) -> Subject {
    let lacks = match fault {
        // Does what it was not asked for while it claims to be able to.
        Some(Fault::Unconstrained) => &[],
        _ => LACKS,
    };
    let mut subject = Subject::new("faulty", lacks, move |setup: Setup| async move {
        let context = setup
            .context
            .filter(|_| fault != Some(Fault::ContextIgnored));
        let table = Arc::new(Table::new(Setup { context, ..setup }));
        let counted = Arc::clone(&table);
        let engine = Arc::new(Faulty::new(table, fault));
        let mortal = Arc::clone(&engine);
        let mut made = Made::new(engine).counting(move || counted.steps());
        made.kill = Some(Box::new(move || mortal.die(setup.restart_after)));
        made
    });
    if fault == Some(Fault::QueueWithoutBound) {
        subject.queue = |engine, _| queue(engine, 1000);
    }
    subject
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_a_fault_breaks_no_rule() {
    let subject = subject(None);
    for (rule, check) in RULES {
        let verdict = check(&subject).await;
        let lacking = matches!(verdict, Err(Trouble::NotClaimed(..)));
        assert!(verdict == Ok(()) || lacking, "{rule}: {verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_breaks_the_rules_against_it() {
    for (fault, rules) in FAULTS {
        let subject = subject(Some(*fault));
        for rule in *rules {
            let (_, check) = RULES.iter().find(|(name, _)| name == rule).unwrap();
            let verdict = check(&subject).await;
            let bitten = matches!(verdict, Err(Trouble::Broken(_)));
            assert!(bitten, "{fault:?} passes {rule}: {verdict:?}");
            println!("{fault:?} breaks {rule}: {verdict:?}");
        }
    }
}

#[test]
fn no_rule_is_without_a_fault() {
    for (rule, _) in RULES {
        let bites = FAULTS.iter().any(|(_, rules)| rules.contains(rule));
        assert!(bites, "nothing shows that {rule} can fail");
    }
}
