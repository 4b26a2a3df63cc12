//! One compiled route.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::local::LocalPlan;
use super::split::{Asker, Split};
use crate::document::{BudgetAction, BudgetPeriod};
use crate::matcher::Matcher;
use crate::privacy::Detectors;
use crate::risk::RiskTarget;
use crate::units::{Amount, Factor, Probability};

/// One compiled route. Only [`Policy::compile`](crate::Policy::compile) makes one, so what it says is consistent.
///
/// A route of the file can mean different things to different requests: teams override keys, a split divides traffic.
/// Each meaning is a `Route` of its own with the same name and a different [`variant`](Self::variant);
/// [`for_asker`](Self::for_asker) finds the one that holds for a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Unique in its policy; fit for a header value; without `@`.
    pub name: String,
    /// Which meaning of the route this is: `team=support`, `arm=small`, `team=support,arm=small`; `None` for the plain
    /// one.
    pub variant: Option<String>,
    /// Who may answer. [`Action::Split`] never comes out of [`for_asker`](Self::for_asker).
    pub action: Action,
    /// How the local model drafts. Present unless the action is [`Action::UpstreamOnly`] or [`Action::Split`]; an
    /// upstream-only route has it only for the requests that must not leave: where `pin` is [`Pin::OnDetect`], or the
    /// budget says [`BudgetAction::LocalOnly`].
    pub local: Option<LocalPlan>,
    /// Where a request goes that leaves. Present unless the action is [`Action::LocalOnly`] or [`Action::Split`], where
    /// it is always absent, even if the file names one: nothing can leave by mistake.
    pub upstream: Option<ModelRef>,
    /// Who is asked in turn when `upstream` fails; without doubles; empty where `upstream` is absent.
    pub fallbacks: Arc<[ModelRef]>,
    /// Which requests must not leave. [`Pin::Always`] goes with [`Action::LocalOnly`].
    pub pin: Pin,
    /// When a draft is accepted.
    pub trust: Trust,
    /// From when on the source of a streamed answer is settled.
    pub commit: Commit,
    /// Whether a draft that is likely to be rejected is given up before its end.
    pub early_abort: bool,
    /// How long to wait for the draft before the upstream is asked beside it; `None`: never.
    pub hedge_after: Option<Duration>,
    /// How accepted answers are checked afterwards; `None`: not at all.
    pub audit: Option<Audit>,
    /// Who compares free texts for audits and for what is learnt of escalations; `None`: nobody. Absent where `audit` is.
    pub text_judge: Option<TextJudge>,
    /// How long an answer may be repeated from memory; `None`: never.
    pub cache: Option<Duration>,
    /// What the route is compared with: the declared baseline, or else the first upstream that the file names. It is
    /// only reckoned with, never asked. `None` only on a local-only route that names neither.
    pub baseline: Option<ModelRef>,
    /// Most that may be spent; `None`: no bound.
    pub budget: Option<Budget>,
    /// How the traffic is divided; present exactly if the action is [`Action::Split`].
    pub split: Option<Split>,
    /// What holds for a team instead of this, by the team's name.
    pub(crate) teams: Arc<[(String, Arc<Self>)]>,
    /// Which requests take the route.
    pub(crate) matcher: Matcher,
}

impl Route {
    /// Which requests take the route.
    pub const fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// Name and variant in one text, `triage@team=support`; the plain name without a variant. Different for all the
    /// variants of a policy.
    pub fn id(&self) -> Cow<'_, str> {
        match &self.variant {
            None => Cow::Borrowed(&self.name),
            Some(variant) => Cow::Owned(format!("{}@{variant}", self.name)),
        }
    }

    /// What the route means for a team, before a split. Without a team, or for one that overrides nothing: itself.
    pub fn for_team<'a>(self: &'a Arc<Self>, team: Option<&str>) -> &'a Arc<Self> {
        team.and_then(|team| self.teams.iter().find(|(name, _)| name == team))
            .map_or(self, |(_, route)| route)
    }

    /// What the route means for one request: the team's variant, and the arm of its split. A pure function, so a
    /// request that is asked again gets the same answer.
    pub fn for_asker<'a>(self: &'a Arc<Self>, asker: &Asker<'_>) -> &'a Arc<Self> {
        let route = self.for_team(asker.team);
        route.split.as_ref().map_or(route, |split| {
            split
                .arm(&route.name, asker)
                .map_or(route, |arm| &arm.route)
        })
    }

    /// Every meaning of the route that a request can get, teams last.
    pub fn variants(self: &Arc<Self>) -> Vec<&Arc<Self>> {
        std::iter::once(self)
            .chain(self.teams.iter().map(|(_, route)| route))
            .flat_map(|route| match &route.split {
                None => vec![route],
                Some(split) => split.arms.iter().map(|arm| &arm.route).collect(),
            })
            .collect()
    }

    /// The models of external APIs that may be asked, in the order they are asked.
    pub fn chain(&self) -> impl Iterator<Item = &ModelRef> {
        self.upstream.iter().chain(self.fallbacks.iter())
    }
}

