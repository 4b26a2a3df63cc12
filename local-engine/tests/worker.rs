//! The worker with a real child process: this test binary starts itself again as the child. What it owes as an
//! engine is in `conformance`; here is what only a process can do.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{
    Cause, EngineError, EngineSpec, Event, Generation, Health, Job, LocalEngine, Message,
};

#[path = "worker/child.rs"]
mod child;

use child::load;

const AS_CHILD: &str = "LOCAL_ENGINE_TEST_CHILD";
const DEADLINE: Duration = Duration::from_secs(30);

/// Not a test of its own: the child's main function. Does nothing unless a test started it.
#[test]
fn child_main() {
    if std::env::var_os(AS_CHILD).is_none() {
        return;
    }
    println!("libraries print what they like");
    eprintln!("the child is up");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(async {
        let (read, write) = parent_link().unwrap().into_split();
        serve(load, read, write).await
    });
    if let Err(error) = served {
        eprintln!("{error}");
    }
}

fn start(path: &str) -> Worker {
    start_as(EngineSpec {
        threads: "3".parse().ok(),
        ..EngineSpec::new(path)
    })
}

fn start_as(spec: EngineSpec) -> Worker {
    let arguments = ["--exact", "child_main", "--nocapture"];
    let mut settings = WorkerSettings::new(std::env::current_exe().unwrap(), arguments, spec);
    settings.environment.push((AS_CHILD.into(), "1".into()));
    settings.first_pause = Duration::from_millis(20);
    Worker::start(settings)
}

fn job(content: &str) -> Job {
    Job::greedy(vec![Message::user(content)], 100_000)
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "never: {what}"
    );
}

async fn ready(path: &str) -> Worker {
    let worker = start(path);
    until("ready", || worker.health() == Health::Ready).await;
    worker
}

async fn all(stream: Generation) -> Vec<Event> {
    tokio::time::timeout(DEADLINE, stream.collect())
        .await
        .unwrap()
}

