//! Killing a worker again and again while clients ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use local_engine::LocalEngine;
use serde_json::Value;

use crate::client::{Answer, chat};
use crate::gateway::TestGateway;
use crate::wait::eventually;
use crate::worker::signal;

/// How to attack.
#[derive(Debug, Clone, Copy)]
pub struct Fire {
    /// Kills in all, in turn by signal 9, by signal 11 and by the memory limit.
    pub kills: usize,
    /// Clients that ask all the time.
    pub clients: usize,
    /// What they say.
    pub text: &'static str,
    /// Least time between two kills: more than ten pauses of the supervisor, or it waits longer after each.
    pub apart: Duration,
    /// Told after each recovery how many kills there were, and how long it took.
    pub watch: fn(usize, Duration),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Burnt {
    /// Requests that were answered here.
    pub local: usize,
    /// Requests that were answered by the upstream.
    pub escalated: usize,
    /// Requests of the local-only route that were refused as they ought to be.
    pub refused: usize,
    /// Times from a kill to the next answer from here, sorted.
    pub recoveries: Vec<Duration>,
}

impl Burnt {
    /// All requests.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.local + self.escalated + self.refused
    }
}

#[derive(Debug, Default)]
struct Counts {
    local: AtomicUsize,
    escalated: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

/// Asks the routes for the models `auto`, which escalates, and `private`, which does not, while `engine` is killed.
///
/// # Panics
/// If a request gets another end than an answer or a clean refusal, or the engine does not come back.
pub async fn burn(gateway: &TestGateway, engine: &Arc<dyn LocalEngine>, fire: Fire) -> Burnt {
    let counts = Counts::default();
    let clients = (0..fire.clients).map(|client| ask(gateway, &counts, fire, client));
    let killing = async {
        let recoveries = kill(gateway, engine, &counts, fire).await;
        counts.over.store(true, Ordering::Release);
        recoveries
    };
    let (mut recoveries, _) = tokio::join!(killing, join_all(clients));
    recoveries.sort();
    Burnt {
        local: counts.local.into_inner(),
        escalated: counts.escalated.into_inner(),
        refused: counts.refused.into_inner(),
        recoveries,
    }
}

async fn kill(
    gateway: &TestGateway,
    engine: &Arc<dyn LocalEngine>,
    counts: &Counts,
    fire: Fire,
) -> Vec<Duration> {
    let mut recoveries = Vec::new();
    let answered = || counts.local.load(Ordering::Acquire);
    for number in 0..fire.kills {
        let (before, since) = (answered(), Instant::now());
        eventually("work between two kills", || {
            answered() > before + 20 && since.elapsed() > fire.apart
        })
        .await;
        let restarts = || engine.vitals().restarts.values().sum::<u64>();
        let lives = restarts();
        let began = Instant::now();
        match number % 3 {
            0 => signal(engine, "-9"),
            1 => {}
            _ => {
                count(&gateway.ask(&chat("auto", "gorge!")).await, counts);
            }
        }
        eventually("the end of the process", || {
            let over = restarts() > lives;
            if number % 3 == 1 && !over {
                // The first one only takes away the handler that looks for the end of a stack.
                signal(engine, "-11");
            }
            over
        })
        .await;
        let down = answered();
        eventually("an answer after the kill", || answered() > down).await;
        (fire.watch)(number + 1, began.elapsed());
        recoveries.push(began.elapsed());
    }
    recoveries
}

async fn ask(gateway: &TestGateway, counts: &Counts, fire: Fire, client: usize) {
    let models = ["auto", "private"];
    let mut turn = client;
    while !counts.over.load(Ordering::Acquire) {
        turn += 1;
        let body: Value = chat(models[turn % 2], fire.text);
        count(&gateway.ask(&body).await, counts);
    }
}

fn count(answer: &Answer, counts: &Counts) {
    let counted = match answer.told().as_str() {
        "local accepted" => &counts.local,
        "upstream engine_failed" | "upstream engine_down" | "upstream busy" | "upstream slow" => {
            &counts.escalated
        }
        _ => {
            assert_eq!(answer.error(), "503 local_unavailable", "{}", answer.text);
            assert_ne!(answer.header("retry-after"), "", "{}", answer.text);
            &counts.refused
        }
    };
    counted.fetch_add(1, Ordering::AcqRel);
}
