//! `smallfirst replay`.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::{GOOD, folder, run, text};

/// Rows of two routes whose confidence means something: the higher, the more often right.
fn recording(path: &Path) {
    let mut lines = String::new();
    for (route, scale) in [("intents", 1.0), ("slots", 0.7)] {
        for i in 0..600_u32 {
            // A walk through all hundredths, and one through all tenths beside it.
            let confidence = f64::from((i * 37) % 100) / 100.0;
            let right = f64::from((i * 13) % 10) / 10.0 < confidence * scale + 0.2;
            let upstream = i % 19 != 0;
            let split = if i % 2 == 0 { "calibration" } else { "test" };
            writeln!(
                lines,
                r#"{{"id":"{i}","route":"{route}","group":"g","confidence":{confidence},"local_correct":{right},"upstream_correct":{upstream},"local_cost":0.00001,"upstream_cost":"0.0004","split":"{split}"}}"#
            )
            .unwrap();
        }
    }
    std::fs::write(path, lines).unwrap();
}

fn replay(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, &[&["replay", "outcomes.jsonl"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// To six decimals, so that no machine's last bit counts.
fn rounded(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let figure = format!("{:.6}", number.as_f64().unwrap());
            *value = serde_json::from_str(&figure).unwrap();
        }
        Value::Array(values) => values.iter_mut().for_each(rounded),
        Value::Object(map) => map.values_mut().for_each(rounded),
        _ => {}
    }
}

#[test]
fn a_recording_as_json() {
    let folder = folder(GOOD);
    recording(&folder.path().join("outcomes.jsonl"));
    let text = replay(folder.path(), &["--json", "--max-regret", "5%"]);
    let mut json: Value = serde_json::from_str(&text).unwrap();
    rounded(&mut json);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn a_recording_as_tables_and_charts() {
    let folder = folder(GOOD);
    recording(&folder.path().join("outcomes.jsonl"));
    insta::assert_snapshot!(replay(folder.path(), &["--max-regret", "5%"]));
}

#[test]
fn charts_become_files() {
    let folder = folder(GOOD);
    recording(&folder.path().join("outcomes.jsonl"));
    replay(folder.path(), &["--svg", "charts"]);
    for place in ["", "intents", "slots"] {
        for name in ["calibration.svg", "risk-coverage.svg", "cost-quality.svg"] {
            let path = folder.path().join("charts").join(place).join(name);
            let svg = std::fs::read_to_string(&path).unwrap();
            assert!(
                svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
                "{path:?}"
            );
        }
    }
}

fn figures(rows: &str) -> Value {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("outcomes.jsonl"), rows).unwrap();
    serde_json::from_str(&replay(folder.path(), &["--json"])).unwrap()
}

#[test]
fn log_probabilities_order_as_their_probabilities_do() {
    let rows = |logarithmic: bool| {
        let mut lines = String::new();
        for i in 1..=40_u32 {
            let p = f64::from(i) / 41.0;
            let confidence = if logarithmic { p.ln() } else { p };
            let right = i % 3 != 0 || i > 30;
            writeln!(lines, r#"{{"id":"{i}","route":"r","confidence":{confidence},"local_correct":{right},"upstream_correct":true}}"#).unwrap();
        }
        figures(&lines)
    };
    let (mut plain, mut logarithmic) = (rows(false), rows(true));
    rounded(&mut plain);
    rounded(&mut logarithmic);
    assert_eq!(plain, logarithmic);
    assert!(plain["pooled"]["auroc"].as_f64().unwrap() > 0.5);
    assert_eq!(plain["pooled"]["cost_ratio"], Value::Null);
    let notes = plain["notes"].to_string();
    assert!(
        notes.contains("no row has a `split`") && notes.contains("nothing is proven"),
        "{notes}"
    );
}

#[test]
fn features_stand_in_for_a_confidence_and_nothing_stands_in_for_neither() {
    let rows = |features: bool| {
        let mut lines = String::new();
        for i in 0..400_u32 {
            let with = if features {
                format!(r#","features":{{"length":{}}}"#, i % 50)
            } else {
                String::new()
            };
            let right = i % 50 < 30;
            let split = if i < 200 { "calibration" } else { "test" };
            writeln!(lines, r#"{{"id":"{i}","route":"r"{with},"local_correct":{right},"upstream_correct":1,"split":"{split}"}}"#).unwrap();
        }
        figures(&lines)["pooled"].clone()
    };
    let (fitted, blind) = (rows(true), rows(false));
    assert_eq!(fitted["auroc"], 1.0);
    assert_eq!(fitted["n_calibration"], 100);
    assert_eq!(blind["auroc"], Value::Null);
    assert_eq!(
        (&blind["coverage"], &blind["local_accuracy"]),
        (&0.0.into(), &0.6.into())
    );
}

#[test]
fn recordings_that_cannot_be_used() {
    let good =
        r#"{"id":"1","route":"r","confidence":0.5,"local_correct":true,"upstream_correct":true"#;
    for (lines, said) in [
        (
            String::new(),
            "outcomes.jsonl: there are no recorded outcomes",
        ),
        (
            format!("{good}}}\n{{\"id\":\"s3cret\"}}"),
            "outcomes.jsonl:2:15: missing key `route`",
        ),
        (
            format!("{good},\"colour\":1}}"),
            "outcomes.jsonl:1:92: unknown key `colour`",
        ),
        (
            format!("{good}}}\n\n{}}}", good.replace("0.5", "-0.5")),
            "outcomes.jsonl:3:1: `confidence` is a log-probability on line 3 and a probability on line 1",
        ),
        (
            format!("{good}}}\n{good},\"split\":\"test\"}}"),
            "`split` is given on line 2 and missing on line 1",
        ),
        (
            format!("{good},\"features\":{{\"a\":1}}}}\n{good},\"features\":{{\"b\":1}}}}"),
            "outcomes.jsonl:2:1: `features` has other names",
        ),
    ] {
        let folder = folder(GOOD);
        std::fs::write(folder.path().join("outcomes.jsonl"), &lines).unwrap();
        let output = run(folder.path(), &["replay", "outcomes.jsonl"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{lines}: {stderr}");
        assert!(
            stderr.contains(said) && !stderr.contains("s3cret"),
            "{lines}: {stderr}"
        );
    }
    let folder = folder(GOOD);
    let missing = run(folder.path(), &["replay", "none.jsonl"]);
    assert!(text(&missing.stderr).contains("none.jsonl: cannot be read"));
}
