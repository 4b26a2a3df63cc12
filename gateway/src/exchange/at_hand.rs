//! A local model that is not in memory: who waits for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use local_engine::LocalEngine;
use router_policies::{LocalPlan, Reason};
use tokio::time::{Instant, timeout};

use super::Exchange;
use super::drafting::no_draft;

/// Longest wait for a model on a route that has no deadline.
const LONGEST: Duration = Duration::from_secs(60);

impl Exchange {
    /// Has the model brought into memory, if it is not there. A request that may leave does not wait for it; one that must
    /// stay does, up to its deadline.
    ///
    /// Returns what is left of the deadline.
    ///
    /// # Errors
    /// Why the model does not draft.
    pub(super) async fn at_hand(
        &self,
        plan: &LocalPlan,
        engine: &Arc<dyn LocalEngine>,
    ) -> Result<Option<Duration>, Reason> {
        let began = Instant::now();
        let mut coming = engine.at_hand();
        let arrived = match (&mut coming).now_or_never() {
            Some(arrived) => arrived,
            None if self.clearance.pinned().is_none() => return Err(Reason::Unloaded),
            None => timeout(plan.deadline.unwrap_or(LONGEST), coming)
                .await
                .map_err(|_| Reason::Unloaded)?,
        };
        arrived.map_err(|error| no_draft(&error).reason)?;
        Ok(plan
            .deadline
            .map(|time| time.saturating_sub(began.elapsed())))
    }
}
