//! What a rule is given and what it may say.

use std::any::Any;
use std::fmt;
use std::io::Write;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use local_engine::LocalEngine;
use local_engine::queued::{QueueSettings, Queued};

use crate::chain::Chain;

/// What an engine may lack. A subject claims everything that it does not say it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// It computes the given probabilities, a token for each byte.
    Probabilities,
    /// Margin and entropy are of the whole vocabulary, not of its upper end.
    Distribution,
    /// Its tokens can be fragments of characters.
    Fragments,
    /// It draws tokens, from a seed if it is given one.
    Sampling,
    /// [`Constraint::OneOf`](local_engine::Constraint::OneOf).
    ClosedList,
    /// [`Constraint::Regex`](local_engine::Constraint::Regex).
    Regex,
    /// [`Constraint::Json`](local_engine::Constraint::Json).
    Json,
    /// [`Constraint::JsonSchema`](local_engine::Constraint::JsonSchema).
    JsonSchema,
    /// It tells its steps, so that compute can be seen to stop or not to begin.
    Steps,
    /// Vectors of texts.
    Embeddings,
    /// It can be killed, and comes back.
    Death,
}

/// Why a rule did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was not put to the test: what is lacked, and why.
    NotClaimed(Capability, &'static str),
    /// It was, and this was seen instead.
    Broken(String),
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Broken(text)
    }
}

pub(crate) type Verdict<T = ()> = Result<T, Trouble>;

/// Breaks the rule with a text, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err(crate::suite::Trouble::Broken(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;

/// The model that an engine is to be made with: what it says after the prompt, a token for each byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// `Parisé`.
    Paris,
    /// `[12]`, when something holds it to that; left alone it begins otherwise.
    List,
    /// `a`, for ever.
    Endless,
}

impl Model {
    pub(crate) const ALL: [Self; 3] = [Self::Paris, Self::List, Self::Endless];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Paris => "paris",
            Self::List => "list",
            Self::Endless => "endless",
        }
    }

    /// What it says, and the probability of each byte; the end is as probable as [`Chain::saying`] makes it.
    pub(crate) fn course(self) -> Option<(&'static str, &'static [f64])> {
        match self {
            Self::Paris => Some(("Parisé", &[0.97, 0.90, 0.60, 0.97, 0.97, 0.99, 0.99])),
            Self::List => Some(("[12]", &[0.30, 0.90, 0.90, 0.90])),
            Self::Endless => None,
        }
    }

    pub(crate) fn chain(self) -> Chain {
        self.course()
            .map_or_else(Chain::endless, |(reply, probabilities)| {
                Chain::saying(reply, probabilities)
            })
    }
}

/// How a rule wants the engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) model: Model,
    pub(crate) context: Option<NonZeroU32>,
    /// Time that a step takes where steps take none.
    pub(crate) pace: Duration,
    /// Pause before an engine that died is started again.
    pub(crate) restart_after: Duration,
}

impl From<Model> for Setup {
    fn from(model: Model) -> Self {
        Self {
            model,
            context: None,
            pace: Duration::ZERO,
            restart_after: Duration::from_millis(20),
        }
    }
}

pub(crate) type Steps = Box<dyn Fn() -> BoxFuture<'static, u64> + Send + Sync>;

/// An engine that is ready, with what a test may know and do beside the seam.
pub(crate) struct Made {
    pub(crate) engine: Arc<dyn LocalEngine>,
    /// Steps since it was loaded, of all jobs.
    pub(crate) steps: Option<Steps>,
    pub(crate) kill: Option<Box<dyn Fn() + Send + Sync>>,
    /// What has to live as long as the engine.
    pub(crate) _keep: Box<dyn Any + Send + Sync>,
}

impl Made {
    pub(crate) fn new(engine: Arc<dyn LocalEngine>) -> Self {
        Self {
            engine,
            steps: None,
            kill: None,
            _keep: Box::new(()),
        }
    }

    /// With a count of steps that can be read at once.
    pub(crate) fn counting(mut self, steps: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.steps = Some(Box::new(move || Box::pin(std::future::ready(steps()))));
        self
    }

    /// Steps so far; nothing where they are not told, so use it for differences.
    pub(crate) async fn steps(&self) -> u64 {
        match &self.steps {
            Some(steps) => steps().await,
            None => 0,
        }
    }
}

type Make = dyn Fn(Setup) -> BoxFuture<'static, Made> + Send + Sync;

/// An adapter before the suite.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// What it lacks, and why.
    pub(crate) lacks: &'static [(Capability, &'static str)],
    make: Box<Make>,
    /// Puts a queue with one slot and so many places to wait in front of an engine.
    pub(crate) queue: fn(Arc<dyn LocalEngine>, u32) -> Arc<dyn LocalEngine>,
}

impl Subject {
    pub(crate) fn new<F>(
        name: &'static str,
        lacks: &'static [(Capability, &'static str)],
        make: impl Fn(Setup) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Made> + Send + 'static,
    {
        Self {
            name,
            lacks,
            make: Box::new(move |setup| Box::pin(make(setup))),
            queue,
        }
    }

    pub(crate) async fn make(&self, setup: impl Into<Setup>) -> Made {
        (self.make)(setup.into()).await
    }

    pub(crate) fn lacks(&self, capability: Capability) -> Option<&'static str> {
        let lacked = self.lacks.iter().find(|(lacked, _)| *lacked == capability);
        lacked.map(|(_, why)| *why)
    }

    /// Ends a rule that asks for what the subject lacks.
    pub(crate) fn claims(&self, capability: Capability) -> Verdict {
        self.lacks(capability)
            .map_or(Ok(()), |why| Err(Trouble::NotClaimed(capability, why)))
    }
}

pub(crate) fn queue(engine: Arc<dyn LocalEngine>, waiting: u32) -> Arc<dyn LocalEngine> {
    let settings = QueueSettings {
        waiting,
        ..QueueSettings::default()
    };
    Arc::new(Queued::new(engine, &settings))
}

/// Fails the test where a rule is broken, and says aloud where it was not claimed.
#[expect(clippy::panic, reason = "a test")]
pub(crate) fn conclude(subject: &str, rule: &str, verdict: Verdict) {
    match verdict {
        Ok(()) => {}
        Err(Trouble::NotClaimed(capability, why)) => {
            say(format_args!(
                "{subject}: {rule}: not claimed: {capability:?}: {why}"
            ));
        }
        Err(Trouble::Broken(text)) => panic!("{subject} breaks `{rule}`: {text}"),
    }
}

/// Past the test harness, which keeps to itself what passing tests print; in one piece, beside other tests.
fn say(line: fmt::Arguments<'_>) {
    let line = format!("conformance: {line}\n");
    // Nobody may be listening.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Makes a module of tests of `$subject`, one for each rule.
macro_rules! conformance {
    ($name:ident, $subject:expr) => {
        mod $name {
            crate::rules::each!(crate::suite::tests!($subject));
        }
    };
}
pub(crate) use conformance;

macro_rules! tests {
    ($subject:expr; $($rule:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let subject = $subject;
                let verdict = crate::rules::$rule(&subject).await;
                crate::suite::conclude(subject.name, stringify!($rule), verdict);
            }
        )+
    };
}
pub(crate) use tests;
