//! A pinned request under forced failures of every other part: the upstream does not even see a connection, while a
//! request without private data reaches it under the same failures.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use local_engine::scripted::{End, Script, Scripted};
use local_engine::{EngineError, Health};
use serde_json::Value;
use support::{Gated, Reply, ScriptedUpstream, TestGateway, chat, eventually, guarded};

/// Every way to be pinned: the model, which is the route's name too, and what is sent.
const PINNED: [(&str, &str); 7] = [
    ("local-only", "anything at all"),
    ("detector", "my card is 4111 1111 1111 1111"),
    ("pattern", "about TCK-421177"),
    ("team", "write to jane@example.org"),
    ("split", "my card is 4111 1111 1111 1111"),
    ("shadow", "about TCK-421177"),
    ("upstream-only", "my IBAN is DE89 3704 0044 0532 0130 00"),
];
const SECRETS: [&str; 4] = ["4111 1111", "421177", "jane@", "DE89"];
/// Not private. Where the local model fails, it leaves.
const CONTROL: &str = "nothing of the kind";

const CACHE: &str = "cache: { ttl: 1h }";
/// Every accepted answer that may be checked is.
const AUDIT: &str = "audit: { rate: 100%, repeat: 0% }";
/// Drafts are given up early where that is known to pay.
const ABORT: &str = "early_abort: true";
/// Not even one request fits in.
const NO_MONEY: &str = "budget: { max: \"0.000001\", per: day, then: local-only }";
const NO_MONEY_REFUSED: &str = "budget: { max: \"0.000001\", per: day, then: refuse }";

