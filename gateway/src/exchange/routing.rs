//! Which route a request takes: the same for requests that come in and for those that are only asked about.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use router_policies::{Api, Asker, Facts, Modality, ModelRef, ResponseFormat, Route};

use crate::auth::Principal;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::ledger::Price;
use crate::openai::ChatRequest;

/// A request and who asks it, as far as routes can go by them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The configuration that is in force.
    pub(crate) config: &'a Config,
    /// Whose key was presented.
    pub(crate) principal: &'a Principal,
    /// The API that the request came to.
    pub(crate) api: Api,
    /// The headers of the request.
    pub(crate) headers: &'a HeaderMap,
    /// The request.
    pub(crate) request: &'a ChatRequest,
    /// Its system prompt.
    pub(crate) system: &'a str,
}

impl<'a> Asked<'a> {
    /// The route as it is meant for this client: its team's variant, and the arm of its split. `id` is that of the
    /// exchange.
    ///
    /// # Errors
    /// [`FaultKind::ModelNotFound`] where no route takes the request.
    pub(crate) fn route(&self, id: &str) -> Result<Arc<Route>, Fault> {
        let route = self.config.policy.find(self).ok_or_else(no_route)?;
        Ok(self.with_asker(id, |asker| Arc::clone(route.for_asker(asker))))
    }

    /// Who asks, in the exchange of this id.
    pub(crate) fn with_asker<T>(&self, id: &str, ask: impl FnOnce(&Asker<'_>) -> T) -> T {
        let header = |name: &str| self.header_value(name);
        ask(&Asker {
            key: &self.principal.name,
            team: self.principal.team.as_deref(),
            user: self.request.user(),
            request: id,
            header: &header,
        })
    }

    fn header_value(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The most that a request may cost that takes `route` and may leave: every model of the chain may be asked, one after the
/// other, and charge.
pub(crate) fn worst_case(config: &Config, route: &Route, request: &ChatRequest) -> Price {
    // A token is at least one byte, so the length of the body bounds the prompt.
    let prompt = u64::try_from(request.bytes).unwrap_or(u64::MAX);
    let answer = u64::from(request.max_tokens.unwrap_or(ASSUMED_MAX_TOKENS));
    let of_model = |target: &ModelRef| {
        let rates = config.catalog.rates(&target.upstream, &target.model);
        rates.map_or(Price::Unpriced, |rates| rates.worst_case(prompt, answer))
    };
    route.chain().map(of_model).fold(Price::FREE, Price::plus)
}

/// Answer tokens reserved where the client sets no limit.
const ASSUMED_MAX_TOKENS: u32 = 4096;

/// What a client is told whose request no route takes.
pub(crate) fn no_route() -> Fault {
    let text =
        "no route answers for this request; GET /v1/models lists the models that are known by name";
    Fault::new(FaultKind::ModelNotFound, text).at("model")
}

impl Facts for Asked<'_> {
    fn model(&self) -> &str {
        &self.request.model
    }

    fn api(&self) -> Api {
        self.api
    }

    fn path(&self) -> &str {
        self.api.path()
    }

    fn key(&self) -> &str {
        &self.principal.name
    }

    fn team(&self) -> Option<&str> {
        self.principal.team.as_deref()
    }

    fn tag(&self, name: &str) -> Option<&str> {
        // A name that keys have is theirs: nobody can say in a request that he has another key's tag.
        if self.config.keys.has_tag(name) {
            return self.principal.tags.get(name).map(String::as_str);
        }
        self.request.metadata(name)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.header_value(name)
    }

    fn prompt_tokens(&self) -> u64 {
        self.request.prompt_tokens()
    }

    fn turns(&self) -> u64 {
        self.request.turns()
    }

    fn tools(&self) -> Vec<&str> {
        self.request.tools()
    }

    fn response_format(&self) -> ResponseFormat {
        self.request.answer_format()
    }

    fn modalities(&self) -> Vec<Modality> {
        self.request.modalities()
    }

    fn system(&self) -> &str {
        self.system
    }

    fn user_message(&self) -> Option<Cow<'_, str>> {
        self.request.user_message()
    }
}
