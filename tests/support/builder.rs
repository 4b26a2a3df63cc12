//! Building a gateway for a test, from a configuration that is read like a user's.

use std::path::Path;
use std::sync::Arc;

use gateway::app::App;
use gateway::config::Config;
use gateway::engines::StartEngine;
use gateway::learning::{LabelledRequest, calibrate, load_certificates, save_certificate};
use gateway::ledger::{Ledger, LedgerUrl};
use gateway::snapshot::{Engines, Snapshot};
use local_engine::LocalEngine;
use router_policies::Certificate;
use tempfile::TempDir;

use crate::gateway::{CONFIG_FILE, LEDGER_FILE, TestGateway};
use crate::upstream::ScriptedUpstream;

/// The key of the client `team-a`.
pub const CLIENT_KEY: &str = "sk-client-a-canary-7f3e";
/// The key of the client `team-b`.
pub const OTHER_KEY: &str = "sk-client-b-canary-91d0";
/// The key with which the gateway asks the upstream.
pub const UPSTREAM_KEY: &str = "sk-upstream-canary-c44b";

/// A route that drafts with `small`, accepts from a confidence of 0.8 on and escalates to `large`.
const ROUTE: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
";

/// What a test gateway is made of.
#[derive(Debug)]
pub struct Builder {
    upstream: String,
    engines: Engines,
    start_engine: Option<StartEngine>,
    certify: Vec<Certification>,
    routes: String,
    patience: String,
    limits: String,
    yaml: Option<String>,
    ledger_file: bool,
    log: bool,
    seed: Option<u64>,
    folder: Option<TempDir>,
}

#[derive(Debug)]
struct Certification {
    route: String,
    engine: Arc<dyn LocalEngine>,
    rows: Vec<LabelledRequest>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            upstream: "http://127.0.0.1:9".to_owned(),
            engines: Engines::new(),
            start_engine: None,
            certify: Vec::new(),
            routes: ROUTE.to_owned(),
            patience: "retries: 0".to_owned(),
            limits: "keep_alive: 5s".to_owned(),
            yaml: None,
            ledger_file: false,
            log: true,
            seed: None,
            folder: None,
        }
    }
}

impl Builder {
    /// Escalates to this upstream, as `large`.
    #[must_use]
    pub fn upstream(self, upstream: &ScriptedUpstream) -> Self {
        self.upstream_at(&upstream.url())
    }

