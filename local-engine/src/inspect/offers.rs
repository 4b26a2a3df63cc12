//! Which adapter would compute a model, and why the others would not.

use serde::Serialize;

use super::facts::Facts;
use super::{Side, Wanted};
use crate::architectures::{Support, support};
use crate::spec::Adapter;

/// What one adapter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The adapter.
    pub adapter: Adapter,
    /// Whether this program has it.
    pub is_built: bool,
    /// Why it does not compute the model; empty if it does.
    pub refusals: Vec<String>,
}

impl Offer {
    fn stands(&self) -> bool {
        self.is_built && self.refusals.is_empty()
    }
}

pub(super) fn of(facts: &Facts, wanted: &Wanted, side: &Side) -> Vec<Offer> {
    let offer = |adapter| {
        let mut refusals = Vec::new();
        if let Support::Refuses(why) = support(adapter, facts.format, &facts.architecture) {
            refusals.push(why.to_owned());
        } else if adapter == Adapter::Mistralrs {
            refusals.extend(facts.beyond_mistralrs.iter().cloned());
        }
        if adapter == Adapter::Mistralrs && !side.tokenizer {
            refusals.push(
                "there is no tokenizer.json; put the one of the model's repository beside the weights"
                    .to_owned(),
            );
        }
        if adapter == Adapter::Mistralrs && wanted.with_loras {
            refusals.push("it cannot switch low-rank adapters between requests".to_owned());
        }
        Offer {
            adapter,
            is_built: wanted.built.contains(&adapter),
            refusals,
        }
    };
    Adapter::ALL.into_iter().map(offer).collect()
}

/// The one that was asked for, or the first that does it.
pub(super) fn choose(offers: &[Offer], asked: Adapter) -> Option<Adapter> {
    let fits = |offer: &&Offer| asked == Adapter::Auto || offer.adapter == asked;
    let mut standing = offers.iter().filter(fits).filter(|offer| offer.stands());
    standing.next().map(|offer| offer.adapter)
}

/// Why there is none, and what to do.
pub(super) fn refusal(offers: &[Offer], wanted: &Wanted) -> String {
    let said = |offer: &Offer| {
        let name = offer.adapter.as_str();
        match (offer.refusals.as_slice(), offer.is_built) {
            ([], true) => format!("{name} would, but another was asked for"),
            ([], false) => format!("{name} would, but this build does not have it"),
            (refusals, _) => format!("{name}: {}", refusals.join("; ")),
        }
    };
    let said: Vec<_> = offers.iter().map(said).collect();
    let asked = match wanted.adapter {
        Adapter::Auto => "no adapter of this build computes it".to_owned(),
        one => format!("the adapter {} does not compute it", one.as_str()),
    };
    format!(
        "{asked} ({}); a server such as llama-server, vLLM or Ollama can, as an upstream or served model",
        said.join(", ")
    )
}
