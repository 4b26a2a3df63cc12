//! The demo's own traffic with its gold answers, and the labelled requests its routes are calibrated on.
//!
//! All sentences were written for this project. The two files of a step were dealt at random from one pool, so the
//! calibration requests and the demo requests are exchangeable.

use serde::Deserialize;
use serde_json::Value;

use crate::learning::LabelledRequest;
use local_engine::Message;

/// System prompt of the intent step.
pub(super) const INTENT_PROMPT: &str = "Name the intent of the request.";
/// System prompt of the slot step.
pub(super) const SLOT_PROMPT: &str = "Extract the slots of the request as JSON.";

const INTENT_CALIBRATION: &str = include_str!("traffic/intents.calibration.jsonl");
const INTENT_DEMO: &str = include_str!("traffic/intents.demo.jsonl");
const SLOT_CALIBRATION: &str = include_str!("traffic/slots.calibration.jsonl");
const SLOT_DEMO: &str = include_str!("traffic/slots.demo.jsonl");
const OPEN_DEMO: &str = include_str!("traffic/open.demo.jsonl");

/// A step of the demo's agent; each has a route of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Name the intent: one of 150 labels.
    Intents,
    /// Extract slots: a JSON object.
    Slots,
    /// An open question; no gold answer.
    Open,
}

impl Step {
    /// Name of its route.
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::Intents => "intents",
            Self::Slots => "slots",
            Self::Open => "open-questions",
        }
    }

    /// Its system prompt.
    pub(super) const fn system(self) -> Option<&'static str> {
        match self {
            Self::Intents => Some(INTENT_PROMPT),
            Self::Slots => Some(SLOT_PROMPT),
            Self::Open => None,
        }
    }
}

/// One request of the demo.
#[derive(Debug, Clone)]
pub(super) struct DemoRequest {
    pub(super) step: Step,
    pub(super) user: String,
    /// What a good answer says; `None` for open questions.
    pub(super) gold: Option<Value>,
}

impl DemoRequest {
    /// The conversation to send.
    pub(super) fn messages(&self) -> Vec<Message> {
        let turn = |role: &str, content: &str| Message {
            role: role.into(),
            content: content.into(),
        };
        let system = self.step.system().map(|text| turn("system", text));
        system
            .into_iter()
            .chain([turn("user", &self.user)])
            .collect()
    }
}

#[derive(Deserialize)]
struct Line {
    user: String,
    gold: Option<Value>,
}

fn read(step: Step, text: &'static str) -> impl Iterator<Item = DemoRequest> {
    // The files are part of the program and read by a test; a broken line would only make the demo shorter.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.map(move |line| DemoRequest {
        step,
        user: line.user,
        gold: line.gold,
    })
}

/// The demo's requests, the steps evenly mixed: the first `limit`, or all; a larger `limit` starts over.
pub(super) fn mixed(limit: Option<usize>) -> Vec<DemoRequest> {
    let mut placed: Vec<(usize, DemoRequest)> = Vec::new();
    for (step, text) in [
        (Step::Intents, INTENT_DEMO),
        (Step::Slots, SLOT_DEMO),
        (Step::Open, OPEN_DEMO),
    ] {
        let requests: Vec<_> = read(step, text).collect();
        let count = requests.len().max(1);
        // Place in the mix in parts per million, so that every prefix has all steps in proportion.
        placed.extend(
            requests
                .into_iter()
                .enumerate()
                .map(|(i, r)| ((2 * i + 1) * 500_000 / count, r)),
        );
    }
    placed.sort_by_key(|(place, _)| *place);
    let all: Vec<DemoRequest> = placed.into_iter().map(|(_, request)| request).collect();
    let limit = limit.unwrap_or(all.len());
    all.iter().cycle().take(limit).cloned().collect()
}

/// Labelled requests of a step, for its certificate.
pub(super) fn calibration(step: Step) -> Vec<LabelledRequest> {
    let text = match step {
        Step::Intents => INTENT_CALIBRATION,
        Step::Slots => SLOT_CALIBRATION,
        Step::Open => "",
    };
    read(step, text)
        .map(|request| LabelledRequest {
            messages: request.messages(),
            gold: request.gold.unwrap_or(Value::Null),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_file_is_read() {
        for (text, with_gold) in [
            (INTENT_CALIBRATION, true),
            (INTENT_DEMO, true),
            (SLOT_CALIBRATION, true),
            (SLOT_DEMO, true),
            (OPEN_DEMO, false),
        ] {
            let requests: Vec<_> = read(Step::Open, text).collect();
            assert_eq!(requests.len(), text.lines().count());
            assert!(requests.iter().all(|r| r.gold.is_some() == with_gold));
        }
    }

    #[test]
    fn calibration_and_demo_share_no_sentence() {
        for step in [Step::Intents, Step::Slots] {
            let known: Vec<String> = calibration(step)
                .iter()
                .map(|r| r.messages[1].content.to_lowercase())
                .collect();
            let demo = mixed(None).into_iter().filter(|r| r.step == step);
            assert!(
                demo.into_iter()
                    .all(|r| !known.contains(&r.user.to_lowercase()))
            );
        }
    }

    #[test]
    fn every_prefix_is_mixed() {
        let first: Vec<Step> = mixed(Some(40)).iter().map(|r| r.step).collect();
        for step in [Step::Intents, Step::Slots, Step::Open] {
            assert!(first.contains(&step), "{step:?}");
        }
        assert_eq!(mixed(Some(2000)).len(), 2000);
    }
}
