//! What the gateway gives up, the real engine does not compute: mistralrs on a model of known probabilities.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use gateway::ledger::Draw;
use local_engine::mistral::Mistral;
use local_engine::{
    EngineError, EngineSpec, Estimate, Generation, Health, Job, LocalEngine, Message, ModelInfo,
};
use support::{Reply, ScriptedUpstream, TestGateway, chat};

#[path = "../../local-engine/tests/gguf/chain.rs"]
#[expect(dead_code, reason = "other tests let it say more")]
mod chain;
#[path = "../../local-engine/tests/mistral/checkpoint.rs"]
#[expect(dead_code, reason = "other tests write other files")]
mod checkpoint;
#[path = "../../local-engine/tests/gguf/file.rs"]
#[expect(dead_code, reason = "other tests write other files")]
mod gguf;
#[path = "../../local-engine/tests/tiny/side.rs"]
mod side;

use checkpoint::Chain;

/// Tokens of a draft that nobody stops.
const WHOLE: u64 = 1500;

/// The draft is of 99 % a token, so after 23 it is none of 80 % any more.
const ROUTES: &str = "\
- name: stops
  match: { model: stops }
  local: { model: small, max_tokens: 1500 }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
  early_abort: true
- name: whole
  match: { model: whole }
  local: { model: small, max_tokens: 1500 }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
";

/// The engine, and how many steps it had made when a generation was last dropped.
#[derive(Debug)]
struct Watched {
    engine: Arc<Mistral>,
    at_drop: Arc<AtomicU64>,
}

struct Dropped(Arc<Mistral>, Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.1.store(self.0.steps(), Ordering::Release);
    }
}

impl LocalEngine for Watched {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.engine.info()
    }

    fn health(&self) -> Health {
        self.engine.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.engine.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.engine.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        let dropped = Dropped(Arc::clone(&self.engine), Arc::clone(&self.at_drop));
        let inner = self.engine.generate(job);
        // What is captured first is dropped first: the steps are read before the engine hears of it.
        let state = (dropped, inner);
        futures_util::stream::unfold(state, |(dropped, mut inner)| async move {
            inner.next().await.map(|event| (event, (dropped, inner)))
        })
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_is_given_up_is_not_computed() {
    let folder = tempfile::tempdir().unwrap();
    Chain::endless().write_safetensors(folder.path());
    let engine = Mistral::load(EngineSpec::new(folder.path())).await;
    let engine = Arc::new(engine.unwrap());
    let at_drop = Arc::new(AtomicU64::new(0));
    let watched = Watched {
        engine: Arc::clone(&engine),
        at_drop: Arc::clone(&at_drop),
    };
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("from above")).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(watched))
        .routes(ROUTES)
        .start()
        .await;
    let before = engine.steps();
    let whole = gateway.ask(&chat("whole", "x")).await;
    assert_eq!(whole.header("x-smallfirst-source"), "upstream");
    let price = engine.steps() - before;
    assert!((WHOLE..=WHOLE + 1).contains(&price), "{price} steps");

    let (before, stopped) = loop {
        let before = engine.steps();
        let stopped = gateway.ask(&chat("stops", "x")).await;
        assert_eq!(stopped.told(), "upstream stopped_early");
        let books = gateway.books().await;
        let exchange = books.exchange(stopped.header("x-request-id"));
        if exchange.evidence[0].audit == Some((0.1, Draw::NotDrawn)) {
            break (before, stopped);
        }
        // The lot fell on it, and it is made again to its end.
        gateway.learnt().await;
    };
    let given_up = at_drop.load(Ordering::Acquire);
    // The engine has to be through with that draft before it begins another.
    gateway.ask(&chat("whole", "x")).await;
    let after = engine.steps() - price - given_up;
    assert!(after <= 2, "{after} steps after the draft was given up");
    let computed = given_up - before;
    assert!((32..WHOLE / 2).contains(&computed), "{computed} steps");

    gateway.learnt().await;
    let books = gateway.stop().await;
    let outputs = |answer: &support::Answer| {
        let exchange = books.exchange(answer.header("x-request-id"));
        let attempt = &exchange.attempts[0];
        assert_eq!(exchange.tries()[0], "local discarded");
        assert!(attempt.complete, "{attempt:?}");
        attempt.output
    };
    assert_eq!((outputs(&whole), outputs(&stopped)), (1500, 32));
}
