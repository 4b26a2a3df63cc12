//! Everything that a reload replaces, as one value: a request takes one snapshot at its start and keeps it to its
//! end, so it never sees two policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use local_engine::LocalEngine;
use router_policies::{Certificate, Fingerprint};

use crate::config::Config;
use crate::egress::EgressPermit;
use crate::engines::{StartEngine, room_for};
use crate::learning::Issued;
use crate::upstream::Upstream;

/// Local engines by model name.
pub type Engines = BTreeMap<String, Arc<dyn LocalEngine>>;

/// Certificates by route name; those for further families of prompts by a longer one.
pub type Certificates = BTreeMap<String, Certificate>;

/// A configuration and the parts that were built from it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    config: Arc<Config>,
    engines: Engines,
    upstreams: BTreeMap<String, Arc<Upstream>>,
    certificates: BTreeMap<String, Arc<Issued>>,
}

impl Snapshot {
    /// Builds what the configuration describes; engines are started by the caller.
    ///
    /// # Errors
    /// A text for the operator when an upstream's client cannot be built.
    pub fn new(
        config: Config,
        engines: Engines,
        certificates: Certificates,
    ) -> Result<Self, String> {
        let upstreams = config
            .upstreams
            .iter()
            .map(|(name, settings)| Ok((name.clone(), Arc::new(Upstream::new(name, settings)?))))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            config: Arc::new(config),
            engines,
            upstreams,
            certificates: issue(certificates)?,
        })
    }

    /// The snapshot of another configuration. Engines and connection pools whose settings are the same go on; engines
    /// that are no longer named end with the last request that uses them.
    ///
    /// # Errors
    /// A text for the operator when an engine or an upstream's client cannot be built, or when the memory budget has no
    /// room for what it must hold.
    pub fn next(
        &self,
        config: Config,
        certificates: Certificates,
        start_engine: &StartEngine,
    ) -> Result<Self, String> {
        room_for(&config)?;
        let mut upstreams = BTreeMap::new();
        for (name, settings) in &config.upstreams {
            let same = self.config.upstreams.get(name) == Some(settings);
            let upstream = match self.upstreams.get(name).filter(|_| same) {
                Some(running) => Arc::clone(running),
                None => Arc::new(Upstream::new(name, settings)?),
            };
            upstreams.insert(name.clone(), upstream);
        }
        let mut engines = Engines::new();
        for (name, model) in &config.models {
            let same = (self.config.models.get(name)).is_some_and(|old| old.runs_like(model));
            let engine = match self.engines.get(name).filter(|_| same) {
                Some(running) => Arc::clone(running),
                None => start_engine.start(name, model)?,
            };
            engines.insert(name.clone(), engine);
        }
        Ok(Self {
            config: Arc::new(config),
            engines,
            upstreams,
            certificates: issue(certificates)?,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The engine of a configured local model.
    #[must_use]
    pub fn engine(&self, model: &str) -> Option<&Arc<dyn LocalEngine>> {
        self.engines.get(model)
    }

    /// All engines with their names.
    pub fn engines(&self) -> impl Iterator<Item = (&str, &Arc<dyn LocalEngine>)> {
        self.engines
            .iter()
            .map(|(name, engine)| (name.as_str(), engine))
    }

    /// A configured upstream, for one request that may leave. There is no other way to one.
    #[must_use]
    pub(crate) fn upstream(&self, name: &str, _permit: &EgressPermit) -> Option<&Upstream> {
        self.upstreams.get(name).map(Arc::as_ref)
    }

    /// The certificate of a route, if one was made.
    #[must_use]
    pub fn certificate(&self, route: &str) -> Option<&Arc<Issued>> {
        self.certificates.get(route)
    }

    /// The certificate of a route that is about `now`.
    #[must_use]
    pub fn certificate_about(&self, route: &str, now: &Fingerprint) -> Option<&Arc<Issued>> {
        let about = |issued: &&Arc<Issued>| {
            let certificate = issued.certificate();
            certificate.route == route && certificate.covers(now).is_ok()
        };
        self.certificate(route)
            .filter(about)
            .or_else(|| self.certificates.values().find(about))
    }

    /// The same without the certificate of this id.
    #[must_use]
    pub(crate) fn without_certificate(&self, id: &str) -> Self {
        let mut next = self.clone();
        next.certificates.retain(|_, issued| issued.id() != id);
        next
    }

    /// The same with another certificate for one route, or with none for it.
    #[must_use]
    pub fn with_certificate(&self, route: &str, certificate: Option<Arc<Issued>>) -> Self {
        let mut next = self.clone();
        match certificate {
            Some(issued) => next.certificates.insert(route.to_owned(), issued),
            None => next.certificates.remove(route),
        };
        next
    }
}

fn issue(certificates: Certificates) -> Result<BTreeMap<String, Arc<Issued>>, String> {
    let issued = |(route, certificate): (String, Certificate)| {
        let issued = Issued::new(&certificate)
            .map_err(|e| format!("the certificate of the route `{route}` is damaged: {e}"))?;
        Ok((route, issued))
    };
    certificates.into_iter().map(issued).collect()
}
