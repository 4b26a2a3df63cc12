//! One question that the gateway asks for itself, with all its tries.

use router_policies::ModelRef;
use serde_json::Value;
use tokio::time::sleep;

use super::purse::Reserved;
use crate::egress::EgressPermit;
use crate::exchange::{another_may_answer, answered_end, failed_end, pause_before_retry};
use crate::ledger::{AttemptPlan, Engine, Price, Receipt};
use crate::snapshot::Snapshot;
use crate::upstream::{Reply, WholeReply};

/// A question to an upstream, booked as an audit.
#[derive(Debug)]
pub(in crate::learning) struct Call<'a> {
    pub(in crate::learning) permit: &'a EgressPermit,
    pub(in crate::learning) snapshot: &'a Snapshot,
    /// Where it is charged.
    pub(in crate::learning) receipt: &'a Receipt,
    pub(in crate::learning) target: &'a ModelRef,
    /// What the route's audits may still cost, where that is bounded.
    pub(in crate::learning) money: Option<&'a Reserved>,
}

impl Call<'_> {
    /// Asks with this body; the error is whether another model is worth asking.
    pub(in crate::learning) async fn make(&self, body: &Value) -> Result<WholeReply, bool> {
        // The policy was compiled against the configured upstreams, so there is one.
        let upstream = self.snapshot.upstream(&self.target.upstream, self.permit);
        let upstream = upstream.ok_or(false)?;
        let request_id = self.receipt.id().to_string();
        let mut tries = 0;
        loop {
            let guard = self.receipt.begin(self.plan());
            let fault = match upstream.send(body, &request_id).await {
                Ok(Reply::Whole(whole)) => {
                    self.charge(guard.finish(answered_end(&whole)).await);
                    return Ok(whole);
                }
                // It was not asked to stream. Dropping both books what came as cancelled.
                Ok(Reply::Stream(_)) => return Err(true),
                Err(fault) => fault,
            };
            self.charge(guard.finish(failed_end(&fault)).await);
            let Some(pause) = pause_before_retry(&fault, tries, upstream.retries()) else {
                return Err(another_may_answer(&fault));
            };
            tries += 1;
            sleep(pause).await;
        }
    }

    fn charge(&self, cost: Price) {
        if let Some(money) = self.money {
            money.spend(cost);
        }
    }

    fn plan(&self) -> AttemptPlan {
        let catalog = &self.snapshot.config().catalog;
        let ModelRef { upstream, model } = self.target;
        AttemptPlan {
            engine: Engine::Audit,
            provider: upstream.clone(),
            model: model.clone(),
            pricing: catalog.pricing(upstream, model),
        }
    }
}
