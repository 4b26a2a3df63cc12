//! The charts of a replay for what `smallfirst calibrate` found.

use router_policies::{Doubt, Labelled, Outcome, Probability, Proof, Scorer};

use super::evaluate::{Proven, part};
use super::picture::Pictures;
use super::score::{Claim, Tested};
use crate::learning::Calibration;

impl Pictures {
    /// The charts of the drafts that the proof looked at. What the upstream would have answered is not known, so it is
    /// taken to be right, as the proof does; calls stand for costs.
    pub(crate) fn of_calibration(calibration: &Calibration, route: &str) -> Self {
        let certified = match &calibration.proof {
            Proof::Certified(certified) => Some(*certified),
            Proof::NotEnough { .. } | Proof::NoThreshold { .. } => None,
        };
        let threshold = certified.map(|certified| certified.threshold);
        let proving = calibration.proving.iter();
        let rows: Vec<Tested> = proving
            .map(|draft| tested(draft, &calibration.scorer, threshold))
            .collect();
        let proven = Proven {
            certified,
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        };
        part(route, &rows, true, proven, &calibration.target)
            .pictures
            .about(route)
    }
}

fn tested(draft: &Labelled, scorer: &Scorer, threshold: Option<Probability>) -> Tested {
    let good = if draft.bad {
        Probability::ZERO
    } else {
        Probability::ONE
    };
    let p_bad = scorer.p_bad(&draft.features);
    let claim = draft.valid.then(|| Claim {
        raw: Scorer::from_probability()
            .p_bad(&draft.features)
            .complement(),
        calibrated: scorer.is_learnt().then(|| p_bad.complement()),
        observed: good,
    });
    let doubt = if draft.valid {
        Doubt::from_p_bad(p_bad)
    } else {
        Doubt::NEVER
    };
    Tested {
        outcome: Outcome {
            doubt,
            local: good,
            upstream: Probability::ONE,
        },
        claim,
        costs: None,
        accepted: draft.valid && threshold.is_some_and(|threshold| p_bad <= threshold),
    }
}

#[cfg(test)]
mod tests {
    use router_policies::{Finish, RiskTarget, Role, Signals, TokenSignal, certify};

    use super::*;

    fn draft(index: u16) -> Labelled {
        let mut signals = Signals::new();
        let token = TokenSignal {
            logprob: -f32::from(index % 100) / 100.0,
            margin: 1.0,
            entropy: 0.0,
            legal_mass: 1.0,
            forced: false,
            role: Role::default(),
        };
        signals.push(1, token);
        Labelled {
            features: signals.features(Finish::Stop),
            valid: index % 50 != 49,
            bad: index % 100 > 60,
        }
    }

    #[test]
    fn a_calibration_has_the_same_three_charts() {
        let target = RiskTarget::new("5%".parse().unwrap(), "90%".parse().unwrap()).unwrap();
        let scorer = Scorer::from_probability();
        let proving: Vec<Labelled> = (0..300).map(draft).collect();
        let scored: Vec<_> = proving
            .iter()
            .map(|draft| (scorer.p_bad(&draft.features), draft.bad))
            .collect();
        let calibration = Calibration {
            rows: 300,
            right: 0,
            undrafted: 0,
            target,
            proof: certify(&scored, &target),
            scorer,
            proving,
            certificate: None,
            stops: None,
        };
        let pictures = Pictures::of_calibration(&calibration, "intents");
        let names: Vec<_> = pictures.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["calibration", "risk-coverage", "cost-quality"]);
        for (_, chart) in pictures.iter() {
            assert!(chart.title.ends_with(": intents"), "{}", chart.title);
        }
        let chosen = pictures.iter().nth(1).unwrap().1.series.last().unwrap();
        assert_eq!(chosen.name, "chosen");
        let (coverage, regret) = chosen.points[0];
        assert!(coverage > 0.5 && regret < 0.05, "{coverage} {regret}");
    }
}
