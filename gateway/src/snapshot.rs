//! Everything that a reload replaces, as one value: a request takes one snapshot at its start and keeps it to its
//! end, so it never sees two policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use local_engine::LocalEngine;
use router_policies::Certificate;

use crate::config::Config;
use crate::upstream::Upstream;

/// Local engines by model name.
pub type Engines = BTreeMap<String, Arc<dyn LocalEngine>>;

/// Certificates by route name.
pub type Certificates = BTreeMap<String, Certificate>;

/// A configuration and the parts that were built from it.
#[derive(Debug)]
pub struct Snapshot {
    config: Config,
    engines: Engines,
    upstreams: BTreeMap<String, Upstream>,
    certificates: Certificates,
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
            .map(|(name, settings)| Ok((name.clone(), Upstream::new(name, settings)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            config,
            engines,
            upstreams,
            certificates,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
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

    /// A configured upstream.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.get(name)
    }

    /// The certificate of a route, if one was made.
    #[must_use]
    pub fn certificate(&self, route: &str) -> Option<&Certificate> {
        self.certificates.get(route)
    }
}
