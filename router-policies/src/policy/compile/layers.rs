//! Keys in layers: what was written nearest to the route wins.
//!
//! Layers are never merged into a new document. Every key is looked up from the highest layer down, so that each value
//! is found together with the place where it was written, and stacking layers is as associative as joining lists.

use std::rc::Rc;

use crate::document::{FieldsDocument, LocalDocument, RiskDocument};
use crate::units::Probability;

/// Layers of keys, the highest first. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Layers(Vec<Layer>);

#[derive(Clone)]
struct Layer {
    /// Where the layer was written, from the root of the policy.
    path: Rc<str>,
    fields: Rc<FieldsDocument>,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<T> {
    pub(super) at: String,
    pub(super) value: T,
}

/// How the layers answer the question when a draft is accepted.
pub(super) enum TrustKeys {
    Neither,
    Threshold(Found<Probability>),
    Risk(RiskKeys),
    /// One layer wrote both: the layer's place, and its `risk`.
    Both(String, RiskKeys),
}

/// The keys of `risk`.
pub(super) struct RiskKeys {
    /// The highest place that writes one of them.
    pub(super) at: String,
    pub(super) max_regret: Option<Found<Probability>>,
    pub(super) assurance: Option<Found<Probability>>,
}

impl Layers {
    pub(super) fn of(path: &str, fields: Rc<FieldsDocument>) -> Self {
        Self(vec![Layer {
            path: path.into(),
            fields,
        }])
    }

    /// These layers on top of others. A layer that is there already is not put below itself: it could not be seen.
    pub(super) fn over(mut self, below: &Self) -> Self {
        for layer in &below.0 {
            if !self.0.iter().any(|above| above.path == layer.path) {
                self.0.push(layer.clone());
            }
        }
        self
    }

    /// The value of the highest layer that writes `key`.
    pub(super) fn find<'a, T>(
        &'a self,
        key: &str,
        get: impl Fn(&'a FieldsDocument) -> Option<T>,
    ) -> Option<Found<T>> {
        self.0.iter().find_map(|layer| {
            get(&layer.fields).map(|value| Found {
                at: format!("{}.{key}", layer.path),
                value,
            })
        })
    }

    /// As [`find`](Self::find), for a key of `local`.
    pub(super) fn local<'a, T>(
        &'a self,
        key: &str,
        get: impl Fn(&'a LocalDocument) -> Option<T>,
    ) -> Option<Found<T>> {
        self.find(&format!("local.{key}"), |fields| {
            fields.local.as_ref().and_then(&get)
        })
    }

    /// What decides when a draft is accepted: the highest layer that writes `risk` or `threshold` says which of them.
    /// The keys of `risk` are then looked up down to the first layer that has a `threshold` instead.
    pub(super) fn trust(&self) -> TrustKeys {
        let writes =
            |layer: &&Layer| layer.fields.risk.is_some() || layer.fields.threshold.is_some();
        let Some(highest) = self.0.iter().find(writes) else {
            return TrustKeys::Neither;
        };
        match (&highest.fields.risk, highest.fields.threshold) {
            (None, Some(value)) => TrustKeys::Threshold(Found {
                at: format!("{}.threshold", highest.path),
                value,
            }),
            (Some(_), Some(_)) => {
                TrustKeys::Both(highest.path.to_string(), self.risk_keys(highest))
            }
            _ => TrustKeys::Risk(self.risk_keys(highest)),
        }
    }

    fn risk_keys(&self, highest: &Layer) -> RiskKeys {
        RiskKeys {
            at: format!("{}.risk", highest.path),
            max_regret: self.risk("max_regret", |risk| risk.max_regret),
            assurance: self.risk("assurance", |risk| risk.assurance),
        }
    }

    fn risk(
        &self,
        key: &str,
        get: impl Fn(&RiskDocument) -> Option<Probability>,
    ) -> Option<Found<Probability>> {
        self.0
            .iter()
            .take_while(|layer| layer.fields.risk.is_some() || layer.fields.threshold.is_none())
            .find_map(|layer| {
                let value = layer.fields.risk.as_ref().and_then(&get)?;
                let at = format!("{}.risk.{key}", layer.path);
                Some(Found { at, value })
            })
    }
}
