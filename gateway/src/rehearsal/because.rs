//! Why a request does not take the route that was expected.

use router_policies::Checked;

use super::Call;
use super::course::{asked, principal};
use crate::config::Declared;

/// The conditions of the route `expected` that do not hold, or the route above it that takes the request. Without any text
/// of the request. Nothing for a request that cannot be read.
pub(super) fn because(declared: &Declared, call: &Call, expected: &str) -> Vec<String> {
    let (Ok(request), Ok(principal)) = (&call.request, principal(declared, call.key.as_deref()))
    else {
        return Vec::new();
    };
    let asked = asked(declared, &principal, call, request);
    let explanation = declared.config().policy.explain(&asked);
    let name = expected.split('@').next().unwrap_or(expected);
    let considered = &explanation.considered;
    match considered.iter().find(|one| one.route.name == name) {
        Some(found) if found.takes => Vec::new(),
        Some(found) => {
            let mut unmet = Vec::new();
            for checked in &found.findings {
                note_unmet(checked, &mut unmet);
            }
            unmet
        }
        None => explanation
            .route()
            .map(|route| {
                format!(
                    "the route `{}` stands above it and takes the request",
                    route.name
                )
            })
            .into_iter()
            .collect(),
    }
}

/// Notes the innermost conditions that do not hold.
fn note_unmet(checked: &Checked, unmet: &mut Vec<String>) {
    if checked.holds {
        return;
    }
    let before = unmet.len();
    for part in &checked.within {
        note_unmet(part, unmet);
    }
    if unmet.len() == before {
        let Checked {
            place, wanted, had, ..
        } = checked;
        let had = if had.is_empty() { "they hold" } else { had };
        unmet.push(format!("{place} wants {wanted}: {had}"));
    }
}