/// The routes of [`PINNED`], with further keys for all of them; `rest` takes no part.
fn config(upstream: &ScriptedUpstream, further: &[&str]) -> String {
    let url = upstream.url();
    let further: String = further.iter().map(|key| format!("  {key}\n")).collect();
    format!(
        "\
listen: 127.0.0.1:0
keys:
  - {{ name: team-a, key: file:a.key, team: research }}
models:
  small: {{ path: model.gguf, cost_per_hour: \"3.6\" }}
upstreams:
  large: {{ base_url: \"{url}/v1\", retries: 1, prices: {{ gpt: {{ input: \"2\", output: \"8\" }} }} }}
  other: {{ base_url: \"{url}/v1\", retries: 1, prices: {{ gpt: {{ input: \"2\", output: \"8\" }} }} }}
detectors:
  ticket: {{ regex: '\\bTCK-[0-9]{{6}}\\b' }}
defaults:
  local: {{ model: small, deadline: 200ms, answer: {{ regex: '[a-z]+' }} }}
  upstream: [{{ name: large, model: gpt }}, {{ name: other, model: gpt }}]
  threshold: 0.8
{further}unmatched: reject
routes:
  - {{ name: local-only, match: {{ model: local-only }}, action: local-only }}
  - {{ name: detector, match: {{ model: detector }}, private: [card] }}
  - {{ name: pattern, match: {{ model: pattern }}, private: [ticket] }}
  - {{ name: team, match: {{ model: team }}, teams: {{ research: {{ private: [email] }} }} }}
  - name: split
    match: {{ model: split }}
    action: split
    private: [card]
    split:
      by: request
      arms:
        - {{ name: a, weight: 50% }}
        - {{ name: b, weight: 50%, action: shadow }}
  - {{ name: shadow, match: {{ model: shadow }}, action: shadow, private: [ticket] }}
  - {{ name: upstream-only, match: {{ model: upstream-only }}, action: upstream-only, private: [pii] }}
  - {{ name: rest, match: {{ model: rest }}, action: upstream-only, budget: {{ max: \"1000\", then: refuse }} }}
"
    )
}

async fn upstream() -> ScriptedUpstream {
    ScriptedUpstream::start((0..64).map(|_| Reply::completion("up"))).await
}

async fn start(
    upstream: &ScriptedUpstream,
    engine: Arc<Scripted>,
    further: &[&str],
) -> TestGateway {
    TestGateway::builder()
        .config_yaml(&config(upstream, further))
        .engine(engine)
        .start()
        .await
}

/// Engines that fail in every way there is, and what becomes of a request that cannot leave.
fn failures() -> Vec<(&'static str, Arc<Scripted>)> {
    let playing = |script: Script| Arc::new(Scripted::new(move |_| script.clone()));
    let with_health = |health: Health| {
        let engine = Scripted::answering("draft", -0.01);
        engine.set_health(health);
        Arc::new(engine)
    };
    let ending = |end: End| Script {
        end,
        ..Script::answering("half a draft", -0.01)
    };
    let busy = EngineError::Busy {
        predicted: Duration::from_secs(9),
    };
    let died = || EngineError::Died("signal 9".to_owned());
    vec![
        ("down", with_health(Health::Down("gone".to_owned()))),
        ("loading", with_health(Health::Loading)),
        ("busy", playing(Script::failing(busy))),
        ("died before a token", playing(Script::failing(died()))),
        ("died amid a draft", playing(ending(End::Failed(died())))),
        ("hangs amid a draft", playing(ending(End::Hang))),
        ("wrong form", playing(Script::answering("!?", -0.01))),
        ("not sure", playing(Script::answering("draft", -3.0))),
    ]
}

/// Sends everything that is pinned, whole and streamed, at the same time.
async fn send_pinned(gateway: &TestGateway, what: &str) {
    let asking = PINNED.map(|(model, text)| async move {
        let body = chat(model, text);
        let (whole, mut stream) = tokio::join!(gateway.ask(&body), gateway.stream(&body));
        stream.rest().await;
        let said = format!("{}\n{}", whole.text, stream.raw());
        for secret in SECRETS {
            assert!(!said.contains(secret), "{what}, {model}: {said}");
        }
        assert_eq!(whole.error(), "503 local_unavailable", "{what}, {model}");
        assert_eq!(whole.header("x-smallfirst-reason"), "pinned");
        assert_eq!(stream.status, 503, "{what}, {model}");
    });
    join_all(asking).await;
    gateway.learnt().await;
}

/// Nothing arrived, and the books know of no try to send anything, nor of a draft that was made to learn.
async fn nothing_left(gateway: &TestGateway, upstream: &ScriptedUpstream, what: &str) {
    assert_eq!(upstream.connections(), 0, "{what}: a connection");
    for exchange in gateway.books().await.exchanges {
        assert_eq!(exchange.reserved.as_deref(), Some("0"), "{what}");
        let strangers: Vec<_> = exchange
            .attempts
            .iter()
            .map(|a| a.engine.as_str())
            .collect();
        assert!(
            strangers.iter().all(|e| *e == "local"),
            "{what}: {strangers:?}"
        );
    }
}

/// What is not private leaves from all those routes but the first.
async fn control_leaves(gateway: &TestGateway, upstream: &ScriptedUpstream, what: &str) {
    for (at, (model, _)) in PINNED.iter().enumerate().skip(1) {
        let answer = gateway.ask(&chat(model, CONTROL)).await;
        let source = answer.header("x-smallfirst-source");
        assert_eq!(source, "upstream", "{what}, {model}: {}", answer.text);
        assert_eq!(upstream.count(), at, "{what}, {model}");
    }
    rest_leaves(gateway, upstream).await;
}

async fn rest_leaves(gateway: &TestGateway, upstream: &ScriptedUpstream) {
    let before = upstream.count();
    let answer = gateway.ask(&chat("rest", PINNED[1].1)).await;
    assert_eq!(answer.header("x-smallfirst-source"), "upstream");
    assert_eq!(upstream.count(), before + 1);
}

#[tokio::test]
async fn while_the_local_model_fails_in_every_way() {
    for (what, engine) in failures() {
        let upstream = upstream().await;
        let gateway = start(&upstream, engine, &[]).await;
        send_pinned(&gateway, what).await;
        nothing_left(&gateway, &upstream, what).await;
        control_leaves(&gateway, &upstream, what).await;
        gateway.stop().await;
    }
}

#[tokio::test]
async fn while_it_fails_and_answers_are_stored() {
    for (what, engine) in failures() {
        let upstream = upstream().await;
        let gateway = start(&upstream, engine, &[CACHE]).await;
        // Stored answers of requests that may leave are there, and are of no use to those that may not.
        control_leaves(&gateway, &upstream, what).await;
        let before = upstream.count();
        send_pinned(&gateway, what).await;
        send_pinned(&gateway, what).await;
        assert_eq!(upstream.count(), before, "{what}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn while_it_fails_and_there_is_no_money() {
    for money in [NO_MONEY, NO_MONEY_REFUSED] {
        for (what, engine) in failures() {
            let upstream = upstream().await;
            let gateway = start(&upstream, engine, &[CACHE, money, AUDIT, ABORT]).await;
            send_pinned(&gateway, what).await;
            nothing_left(&gateway, &upstream, what).await;
            rest_leaves(&gateway, &upstream).await;
            gateway.stop().await;
        }
    }
}

#[tokio::test]
async fn while_nothing_fails() {
    let upstream = upstream().await;
    let engine = Arc::new(Scripted::answering("draft", -0.01));
    let gateway = start(&upstream, engine, &[CACHE, NO_MONEY_REFUSED, AUDIT]).await;
    for source in ["local accepted", "cache stored"] {
        for (model, text) in PINNED {
            let answer = gateway.ask(&chat(model, text)).await;
            // Chance may deal the second one to the other arm, which stores for itself.
            let told = if model == "split" {
                "local accepted"
            } else {
                source
            };
            assert!([source, told].contains(&answer.told().as_str()), "{model}");
            assert_ne!(answer.header("x-smallfirst-pinned"), "", "{model}");
        }
    }
    gateway.learnt().await;
    nothing_left(&gateway, &upstream, "nothing fails").await;
    rest_leaves(&gateway, &upstream).await;
    gateway.stop().await;
}

#[tokio::test]
async fn while_every_accepted_answer_is_audited() {
    let upstream = upstream().await;
    let engine = Arc::new(Scripted::answering("draft", -0.01));
    let gateway = start(&upstream, engine, &[AUDIT]).await;
    for (model, text) in PINNED {
        let answer = gateway.ask(&chat(model, text)).await;
        assert_eq!(answer.told(), "local accepted", "{model}");
    }
    gateway.learnt().await;
    nothing_left(&gateway, &upstream, "audited").await;
    let free = gateway.ask(&chat("detector", CONTROL)).await;
    assert_eq!(free.told(), "local accepted");
    gateway.learnt().await;
    assert_eq!(upstream.count(), 1, "what is not private is audited");
    gateway.stop().await;
}

#[tokio::test]
async fn while_the_engine_falls_over() {
    let upstream = upstream().await;
    let engine = Scripted::new(|_| Script {
        end: End::Panic,
        ..Script::answering("half a draft", -0.01)
    });
    let gateway = start(&upstream, Arc::new(engine), &[CACHE]).await;
    for (model, text) in PINNED {
        let fallen = guarded("an end", gateway.post(&chat(model, text)).send()).await;
        assert!(fallen.is_err(), "{model}: closed without an answer");
    }
    gateway.learnt().await;
    nothing_left(&gateway, &upstream, "it falls over").await;
    rest_leaves(&gateway, &upstream).await;
    gateway.stop().await;
}

#[tokio::test]
async fn while_the_ledger_takes_nothing() {
    let upstream = upstream().await;
    let engine = Arc::new(Scripted::answering("draft", -3.0));
    let gateway = start(&upstream, engine, &[CACHE]).await;
    let stall = gateway.stall_ledger().await;
    let accounts = gateway.open_accounts();
    let asking = send_pinned(&gateway, "full ledger");
    let stalled = async {
        let all = u64::try_from(PINNED.len() * 2).unwrap();
        eventually("all to wait for the ledger", || {
            gateway.open_accounts() == accounts + all
        })
        .await;
        assert_eq!(upstream.connections(), 0, "while they wait");
        drop(stall);
    };
    tokio::join!(asking, stalled);
    nothing_left(&gateway, &upstream, "full ledger").await;
    control_leaves(&gateway, &upstream, "ledger again").await;
    gateway.stop().await;
}

#[tokio::test]
async fn while_the_client_leaves() {
    let upstream = upstream().await;
    let engine = Arc::new(Scripted::new(|_| Script {
        end: End::Hang,
        ..Script::answering("half a draft", -0.01)
    }));
    let patient = "local: { model: small, deadline: 1h }";
    let yaml = config(&upstream, &[CACHE]).replace(
        "local: { model: small, deadline: 200ms, answer: { regex: '[a-z]+' } }",
        patient,
    );
    let gateway = TestGateway::builder()
        .config_yaml(&yaml)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    for (at, (model, text)) in (1..).zip(PINNED) {
        let request = tokio::spawn(gateway.post(&chat(model, text)).send());
        eventually("a token of the draft", || engine.tokens_emitted() >= 2 * at).await;
        request.abort();
        eventually("the engine to stop", || engine.cancelled() == at).await;
    }
    eventually("the accounts to close", || gateway.open_accounts() == 0).await;
    gateway.learnt().await;
    nothing_left(&gateway, &upstream, "hung up").await;
    rest_leaves(&gateway, &upstream).await;
    gateway.stop().await;
}

#[tokio::test]
async fn while_another_configuration_lets_it_leave() {
    let upstream = upstream().await;
    let engine = Gated::new(Scripted::answering("draft", -3.0));
    let yaml = config(&upstream, &[]).replace("deadline: 200ms", "deadline: 1h");
    let gateway = TestGateway::builder()
        .config_yaml(&yaml)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    let lax = yaml
        .replace("private: [card]", "private: false")
        .replace("action: local-only", "action: upstream-only");
    let bodies: Vec<Value> = PINNED.iter().take(2).map(|(m, t)| chat(m, t)).collect();
    let asking = join_all(bodies.iter().map(|body| gateway.ask(body)));
    let reloading = async {
        engine.until(2, 2).await;
        gateway.write_config(&lax);
        let reloader = gateway.reloader(Arc::clone(&engine) as _);
        let reload = tokio::task::spawn_blocking(move || reloader.reload().is_ok());
        assert!(reload.await.unwrap(), "the other one is taken");
        engine.release();
        engine.release();
    };
    let (answers, ()) = tokio::join!(asking, reloading);
    for answer in answers {
        assert_eq!(answer.error(), "503 local_unavailable");
        assert_eq!(answer.header("x-smallfirst-reason"), "pinned");
    }
    assert_eq!(upstream.connections(), 0, "what began pinned stays pinned");
    engine.release();
    for body in &bodies {
        let answer = gateway.ask(body).await;
        assert_eq!(answer.header("x-smallfirst-source"), "upstream", "{body}");
    }
    gateway.stop().await;
}