/// Who may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The local model drafts; what is not good enough goes to the upstream.
    LocalFirst,
    /// The local model answers or nobody does; nothing leaves.
    LocalOnly,
    /// The upstream answers; the local model is not asked.
    UpstreamOnly,
    /// The upstream answers; the local model drafts beside it, only to learn.
    Shadow,
    /// The arms of the split say so.
    Split,
}

impl Action {
    /// The action as the policy file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalFirst => "local-first",
            Self::LocalOnly => "local-only",
            Self::UpstreamOnly => "upstream-only",
            Self::Shadow => "shadow",
            Self::Split => "split",
        }
    }

    /// Whether a draft of the local model can become the answer.
    pub const fn answers_locally(self) -> bool {
        matches!(self, Self::LocalFirst | Self::LocalOnly)
    }
}

/// Which requests must not leave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pin {
    /// None is held back.
    #[default]
    Never,
    /// No request may leave.
    Always,
    /// Those in which a detector finds something.
    OnDetect {
        /// The detectors as the file names them: at least one, sorted, none twice.
        names: Arc<[String]>,
        /// What they stand for.
        detectors: Detectors,
    },
}

impl Pin {
    /// Whether one of its detectors finds something in `text`.
    pub fn finds(&self, text: &str) -> bool {
        match self {
            Self::OnDetect { detectors, .. } => detectors.find(text).is_some(),
            Self::Never | Self::Always => false,
        }
    }
}

/// A model of an external API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// A configured upstream.
    pub upstream: String,
    /// The model as that upstream calls it.
    pub model: String,
}

/// When a draft is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trust {
    /// When a certificate for this target says so; without one, never.
    Risk(RiskTarget),
    /// When the plain confidence reaches this value.
    Threshold(Probability),
    /// Whenever it passes its checks.
    Everything,
}

/// From when on the source of a streamed answer is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Commit {
    /// When the whole draft was judged.
    #[default]
    Complete,
    /// When the draft had come this far, or had ended before; one of [`CHECKPOINTS`](crate::CHECKPOINTS). The certificate is
    /// about the draft as it was then. A request that is not streamed is judged there, too, but checked as a whole.
    Window {
        /// Decision tokens.
        decisions: u32,
    },
}

impl Commit {
    /// Decision tokens after which a draft is judged; `None`: at its end.
    pub const fn decisions(self) -> Option<u32> {
        match self {
            Self::Complete => None,
            Self::Window { decisions } => Some(decisions),
        }
    }
}

/// How accepted answers are checked against the upstream after they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Share of the accepted answers that is checked; above 0.
    pub rate: Probability,
    /// How many times more often where the confidence was close to the threshold. `rate` times this may exceed 1,
    /// which means always.
    pub near_threshold: Factor,
    /// Share of the audits in which the upstream is asked twice.
    pub repeat: Probability,
    /// Most that the audits of the route may cost in a day; `None`: no bound.
    pub max_cost_per_day: Option<Amount>,
}

/// Who says which of two free texts answers a request better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextJudge {
    /// The model that is asked.
    pub model: ModelRef,
    /// Share of the labels that are looked for; above 0.
    pub share: Probability,
    /// Share of the judged pairs that are judged again in the other order.
    pub swap: Probability,
}

/// Most that may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The amount; above 0.
    pub max: Amount,
    /// The time it is for.
    pub per: BudgetPeriod,
    /// What happens when it is spent. [`BudgetAction::LocalOnly`] goes with a local plan.
    pub then: BudgetAction,
}
