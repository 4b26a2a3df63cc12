//! What giving drafts up early does to the latency of escalations: the same requests on a route with `early_abort` and on
//! one without, in turn, in one run, through the whole gateway over HTTP.
//!
//! `cargo test --no-default-features -p smallfirst-tests --bench early_abort -- TRACES.jsonl`, with traces as the example
//! `record` writes them. The engine plays their timings and statistics, all tokens as decisions; the upstream answers at once,
//! so what is left is what an escalation waits for the draft. Calibrated on the first 1,450 traces, measured on the rest.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::learning::{Issued, LabelledRequest};
use local_engine::scripted::{End, Script, Scripted};
use local_engine::{FinishReason, Job, Message, TokenStats};
use router_policies::{Certificate, TokenSignal};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Reply, ScriptedUpstream, TestGateway, chat};

const CALIBRATION: usize = 1450;

const ROUTES: &str = "\
- name: stops
  match: { model: stops }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 5% }
  early_abort: true
- name: whole
  match: { model: whole }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 5% }
";

#[derive(Deserialize)]
struct Trace {
    right: bool,
    valid: bool,
    prefill_us: u64,
    busy_us: u64,
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(flatten)]
    signal: TokenSignal,
}

impl Trace {
    /// The draft, word by word, none like another.
    fn text(&self) -> String {
        let words = self.tokens.len().saturating_sub(1);
        (0..words).map(|n| format!("w{n} ")).collect()
    }

    fn script(&self, timed: bool) -> Script {
        let count = u32::try_from(self.tokens.len()).unwrap_or(1).max(1);
        let time = |us| Duration::from_micros(if timed { us } else { 0 });
        let last = self.tokens.len().saturating_sub(1);
        let token = |(n, token): (usize, &Token)| {
            let TokenSignal {
                logprob,
                margin,
                entropy,
                legal_mass,
                forced,
                ..
            } = token.signal;
            let stats = TokenStats {
                logprob,
                margin,
                entropy,
                legal_mass,
                forced,
            };
            let text = if n < last {
                format!("w{n} ")
            } else {
                String::new()
            };
            (text, stats)
        };
        Script {
            prompt_tokens: 20,
            delay_before_first: time(self.prefill_us),
            tokens: self.tokens.iter().enumerate().map(token).collect(),
            per_token: time(self.busy_us - self.prefill_us) / count,
            // What failed its checks is played as cut off, which fails one too.
            end: End::Finished(if self.valid {
                FinishReason::Stop
            } else {
                FinishReason::Length
            }),
        }
    }
}

/// Plays the trace that the request names.
fn engine(traces: &Arc<Vec<Trace>>, timed: bool) -> Arc<Scripted> {
    let traces = Arc::clone(traces);
    Arc::new(Scripted::new(move |job: &Job| {
        let said = job.messages.last().map_or("", |m| m.content.as_str());
        let number: usize = said.parse().unwrap();
        traces[number].script(timed)
    }))
}

fn labelled(traces: &[Trace]) -> Vec<LabelledRequest> {
    let row = |(number, trace): (usize, &Trace)| LabelledRequest {
        messages: vec![Message {
            role: "user".to_owned(),
            content: number.to_string(),
        }],
        gold: if trace.right {
            json!(trace.text())
        } else {
            Value::Null
        },
    };
    traces.iter().enumerate().map(row).collect()
}

#[tokio::main]
async fn main() {
    let file = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let Some(file) = file else {
        println!("give it a file of traces");
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let traces = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let traces: Arc<Vec<Trace>> = Arc::new(traces.collect());
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine(&traces, true))
        .routes(ROUTES)
        .certified(
            "stops",
            engine(&traces, false),
            labelled(&traces[..CALIBRATION]),
        )
        .start()
        .await;
    same_certificate(&gateway);

    let mut times = [Vec::new(), Vec::new()];
    let (mut local, mut stopped, mut wrong) = (0, 0, 0);
    for number in CALIBRATION..traces.len() {
        let mut told = Vec::new();
        for (times, model) in times.iter_mut().zip(["stops", "whole"]) {
            upstream.then(Reply::completion("from above"));
            let start = Instant::now();
            let answer = gateway.ask(&chat(model, &number.to_string())).await;
            let took = start.elapsed();
            if answer.told().starts_with("upstream") {
                times.push(took);
            }
            told.push(answer.told());
        }
        local += u32::from(told[1] == "local accepted");
        stopped += u32::from(told[0] == "upstream stopped_early");
        wrong += u32::from(told[0] == "upstream stopped_early" && told[1] == "local accepted");
    }
    println!(
        "{} requests, {local} answered locally without stops; {stopped} stopped, {wrong} of them wrongly",
        traces.len() - CALIBRATION
    );
    for (times, what) in times.iter_mut().zip(["with early_abort", "without"]) {
        times.sort();
        let at = |share: usize| {
            times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3
        };
        println!(
            "{what}: {} escalations, p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms",
            times.len(),
            at(50),
            at(90),
            at(99)
        );
    }
    gateway.stop().await;
}

/// Both routes go by one certificate, so that they differ in nothing but the stops.
fn same_certificate(gateway: &TestGateway) {
    let snapshot = gateway.app().snapshot();
    let issued = snapshot.certificate("stops").unwrap();
    let certificate = Certificate {
        route: "whole".to_owned(),
        ..issued.certificate().clone()
    };
    let issued = Issued::new(&certificate).unwrap();
    gateway.app().certify("whole", Some(&issued));
}
