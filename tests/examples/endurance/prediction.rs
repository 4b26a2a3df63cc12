//! How far first tokens are from where they were predicted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use local_engine::queued::{QueueSettings, Queued};
use local_engine::worker::{Worker, WorkerSettings};
use local_engine::{Event, Job, LocalEngine, Message};
use support::worker::{self, ready};

/// Jobs at the start that nothing is held against.
const FIRST: usize = 20;
/// Jobs that are sent at the same time.
const TOGETHER: usize = 4;

/// The means that admission went by before: prefill per token, and time per job whatever its length.
#[derive(Debug, Default)]
struct Means {
    prefill: Option<f64>,
    job: Option<f64>,
}

impl Means {
    fn predict(&self, ahead: usize, tokens: u32) -> f64 {
        let ahead = u32::try_from(ahead).unwrap();
        self.job.unwrap_or(0.0) * f64::from(ahead) + self.prefill.unwrap_or(0.0) * f64::from(tokens)
    }
}

fn blend(mean: &mut Option<f64>, sample: f64) {
    *mean = Some(mean.map_or(sample, |old| old + 0.2 * (sample - old)));
}

/// One job as it went.
#[derive(Debug)]
struct Went {
    lines: f64,
    means: f64,
    actual: f64,
    tokens: u32,
    prefill: f64,
}

pub(crate) async fn measure(settings: WorkerSettings, jobs: usize) {
    let worker = Arc::new(Worker::start(settings));
    let engine: Arc<dyn LocalEngine> = Arc::new(Queued::new(worker, &QueueSettings::default()));
    ready(&engine).await;
    let mut means = Means::default();
    let mut went: Vec<Went> = Vec::new();
    let mut lot = 1_u64;
    while went.len() < jobs {
        let mut batch = Vec::new();
        for ahead in 0..TOGETHER {
            let job = job(&mut lot);
            let tokens = engine.count_tokens(job.messages.clone()).await.unwrap();
            let means = means.predict(ahead, tokens);
            let lines = engine.estimate(tokens).time_to_first_token().as_secs_f64();
            batch.push(run(&engine, job, (lines, means)));
        }
        for (went_now, took) in join_all(batch).await {
            if went_now.tokens > 0 {
                blend(
                    &mut means.prefill,
                    went_now.prefill / f64::from(went_now.tokens),
                );
            }
            blend(&mut means.job, took);
            went.push(went_now);
        }
    }
    let counted = &went[FIRST..];
    println!(
        "{} jobs of 20 to 400 tokens, {TOGETHER} at a time",
        counted.len()
    );
    tell(
        "means, as before",
        counted.iter().map(|w| (w.means, w.actual)),
    );
    tell(
        "lines and answers by kind",
        counted.iter().map(|w| (w.lines, w.actual)),
    );
}

/// The generation begins at once, so that the next one is predicted behind it.
fn run(
    engine: &Arc<dyn LocalEngine>,
    job: Job,
    (lines, means): (f64, f64),
) -> impl Future<Output = (Went, f64)> + use<> {
    let began = Instant::now();
    let mut stream = engine.generate(job);
    async move {
        let (mut prompt, mut first, mut prefill) = (0, None, 0.0);
        while let Some(event) = stream.next().await {
            match event {
                Event::Prefilled {
                    prompt_tokens,
                    took,
                    ..
                } => {
                    (prompt, prefill) = (prompt_tokens, took.as_secs_f64());
                }
                Event::Token(_) => {
                    first.get_or_insert_with(|| began.elapsed().as_secs_f64());
                }
                Event::Finished { .. } | Event::Failed(_) => {}
            }
        }
        let took = began.elapsed().as_secs_f64();
        let actual = first.unwrap();
        let busy = took - (actual - prefill).max(0.0);
        let went = Went {
            lines,
            means,
            actual,
            tokens: prompt,
            prefill,
        };
        (went, busy)
    }
}

fn tell(what: &str, pairs: impl Iterator<Item = (f64, f64)>) {
    let mut errors: Vec<f64> = pairs
        .map(|(predicted, actual)| (predicted - actual).abs() / actual)
        .collect();
    errors.sort_by(f64::total_cmp);
    let at = |share: usize| 100.0 * errors[(errors.len() - 1) * share / 100];
    println!(
        "{what}: relative error p50 {:.1} %, p90 {:.1} %",
        at(50),
        at(90)
    );
}

/// Prompts of very different lengths, answers of two kinds.
fn job(lot: &mut u64) -> Job {
    let mut draw = |below: u64| {
        *lot = lot
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*lot >> 33) % below
    };
    let words = [8, 20, 60, 140][usize::try_from(draw(4)).unwrap()] + draw(8);
    let max_tokens = [4, 48][usize::try_from(draw(2)).unwrap()];
    let text = "please tell me where my card is ".repeat(20);
    let words: Vec<&str> = text
        .split(' ')
        .take(usize::try_from(words).unwrap())
        .collect();
    Job::greedy(vec![Message::user(words.join(" "))], max_tokens)
}

/// The same jobs with one and two threads, placed and not.
pub(crate) async fn placing(settings: impl Fn() -> WorkerSettings, jobs: usize) {
    for (threads, cpus) in [
        (1, vec![]),
        (1, vec![0]),
        (2, vec![]),
        (2, vec![0]),
        (2, vec![0, 1]),
    ] {
        let mut settings = settings();
        settings.spec.threads = threads.to_string().parse().ok();
        settings.spec.cpus = cpus.iter().copied().collect();
        let engine = worker::queued(settings, 32);
        ready(&engine).await;
        let (mut lot, mut times) = (1_u64, Vec::new());
        for _ in 0..jobs {
            let began = Instant::now();
            let stream = engine.generate(job(&mut lot));
            let _all: Vec<Event> = stream.collect().await;
            times.push(began.elapsed());
        }
        times.sort();
        let total: Duration = times.iter().sum();
        let p99 = times[(times.len() - 1) * 99 / 100];
        println!(
            "threads {threads}, cpus {cpus:?}: {:.1} ms a job, p50 {:.1} ms, p99 {:.1} ms",
            total.as_secs_f64() * 1e3 / f64::from(u32::try_from(jobs).unwrap()),
            times[times.len() / 2].as_secs_f64() * 1e3,
            p99.as_secs_f64() * 1e3
        );
    }
}