async fn answer(worker: &Worker, content: &str) -> String {
    let mut text = Vec::new();
    for event in all(worker.generate(job(content))).await {
        match event {
            Event::Token(token) => text.extend(token.bytes),
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    String::from_utf8(text).unwrap()
}

async fn ready_as(spec: EngineSpec) -> Worker {
    let worker = start_as(spec);
    until("ready", || worker.health() == Health::Ready).await;
    worker
}

async fn back(worker: &Worker, after: Cause) {
    until("restarted", || {
        worker.restarts() == 1 && worker.health() == Health::Ready
    })
    .await;
    assert_eq!(worker.vitals().restarts, [(after, 1)].into());
    assert_eq!(answer(worker, "?").await, "yes");
}

fn kill(worker: &Worker) {
    signal(worker, "-9");
}

fn signal(worker: &Worker, signal: &str) {
    let id = worker.process_id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

async fn assert_died(stream: Generation) -> String {
    match all(stream).await.pop() {
        Some(Event::Failed(EngineError::Died(text))) => text,
        other => panic!("not dead: {other:?}"),
    }
}

#[tokio::test]
async fn loads_and_answers_as_the_engine_itself() {
    let worker = start("answers");
    assert_eq!(worker.health(), Health::Loading);
    assert_eq!(
        all(worker.generate(job("?"))).await,
        [Event::Failed(EngineError::Loading)]
    );
    until("ready", || worker.health() == Health::Ready).await;
    let own = load(EngineSpec::new("answers")).await.unwrap();
    assert_eq!(worker.info(), own.info());
    assert_eq!(
        all(worker.generate(job("?"))).await,
        all(own.generate(job("?"))).await
    );
    assert_eq!(
        worker.count_tokens(job("one two three").messages).await,
        Ok(3)
    );
    assert_eq!(answer(&worker, "threads").await, "3");
    assert_eq!(answer(&worker, "spins").await, "1000");
    assert_eq!(worker.restarts(), 0);
}

#[tokio::test]
async fn a_killed_child_fails_its_jobs_and_comes_back() {
    let worker = ready("answers").await;
    let mut running = worker.generate(job("slow"));
    assert!(matches!(
        running.next().await,
        Some(Event::Prefilled { .. })
    ));
    kill(&worker);
    let text = assert_died(running).await;
    assert!(text.contains("signal: 9"), "{text}");
    assert!(worker.info().is_some());
    back(&worker, Cause::Killed).await;
}

#[tokio::test]
async fn an_abort_takes_all_jobs_and_nothing_else() {
    let worker = ready("answers").await;
    let running = worker.generate(job("slow"));
    assert_died(worker.generate(job("abort"))).await;
    assert_died(running).await;
    back(&worker, Cause::Crashed).await;
}

#[tokio::test]
async fn a_panic_of_the_engine_replaces_the_process() {
    let worker = ready("answers").await;
    assert_died(worker.generate(job("panic"))).await;
    back(&worker, Cause::Exited).await;
}

#[tokio::test]
async fn a_bad_memory_access_is_a_crash() {
    let worker = ready("answers").await;
    let running = worker.generate(job("slow"));
    assert_died(worker.generate(job("segfault"))).await;
    let text = assert_died(running).await;
    assert!(text.contains("signal: 11"), "{text}");
    back(&worker, Cause::Crashed).await;
}

/// A limit in which the test's own child has room to live.
const LIMIT: u64 = 192 << 20;

#[tokio::test]
async fn a_child_that_passes_its_memory_limit_says_so() {
    let worker = ready_as(EngineSpec {
        memory_limit: Some(LIMIT),
        ..EngineSpec::new("answers")
    })
    .await;
    let text = assert_died(worker.generate(job("gorge"))).await;
    assert!(
        text.contains("it passed its memory limit of 192MiB"),
        "{text}"
    );
    back(&worker, Cause::Memory).await;
}

#[tokio::test]
async fn a_limit_below_what_the_model_needs_is_told_and_slows_down() {
    let worker = start_as(EngineSpec {
        memory_limit: Some(LIMIT),
        ..EngineSpec::new("huge")
    });
    let died = |worker: &Worker| matches!(worker.health(), Health::Down(_));
    until("down", || died(&worker)).await;
    let Health::Down(text) = worker.health() else {
        panic!("it came up")
    };
    for part in ["did not load", "192MiB", "raise `memory_limit`"] {
        assert!(text.contains(part), "{text}");
    }
    // Pauses of 20, 40, 80 and 160 ms lie before the fourth restart.
    let began = Instant::now();
    until("tried again", || {
        assert!(
            died(&worker),
            "it is not loading just because it is tried again"
        );
        worker.restarts() >= 4
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(280));
    assert!(worker.vitals().restarts[&Cause::Memory] >= 4);
}

#[tokio::test]
async fn a_child_that_stops_is_avoided_then_killed_and_replaced() {
    let worker = ready_as(EngineSpec {
        stall_after: Duration::from_secs(1),
        ..EngineSpec::new("answers")
    })
    .await;
    let running = worker.generate(job("slow"));
    signal(&worker, "-STOP");
    until("avoided", || matches!(worker.health(), Health::Down(_))).await;
    assert_died(worker.generate(job("?"))).await;
    let text = assert_died(running).await;
    assert!(text.contains("it gave no sign of life for 1."), "{text}");
    back(&worker, Cause::Hung).await;
}

#[tokio::test]
async fn a_child_that_stops_for_a_moment_is_forgiven() {
    let worker = ready_as(EngineSpec {
        stall_after: Duration::from_secs(20),
        ..EngineSpec::new("answers")
    })
    .await;
    let child = worker.process_id();
    signal(&worker, "-STOP");
    until("avoided", || matches!(worker.health(), Health::Down(_))).await;
    signal(&worker, "-CONT");
    until("ready", || worker.health() == Health::Ready).await;
    assert_eq!((worker.process_id(), worker.restarts()), (child, 0));
}

#[tokio::test]
async fn a_child_that_talks_nonsense_is_replaced() {
    let worker = ready("answers").await;
    let text = assert_died(worker.generate(job("garble"))).await;
    assert!(text.contains("it broke the protocol"), "{text}");
    back(&worker, Cause::Garbled).await;
}

#[tokio::test]
async fn a_child_that_closes_its_socket_is_replaced() {
    let worker = ready("answers").await;
    assert_died(worker.generate(job("hang up"))).await;
    back(&worker, Cause::Exited).await;
}

#[tokio::test]
async fn a_child_computes_on_the_processors_that_it_was_given() {
    let worker = ready_as(EngineSpec {
        cpus: [0].into(),
        ..EngineSpec::new("answers")
    })
    .await;
    assert_eq!(answer(&worker, "cpus").await, "0");
    let worker = start_as(EngineSpec {
        cpus: [0, 1023].into(),
        ..EngineSpec::new("answers")
    });
    until("down", || matches!(worker.health(), Health::Down(_))).await;
    let Health::Down(text) = worker.health() else {
        panic!("it came up")
    };
    assert!(text.contains("1023 is not given to it"), "{text}");
}

#[tokio::test]
async fn the_first_prediction_is_not_blind() {
    let worker = ready("paced").await;
    let short = worker.estimate(8).prefill;
    let long = worker.estimate(800).prefill;
    assert!(short >= Duration::from_millis(5), "{short:?}");
    assert!(long > short, "{long:?}");
    assert!(worker.decode_time(10) >= Duration::from_millis(20));
}

#[tokio::test]
async fn a_model_that_does_not_load_is_tried_again_and_stays_down() {
    let worker = start("missing");
    until("down", || matches!(worker.health(), Health::Down(_))).await;
    let Health::Down(text) = worker.health() else {
        panic!("it came up")
    };
    assert!(text.contains("mend the path"), "{text}");
    until("tried again", || {
        assert_eq!(worker.health(), Health::Down(text.clone()));
        worker.restarts() >= 2
    })
    .await;
    let failed = all(worker.generate(job("?"))).await;
    assert!(matches!(failed[..], [Event::Failed(EngineError::Load(_))]));
    assert_eq!(worker.info(), None);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_down_with_its_name() {
    let worker = Worker::start(WorkerSettings::new(
        "/no/such/program",
        [""],
        EngineSpec::new("m"),
    ));
    until("down", || matches!(worker.health(), Health::Down(_))).await;
    let Health::Down(text) = worker.health() else {
        panic!("it came up")
    };
    assert!(text.contains("/no/such/program"), "{text}");
}

#[tokio::test]
async fn a_text_beyond_any_frame_is_refused_and_harms_nobody() {
    let worker = ready("answers").await;
    let huge = "\u{1}".repeat(9 << 20);
    let events = all(worker.generate(job(&huge))).await;
    assert!(matches!(
        events[..],
        [Event::Failed(EngineError::Unsupported(_))]
    ));
    let counted = worker.count_tokens(job(&huge).messages).await;
    assert!(matches!(counted, Err(EngineError::Unsupported(_))));
    // The largest that passes, every byte of it escaped.
    assert_eq!(answer(&worker, &huge[..8 << 20]).await, "yes");
    assert_eq!(worker.restarts(), 0);
}

#[tokio::test]
async fn dropping_the_worker_kills_the_child() {
    let worker = ready("answers").await;
    let process = format!("/proc/{}/stat", worker.process_id().unwrap());
    let mut running = worker.generate(job("slow"));
    running.next().await.unwrap();
    drop(worker);
    assert_died(running).await;
    until("gone", || {
        // A zombie is dead, too: state `Z` after the name in parentheses.
        std::fs::read_to_string(&process).map_or(true, |stat| stat.contains(") Z "))
    })
    .await;
}

#[tokio::test]
async fn the_child_ends_with_its_parent() {
    let (parent, child) = tokio::net::UnixStream::pair().unwrap();
    let (read, write) = child.into_split();
    let serving = tokio::spawn(serve(load, read, write));
    drop(parent);
    tokio::time::timeout(DEADLINE, serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
