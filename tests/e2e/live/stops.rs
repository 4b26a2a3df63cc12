//! Heads that a route trains and proves while it serves.

use std::sync::Arc;

use gateway::learning::load_certificates;
use local_engine::Job;
use local_engine::scripted::{Script, Scripted, stats};
use serde_json::Value;
use support::{Answer, Builder, Reply, ScriptedUpstream, TestGateway, chat};

/// Loose enough for heads within hundreds of requests.
const ROUTES: &str = "\
- name: live
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 20%, assurance: 50% }
  early_abort: true
";

const WORDS: [&str; 6] = ["a", " b", " c", " d", " e", " f"];

/// Six words. On hard questions the first is a little less sure than ever on others, and only the rest tells that the draft is bad.
fn engine() -> Arc<Scripted> {
    Arc::new(Scripted::new(|job: &Job| {
        let text = job.messages.last().map_or("", |m| m.content.as_str());
        let number: u8 = text
            .split(' ')
            .next_back()
            .and_then(|n| n.parse().ok())
            .unwrap_or(7);
        let wobble = f32::from(number % 13) / 13.0;
        let logprob = |place: usize| match (text.contains("hard"), place) {
            (true, 0) => -0.1,
            (true, _) => -0.9,
            (false, _) => -0.01 - 0.02 * wobble,
        };
        let words = WORDS.iter().enumerate();
        let mut script = Script::answering("", 0.0);
        script.tokens = words
            .map(|(place, word)| ((*word).to_owned(), stats(logprob(place))))
            .chain([(String::new(), stats(-0.001))])
            .collect();
        script
    }))
}

async fn large() -> ScriptedUpstream {
    ScriptedUpstream::answering(|body| {
        let hard = body["messages"].to_string().contains("hard");
        Reply::completion(if hard {
            "something else"
        } else {
            "a b c d e f"
        })
    })
    .await
}

fn gateway(upstream: &ScriptedUpstream, engine: &Arc<Scripted>) -> Builder {
    TestGateway::builder()
        .upstream(upstream)
        .engine(Arc::clone(engine) as _)
        .routes(ROUTES)
        .seed(7)
}

fn question(n: u32) -> Value {
    let kind = if n.is_multiple_of(4) { "hard" } else { "easy" };
    chat("auto", &format!("{kind} {}", n % 100))
}

/// Asks, with every fourth question hard, until a draft is given up.
async fn until_stopped(gateway: &TestGateway, most: u32) -> (u32, Answer) {
    for n in 1..=most {
        let answer = gateway.ask(&question(n)).await;
        gateway.learnt().await;
        if answer.told() == "upstream stopped_early" {
            return (n, answer);
        }
    }
    panic!("no draft was given up in {most} requests");
}

#[tokio::test]
async fn a_route_goes_from_nothing_to_giving_up_bad_drafts_by_serving() {
    let (upstream, first) = (large().await, engine());
    let gateway = gateway(&upstream, &first).start().await;
    let (requests, stopped) = until_stopped(&gateway, 800).await;
    // The certificate took 28 requests at least, the heads 200, and their proof 140 accepted drafts more.
    assert!(requests > 340, "{requests}");
    assert_eq!(stopped.content(), "something else");
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("phase=\"certified\"} 1"), "{metrics}");
    let certificate = load_certificates(&gateway.path("certificates"))
        .unwrap()
        .remove("live")
        .unwrap();
    let heads = certificate.heads.as_ref().unwrap();
    assert_eq!((heads.accepted, heads.wrong), (140, 0), "{heads:?}");
    assert!(heads.bound.get() <= 0.02);

    // Others are answered as before, and a reload changes nothing.
    assert_eq!(gateway.ask(&question(1)).await.told(), "local accepted");
    let before = first.cancelled();
    gateway.reloader(Arc::clone(&first) as _).reload().unwrap();
    let again = gateway.ask(&question(4)).await;
    assert_eq!(again.told(), "upstream stopped_early");
    gateway.learnt().await;
    assert!(before >= 1 && first.cancelled() > before);

    let (books, folder) = gateway.stop_and_leave().await;
    for answer in [&stopped, &again] {
        let exchange = books.exchange(answer.header("x-request-id"));
        assert_eq!(exchange.lessons()[0], "answer certified stopped_early");
        assert_eq!(exchange.attempts[0].output, 1, "one token of seven");
        let Some((1, p_rejected, limit)) = exchange.evidence[0].stopped else {
            panic!("{:?}", exchange.evidence[0].stopped)
        };
        assert!(limit < 1.0 && p_rejected >= limit, "a head said so");
    }
    for evidence in books.exchanges.iter().flat_map(|e| &e.evidence) {
        evidence.recompute().unwrap();
    }

    // Nor does a restart.
    let gateway = self::gateway(&upstream, &first)
        .folder(folder)
        .start()
        .await;
    let again = gateway.ask(&question(8)).await;
    assert_eq!(again.told(), "upstream stopped_early");
    gateway.learnt().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_of_the_proof_goes_on_where_it_was() {
    let (upstream, engine) = (large().await, engine());
    let alone = gateway(&upstream, &engine).start().await;
    let (needed, _) = until_stopped(&alone, 800).await;
    alone.stop().await;

    // Once while there is no threshold, once while heads are fitted to drafts, once while they are proven.
    let mut folder = None;
    let mut asked = 0;
    for moment in [20, 100, 300, needed] {
        let builder = gateway(&upstream, &engine);
        let gateway = match folder {
            Some(folder) => builder.folder(folder).start().await,
            None => builder.start().await,
        };
        for n in asked + 1..=moment {
            let told = gateway.ask(&question(n)).await.told();
            gateway.learnt().await;
            assert_eq!(told == "upstream stopped_early", n == needed, "{n}: {told}");
        }
        asked = moment;
        folder = Some(gateway.stop_and_leave().await.1);
    }
}