    /// Escalates to this address, as `large`.
    #[must_use]
    pub fn upstream_at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.upstream);
        self
    }

    /// Drafts with this engine under the name `small`.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn LocalEngine>) -> Self {
        self.engines.insert("small".to_owned(), engine);
        self
    }

    /// Has the configured models started by this, like a user's; a reload goes through it too.
    #[must_use]
    pub fn starting_engines(mut self, start: StartEngine) -> Self {
        self.start_engine = Some(start);
        self
    }

    /// The routes, as YAML list entries. Without this there is one: `main`, for the model `auto`.
    #[must_use]
    pub fn routes(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.routes);
        self
    }

    /// How long and how often the upstream is asked, as entries of a YAML flow mapping. Without this: no retries.
    #[must_use]
    pub fn patience(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.patience);
        self
    }

    /// The limits, as entries of a YAML flow mapping.
    #[must_use]
    pub fn limits(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.limits);
        self
    }

    /// A whole configuration in place of the pieces; `{upstream}` stands for the upstream's address.
    #[must_use]
    pub fn config_yaml(mut self, yaml: &str) -> Self {
        self.yaml = Some(yaml.to_owned());
        self
    }

    /// Keeps the ledger in a file, see [`TestGateway::ledger_bytes`].
    #[must_use]
    pub const fn ledger_file(mut self) -> Self {
        self.ledger_file = true;
        self
    }

    /// Made for hundreds of thousands of requests: the ledger is in a file, and nothing keeps the log.
    #[must_use]
    pub const fn lasting(mut self) -> Self {
        self.ledger_file = true;
        self.log = false;
        self
    }

    /// Draws lots from this seed, so that the test knows what is drawn.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Begins in the folder that an earlier gateway [left](TestGateway::stop_and_leave), with what it learnt.
    #[must_use]
    pub fn folder(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Gives `route` the certificate that a calibration of `engine` over `rows` earns.
    #[must_use]
    pub fn certified(
        mut self,
        route: &str,
        engine: Arc<dyn LocalEngine>,
        rows: Vec<LabelledRequest>,
    ) -> Self {
        self.certify.push(Certification {
            route: route.to_owned(),
            engine,
            rows,
        });
        self
    }

    /// Starts the gateway.
    ///
    /// # Panics
    /// If the configuration has a problem, a certificate is not earned, or there is no free port.
    pub async fn start(mut self) -> TestGateway {
        if self.log {
            crate::log::capture();
        }
        let folder = self
            .folder
            .take()
            .unwrap_or_else(|| tempfile::tempdir().expect("a temporary folder"));
        let config = self.config(&folder);
        let mut certificates =
            load_certificates(&config.certificates).expect("certificates on the disk");
        for certification in &self.certify {
            let certificate = earn(&config, certification).await;
            // As `smallfirst calibrate` leaves it, so that a reload finds it.
            save_certificate(&config.certificates, &certificate).expect("a certificate, written");
            certificates.insert(certification.route.clone(), certificate);
        }
        let ledger = if self.ledger_file {
            let url = LedgerUrl::Sqlite(folder.path().join(LEDGER_FILE));
            Ledger::open(&url).expect("a ledger in a file").0
        } else {
            Ledger::in_memory().expect("a ledger in memory")
        };
        if let Some(start) = &self.start_engine {
            let started = start.start_all(&config).expect("engines");
            self.engines.extend(started);
        }
        let snapshot = Snapshot::new(config, self.engines, certificates).expect("a snapshot");
        let app = App::new(snapshot, ledger.clone());
        if let Some(seed) = self.seed {
            app.learning().seed(seed);
        }
        let resuming = app.snapshot();
        let resumed = app.learning().resume(&resuming).await;
        resumed.expect("what was learnt before");
        let gateway = TestGateway::serve(Arc::new(app), ledger, folder).await;
        gateway.with_engines_from(self.start_engine)
    }

    fn config(&self, folder: &TempDir) -> Config {
        for (name, text) in [
            ("a.key", CLIENT_KEY),
            ("b.key", OTHER_KEY),
            ("upstream.key", UPSTREAM_KEY),
            ("model.gguf", ""),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a file in the temporary folder");
        }
        let text = self
            .yaml
            .clone()
            .unwrap_or_else(|| self.yaml())
            .replace("{upstream}", &self.upstream);
        std::fs::write(folder.path().join(CONFIG_FILE), &text).expect("the configuration, written");
        parse(&text, folder.path())
    }

    fn yaml(&self) -> String {
        let Self {
            patience,
            limits,
            routes,
            ..
        } = self;
        format!(
            "\
listen: 127.0.0.1:0
keys:
  - {{ name: team-a, key: file:a.key }}
  - {{ name: team-b, key: file:b.key }}
models:
  small: {{ path: model.gguf, cost_per_hour: \"3.6\" }}
upstreams:
  large:
    {{
      base_url: \"{{upstream}}/v1\",
      key: file:upstream.key,
      prices: {{ gpt-large: {{ input: \"2.00\", output: \"8.00\" }} }},
      {patience},
    }}
limits: {{ {limits} }}
unmatched: reject
routes:
{routes}"
        )
    }
}

fn parse(text: &str, folder: &Path) -> Config {
    Config::parse(text, folder, "test.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

async fn earn(config: &Config, certification: &Certification) -> Certificate {
    let Certification {
        route,
        engine,
        rows,
    } = certification;
    let route = config.policy.route(route).expect("the route to certify");
    let calibration = calibrate(engine, route, rows, || ())
        .await
        .expect("a calibration");
    calibration
        .certificate
        .expect("a certificate that was earned")
}
