//! Requests as a ledger knows them: whose key, which model, which route took them. Prompts and headers are not kept, so
//! of some it cannot be said where they would go.

use std::collections::BTreeSet;
use std::sync::Arc;

use router_policies::{Asker, Partial, Policy, Route, StickyBy};
use rusqlite::Connection;

use super::Comparison;
use crate::auth::{ANONYMOUS, Principal};
use crate::config::Declared;
use crate::fault::FaultKind;
use crate::ledger::LedgerError;
use crate::report::{each, value};

/// Requests that the ledger cannot tell apart.
#[derive(Debug, Default)]
struct Booked {
    /// The first of their ids.
    id: String,
    /// The route or variant that took them.
    route: String,
    key: String,
    model: String,
    /// Version of the configuration that took them.
    version: String,
    count: u64,
}

const BOOKED: &str = "SELECT min(id), route, principal, client_model, policy_version, count(*)
     FROM exchanges WHERE started_us >= ?1 AND started_us < ?2
     GROUP BY route, principal, client_model, policy_version
     ORDER BY min(id)";

impl Comparison<'_> {
    /// Looks at the requests of a ledger. Those that no route took are not in it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) fn add_ledger(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let snapshot = connection
            .unchecked_transaction()
            .map_err(LedgerError::sqlite("read the ledger"))?;
        let rows = each(&snapshot, BOOKED, [i64::MIN, i64::MAX], |row| {
            Ok(Booked {
                id: value(row, 0)?,
                route: value(row, 1)?,
                key: value(row, 2)?,
                model: value(row, 3)?,
                version: value(row, 4)?,
                count: value::<i64>(row, 5)?.unsigned_abs(),
            })
        })?;
        for row in &rows {
            self.add_booked(row);
        }
        Ok(())
    }

    fn add_booked(&mut self, row: &Booked) {
        self.read += row.count;
        let pairs = self.pairs(row);
        let joined = |ways: Vec<&str>| {
            let mut told: Vec<&str> = Vec::new();
            for way in ways {
                if !told.contains(&way) {
                    told.push(way);
                }
            }
            told.join(" or ")
        };
        let before = joined(pairs.iter().map(|(before, _)| before.as_str()).collect());
        let after = joined(pairs.iter().map(|(_, after)| after.as_str()).collect());
        let same = pairs
            .iter()
            .filter(|(before, after)| before == after)
            .count();
        if same == pairs.len() {
            *self.kept.entry(after).or_default() += row.count;
            return;
        }
        let groups = if same == 0 {
            &mut self.moved
        } else {
            &mut self.undecided
        };
        let group = groups.entry((before, after)).or_default();
        group.add_several(&row.id, row.count);
    }

    /// Every way that the request may have taken before, with every way that it may take then.
    fn pairs(&self, row: &Booked) -> BTreeSet<(String, String)> {
        let (old, new) = (Side::of(self.old, row), Side::of(self.new, row));
        if row.version == self.old.config().version {
            return new.given(Some((&old, &row.route)));
        }
        let Some(request) = old.request() else {
            return new.given_error(&old.unknown_key());
        };
        let (candidates, or_none) = old.policy.candidates(&request, |_| None);
        let mut pairs = BTreeSet::new();
        for id in candidates
            .into_iter()
            .flat_map(|route| old.ids(route, None))
        {
            pairs.extend(new.given(Some((&old, &id))));
        }
        if or_none {
            pairs.extend(new.given_error(&error(FaultKind::ModelNotFound)));
        }
        pairs
    }
}

/// A request under one of the two configurations.
struct Side<'r> {
    policy: &'r Policy,
    declared: &'r Declared,
    /// Nobody's where the configuration does not have the key.
    principal: Option<Principal>,
    row: &'r Booked,
}

/// Stands in the ledger for the name of a model that was kept private.
const PRIVATE: &str = "(private)";

