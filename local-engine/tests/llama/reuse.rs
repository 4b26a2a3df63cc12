//! Beginnings of prompts that were read before.

use local_engine::llama::LlamaCpp;
use local_engine::queued::{QueueSettings, Queued};
use local_engine::{EngineSpec, Job, LocalEngine, Token};

use crate::gguf::Gguf;
use crate::{Played, folder, job, message, play, random};

const BUDGET: u64 = 8 << 20;

async fn load(file: &Gguf, prefix_cache: u64) -> LlamaCpp {
    let folder = folder(file);
    let spec = EngineSpec {
        prefix_cache,
        ..EngineSpec::new(folder.path())
    };
    LlamaCpp::load(spec).await.unwrap()
}

/// A prompt of a long system message and a short question.
fn ask(tenant: Option<&str>, system: &str, question: &str) -> Job {
    Job {
        messages: vec![message("system", system), message("user", question)],
        max_tokens: 12,
        tenant: tenant.map(Into::into),
        ..job("")
    }
}

fn system(agent: &str) -> String {
    format!("{agent}: {}", "You sort letters into drawers. ".repeat(12))
}

fn assert_same(ours: &[Token], fresh: &[Token]) {
    let ids = |tokens: &[Token]| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(ours), ids(fresh));
    for (ours, fresh) in ours.iter().zip(fresh) {
        let off = ours.stats.logprob - fresh.stats.logprob;
        assert!(off.abs() < 1e-4, "{ours:?} {fresh:?}");
    }
}

/// Answers `jobs` one after the other with and without reuse; the answers must be the same.
async fn compare(file: &Gguf, jobs: &[Job]) -> Vec<Played> {
    let (keeping, fresh) = (load(file, BUDGET).await, load(file, 0).await);
    let mut all = Vec::new();
    for job in jobs {
        let unread = keeping.unread_tokens(job).await.unwrap();
        let ours = play(keeping.generate(job.clone())).await;
        let plain = play(fresh.generate(job.clone())).await;
        assert_same(&ours.tokens, &plain.tokens);
        assert_eq!(plain.reused, 0, "a budget of 0 keeps nothing");
        assert_eq!(unread, ours.prompt - ours.reused, "told beforehand");
        all.push(ours);
    }
    all
}

fn reused(all: &[Played]) -> Vec<u32> {
    all.iter().map(|played| played.reused).collect()
}

#[tokio::test]
async fn the_same_beginning_is_read_once_and_answers_stay() {
    let system = system("a");
    let questions = ["ab", "ac", "zzz", "a", "ab"];
    let jobs = questions.map(|question| ask(Some("t"), &system, question));
    let all = compare(&random::llama(7), &jobs).await;
    // `<|im_start|>system\n…<|im_end|>\n<|im_start|>user\n` and what the questions share.
    let head = u32::try_from(system.len()).unwrap() + 8 + 2 + 6;
    assert_eq!(reused(&all), [0, head + 1, head, head, head + 1]);
}

#[tokio::test]
async fn a_growing_conversation_goes_on_where_it_was() {
    let system = system("a");
    let engine = load(&random::llama(7), BUDGET).await;
    let mut job = ask(Some("t"), &system, "one");
    let first = play(engine.generate(job.clone())).await;
    // What a client sends back is the text of the answer; here any other text stands for it.
    job.messages.push(message("assistant", "two"));
    job.messages.push(message("user", "three"));
    let second = play(engine.generate(job)).await;
    assert!(second.reused >= first.prompt, "{}", second.reused);
}

#[tokio::test]
async fn nothing_passes_from_one_tenant_to_another() {
    let system = system("a");
    // Each prompt but the tenants' own second ones is computed whole, whatever was read before.
    let tenants = [Some("t"), Some("u"), None, None, Some("t"), Some("u")];
    let jobs = tenants.map(|tenant| ask(tenant, &system, "q"));
    let all = compare(&random::llama(7), &jobs).await;
    let whole = all[0].prompt - 1;
    assert_eq!(reused(&all), [0, 0, 0, 0, whole, whole]);
}

