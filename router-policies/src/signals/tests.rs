use proptest::prelude::*;

use super::{
    FeatureError, Features, Finish, PromptSignal, Role, Signals, Soft, TokenSignal, WINDOW,
};
use crate::units::Probability;

fn token(logprob: f32) -> TokenSignal {
    TokenSignal {
        logprob,
        margin: 1.0,
        entropy: 0.5,
        legal_mass: 1.0,
        forced: false,
        role: Role::Decision,
    }
}

fn signals(logprobs: &[f32]) -> Signals {
    let mut signals = Signals::new();
    for (id, logprob) in (0..).zip(logprobs) {
        signals.push(id, token(*logprob));
    }
    signals
}

fn feature(signals: &Signals, name: &str) -> f64 {
    signals.features(Finish::Stop).get(name).unwrap()
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn features_of_a_small_draft() {
    let mut signals = Signals::new();
    let half = 0.5_f32.ln();
    signals.push(
        1,
        TokenSignal {
            logprob: half,
            margin: 0.3,
            entropy: 0.9,
            legal_mass: 0.8,
            forced: false,
            role: Role::Decision,
        },
    );
    signals.push(
        2,
        TokenSignal {
            logprob: 0.0,
            margin: 5.0,
            entropy: 0.1,
            legal_mass: 0.5,
            forced: false,
            role: Role::Decision,
        },
    );
    let features = signals.features(Finish::Length);
    let half = f64::from(half);
    for (name, expected) in [
        ("sum_logprob", half),
        ("min_logprob", half),
        ("tenth_logprob", half),
        ("median_logprob", 0.0),
        ("mean_logprob", half / 2.0),
        ("mean_miss", 0.25),
        ("min_margin", 0.3),
        ("mean_margin", 2.65),
        ("max_entropy", 0.9),
        ("min_legal_mass", 0.5_f64.ln()),
        ("lowest_window", half / 2.0),
        ("ln_tokens", 2.0_f64.ln()),
        ("truncated", 1.0),
        ("repetition", 0.0),
        ("twentieth_logprob", half),
        ("quarter_logprob", half),
        ("first_logprob", half),
        ("frame_logprob", 0.0),
        ("min_frame_logprob", 0.0),
        ("prompt_mean_logprob", 0.0),
        ("prompt_min_logprob", 0.0),
        ("prompt_known", 0.0),
        ("hedged", 0.0),
        ("copied", 0.0),
    ] {
        assert_close(features.get(name).unwrap(), expected);
    }
    assert_eq!(features.get("no_such"), None);
    assert_close(features.draft_logprob(), half);
}

#[test]
fn forced_tokens_are_counted_and_otherwise_ignored() {
    let mut with = signals(&[-0.1, -2.0]);
    let without = with.features(Finish::Stop);
    with.push(
        9,
        TokenSignal {
            logprob: -50.0,
            margin: -9.0,
            entropy: 9.0,
            legal_mass: 0.0,
            forced: true,
            role: Role::Decision,
        },
    );
    assert_eq!(with.features(Finish::Stop), without);
    assert_eq!((with.tokens(), with.decisions(), with.forced()), (3, 2, 1));
}

#[test]
fn the_frame_has_features_of_its_own() {
    let framed = |logprob| TokenSignal {
        role: Role::Frame,
        ..token(logprob)
    };
    let mut signals = Signals::new();
    for (id, signal) in [(1, framed(-3.0)), (2, token(-0.5)), (3, framed(-1.0))] {
        signals.push(id, signal);
        assert_eq!(signals.decided_last(), id == 2);
    }
    for (name, expected) in [
        ("sum_logprob", -0.5),
        ("min_logprob", -0.5),
        ("first_logprob", -0.5),
        ("frame_logprob", -4.0),
        ("min_frame_logprob", -3.0),
        ("ln_tokens", 0.0),
    ] {
        assert_close(feature(&signals, name), expected);
    }
    assert_close(signals.features(Finish::Stop).draft_logprob(), -4.5);
    assert_eq!(
        (signals.tokens(), signals.decisions(), signals.forced()),
        (3, 1, 0)
    );
}

#[test]
fn the_prompt_is_a_feature_where_the_engine_tells() {
    let mut signals = signals(&[-0.5]);
    signals.read_prompt(PromptSignal {
        mean_logprob: -2.5,
        min_logprob: f32::NAN,
    });
    assert_close(feature(&signals, "prompt_known"), 1.0);
    assert_close(feature(&signals, "prompt_mean_logprob"), -2.5);
    assert_close(feature(&signals, "prompt_min_logprob"), -100.0);
}

#[test]
fn the_finished_text_adds_its_features() {
    let soft = Soft {
        hedged: true,
        copied: Probability::new(0.25).unwrap(),
        looped: Probability::new(0.5).unwrap(),
        empty: true,
    };
    let features = signals(&[-0.5]).features(Finish::Stop).with_soft(soft);
    assert_close(features.get("hedged").unwrap(), 1.0);
    assert_close(features.get("copied").unwrap(), 0.25);
    assert_close(features.get("looped").unwrap(), 0.5);
    assert_close(features.get("empty").unwrap(), 1.0);
    assert_close(features.get("prompt_known").unwrap(), 0.0);
}

#[test]
fn a_draft_without_decisions_has_no_evidence_for_it() {
    let mut forced = Signals::new();
    forced.push(
        1,
        TokenSignal {
            forced: true,
            ..token(0.0)
        },
    );
    for signals in [Signals::new(), forced] {
        assert_close(feature(&signals, "sum_logprob"), -100.0);
        assert_close(feature(&signals, "mean_miss"), 1.0);
        assert_close(feature(&signals, "max_entropy"), 20.0);
    }
}

#[test]
fn the_lowest_window_is_found_wherever_it_is() {
    let mut logprobs = vec![-0.1; 60];
    logprobs[20..36].fill(-3.0);
    assert_close(feature(&signals(&logprobs), "lowest_window"), -3.0);
    assert_close(feature(&signals(&logprobs[..15]), "lowest_window"), -0.1);
}

#[test]
fn a_loop_shows_as_repetition() {
    let repeating = |period: u32, length: u32| {
        let mut signals = Signals::new();
        for step in 0..length {
            signals.push(step % period, token(-0.1));
        }
        feature(&signals, "repetition")
    };
    assert_close(repeating(3, 30), 27.0 / 30.0);
    assert_close(repeating(16, 64), 48.0 / 64.0);
    assert_close(repeating(17, 68), 0.0);
    assert_close(repeating(1, 5), 0.0);
}

#[test]
fn an_id_of_zero_is_not_taken_for_a_repeat_of_nothing() {
    let mut signals = Signals::new();
    signals.push(0, token(-0.1));
    for id in 1..20 {
        signals.push(id, token(-0.1));
    }
    assert_close(feature(&signals, "repetition"), 0.0);
}

#[test]
fn features_are_a_map_of_names_when_stored() {
    let features = signals(&[-0.25, -0.5]).features(Finish::Stop);
    let stored = serde_json::to_value(features).unwrap();
    assert_eq!(stored.as_object().unwrap().len(), Features::COUNT);
    assert_close(stored["sum_logprob"].as_f64().unwrap(), -0.75);
    let read: Features = serde_json::from_value(stored.clone()).unwrap();
    for ((_, read), (_, written)) in read.iter().zip(features.iter()) {
        assert_close(read, written);
    }

    let mut missing = stored.clone();
    missing.as_object_mut().unwrap().shift_remove("mean_miss");
    assert!(
        serde_json::from_value::<Features>(missing)
            .unwrap_err()
            .to_string()
            .contains("mean_miss")
    );
    let mut unknown = stored;
    unknown["mood"] = 1.into();
    assert!(
        serde_json::from_value::<Features>(unknown)
            .unwrap_err()
            .to_string()
            .contains("mood")
    );
}

#[test]
fn infinite_features_are_refused() {
    let mut named: std::collections::BTreeMap<String, f64> =
        signals(&[-0.1]).features(Finish::Stop).into();
    named.insert("mean_margin".to_owned(), f64::NAN);
    assert_eq!(
        Features::from_named(&named),
        Err(FeatureError::NotFinite("mean_margin"))
    );
}

fn any_signal() -> impl Strategy<Value = TokenSignal> {
    let wild = || {
        prop_oneof![
            any::<f32>(),
            -20.0..1.0_f32,
            Just(f32::NAN),
            Just(f32::INFINITY)
        ]
    };
    (wild(), wild(), wild(), wild(), any::<bool>(), any::<bool>()).prop_map(
        |(logprob, margin, entropy, legal_mass, forced, frame)| TokenSignal {
            logprob,
            margin,
            entropy,
            legal_mass,
            forced,
            role: if frame { Role::Frame } else { Role::Decision },
        },
    )
}

proptest! {
    #[test]
    fn features_are_always_finite(tokens in prop::collection::vec((0..4_u32, any_signal()), 0..80)) {
        let mut signals = Signals::new();
        for (id, signal) in tokens {
            signals.push(id, signal);
            for (name, value) in signals.features(Finish::Length).iter() {
                prop_assert!(value.is_finite(), "{name} is {value}");
            }
        }
    }

    #[test]
    fn statistics_agree_with_the_whole_list(logprobs in prop::collection::vec(-9.0..0.0_f32, 1..60)) {
        let found = signals(&logprobs).features(Finish::Stop);
        let wide: Vec<f64> = logprobs.iter().map(|&l| f64::from(l)).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / f64::from(u32::try_from(part.len()).unwrap());
        let least = wide.iter().copied().fold(0.0, f64::min);
        let window = wide.windows(WINDOW.min(wide.len())).map(mean).fold(0.0, f64::min);
        let close = |name: &str, expected: f64| (found.get(name).unwrap() - expected).abs() < 1e-9;
        prop_assert!(close("min_logprob", least));
        prop_assert!(close("mean_logprob", mean(&wide)));
        prop_assert!(close("lowest_window", window));
        let (tenth, median) = (found.get("tenth_logprob").unwrap(), found.get("median_logprob").unwrap());
        prop_assert!(least <= tenth + 1e-9 && tenth <= median && median <= 0.0);
    }
}