impl<'r> Side<'r> {
    fn of(declared: &'r Declared, row: &'r Booked) -> Self {
        let without_keys = declared.key_names().next().is_none();
        let anonymous =
            || (without_keys && row.key == ANONYMOUS).then(|| Principal::named(ANONYMOUS));
        Self {
            policy: &declared.config().policy,
            declared,
            principal: declared.principal(&row.key).cloned().or_else(anonymous),
            row,
        }
    }

    fn request(&self) -> Option<Partial<'_>> {
        self.principal.as_ref().map(|principal| Partial {
            model: Some(self.row.model.as_str()).filter(|model| *model != PRIVATE),
            key: &principal.name,
            team: principal.team.as_deref(),
            tags: &principal.tags,
        })
    }

    fn unknown_key(&self) -> String {
        error(FaultKind::Unauthorized)
    }

    /// The ways of a request that took a route of the other configuration before, each beside that route.
    fn given(&self, before: Option<(&Side<'_>, &str)>) -> BTreeSet<(String, String)> {
        let was = before.map(|(_, id)| id.to_owned()).unwrap_or_default();
        let beside = |way: String| (was.clone(), way);
        let Some(request) = self.request() else {
            return BTreeSet::from([beside(self.unknown_key())]);
        };
        let known = before.filter(|(old, _)| self.asks_alike(old));
        let (candidates, or_none) = self.policy.candidates(&request, |route| {
            known.and_then(|(old, id)| takes(route, old.policy, id))
        });
        let ids = candidates
            .into_iter()
            .flat_map(|route| self.ids(route, known));
        let none = or_none.then(|| error(FaultKind::ModelNotFound));
        ids.chain(none).map(beside).collect()
    }

    /// The same for a request that got an error before.
    fn given_error(&self, was: &str) -> BTreeSet<(String, String)> {
        let pairs = self.given(None).into_iter();
        pairs.map(|(_, way)| (was.to_owned(), way)).collect()
    }

    /// Whether equal conditions say the same about the request on both sides.
    fn asks_alike(&self, other: &Side<'_>) -> bool {
        let model = self.row.model.as_str();
        self.principal == other.principal
            && model != PRIVATE
            && self.policy.model(model) == other.policy.model(model)
            && self.declared.config().keys.tag_names() == other.declared.config().keys.tag_names()
    }

    /// What a route may mean for the request.
    fn ids(&self, route: &Arc<Route>, known: Option<(&Side<'_>, &str)>) -> Vec<String> {
        let principal = self.principal.as_ref();
        let team = principal.and_then(|principal| principal.team.as_deref());
        let for_team = route.for_team(team);
        let Some(split) = &for_team.split else {
            return vec![for_team.id().into_owned()];
        };
        // An arm depends on nothing but the split and what stays together: it is the same if they are.
        if let Some((old, id)) = known
            && let Some(before) = old
                .policy
                .route(name_of(id))
                .filter(|old| old.name == route.name)
            && before
                .for_team(team)
                .split
                .as_ref()
                .is_some_and(|old| old.deals_like(split))
        {
            return vec![id.to_owned()];
        }
        if matches!(split.by, StickyBy::Key | StickyBy::Team) {
            let asker = Asker {
                key: &self.row.key,
                team,
                user: None,
                request: "",
                header: &|_| None,
            };
            return vec![route.for_asker(&asker).id().into_owned()];
        }
        let arms = split.arms.iter();
        arms.map(|arm| arm.route.id().into_owned()).collect()
    }
}

/// Whether a request takes a route, as far as that follows from its having taken `id` under the other policy: it did not
/// take the routes before it.
fn takes(route: &Route, old: &Policy, id: &str) -> Option<bool> {
    for known in old.routes() {
        let same = known.matcher() == route.matcher();
        if known.name == name_of(id) {
            return same.then_some(true);
        }
        if same {
            return Some(false);
        }
    }
    None
}

/// The route of a variant.
fn name_of(id: &str) -> &str {
    id.split_once('@').map_or(id, |(name, _)| name)
}

fn error(kind: FaultKind) -> String {
    format!("error {}", kind.code())
}