#[tokio::test]
async fn several_agents_take_turns() {
    let agents = ["a", "b", "c"].map(system);
    let rounds = ["one", "two", "three"];
    let jobs: Vec<_> = rounds
        .iter()
        .flat_map(|question| agents.iter().map(|agent| ask(Some("t"), agent, question)))
        .collect();
    let all = compare(&random::llama(7), &jobs).await;
    let least = u32::try_from(agents[0].len()).unwrap();
    for (place, played) in all.iter().enumerate() {
        assert!(
            played.reused < 64 || place >= 3 && played.reused > least,
            "{place}: {}",
            played.reused
        );
        assert!(place < 3 || played.reused > least, "{place}");
    }
}

#[tokio::test]
async fn the_budget_is_kept_and_the_oldest_goes() {
    let engine = load(&random::llama(7), 400 << 10).await;
    for round in 0..3 {
        for agent in 0..6 {
            let job = ask(Some("t"), &system(&format!("{agent}")), "q");
            let played = play(engine.generate(job)).await;
            assert!(engine.kept_bytes() <= 400 << 10);
            assert!(played.reused < 64, "{round} {agent}: it was not the oldest");
        }
    }
    assert!(engine.kept_bytes() > 200 << 10, "{}", engine.kept_bytes());
}

#[tokio::test]
async fn a_job_that_was_dropped_leaves_nothing_wrong() {
    let file = random::llama(7);
    let (engine, fresh) = (load(&file, BUDGET).await, load(&file, 0).await);
    let long = ask(Some("t"), &"x".repeat(3000), "q");
    for _ in 0..3 {
        let before = engine.steps();
        let mut reading = engine.generate(long.clone());
        while engine.steps() == before {
            use futures_util::FutureExt;
            use futures_util::StreamExt;
            assert!(reading.next().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    let ours = play(engine.generate(long.clone())).await;
    assert!(ours.reused > 0, "what was read counts");
    assert_same(
        &ours.tokens,
        &play(fresh.generate(long.clone())).await.tokens,
    );
}

#[tokio::test]
async fn a_state_that_cannot_be_cut_serves_whole() {
    let system = system("a");
    let questions = ["one", "two", "three", "four"];
    let jobs = questions.map(|question| ask(Some("t"), &system, question));
    let all = compare(&random::mamba(7), &jobs).await;
    let head = u32::try_from(system.len()).unwrap() + 8 + 2 + 6;
    // The second shows what the first began with; from the third on that is there.
    let expected = [0, 0, head, head];
    assert_eq!(reused(&all), expected);
}

#[tokio::test]
async fn admission_knows_what_is_kept() {
    let engine = std::sync::Arc::new(load(&random::llama(7), BUDGET).await);
    let settings = QueueSettings {
        prefill_rate: Some(400.0),
        ..QueueSettings::default()
    };
    let within = |tenant| Job {
        first_token_within: Some(std::time::Duration::from_millis(500)),
        ..ask(Some(tenant), &system("a"), "q")
    };
    let unbounded = Job {
        first_token_within: None,
        ..within("t")
    };
    // 400 tokens are predicted to take a second, and the few after a known beginning hardly any time.
    let queue = |engine: &std::sync::Arc<LlamaCpp>| {
        let engine: std::sync::Arc<dyn LocalEngine> = engine.clone();
        Queued::new(engine, &settings)
    };
    let cold = play(queue(&engine).generate(within("t"))).await;
    assert!(matches!(
        crate::failure(cold.end),
        local_engine::EngineError::Busy { .. }
    ));
    play(engine.generate(unbounded)).await;
    let warm = play(queue(&engine).generate(within("t"))).await;
    assert!(!warm.tokens.is_empty(), "{:?}", warm.end);
    let other = play(queue(&engine).generate(within("u"))).await;
    assert!(matches!(
        crate::failure(other.end),
        local_engine::EngineError::Busy { .. }
    ));
}
