//! Several local models in one memory budget, in real processes, seen from outside.

mod reload;
mod room;

use gateway::engines::StartEngine;
use local_engine::{EngineSpec, Health};
use support::worker::{self, MEMORY_LIMIT};
use support::{Builder, ScriptedUpstream, TestGateway, eventually, processes};

/// Not a test of its own: the worker's main function. Does nothing unless a test started it.
#[test]
fn worker_main() {
    if worker::is_worker() {
        worker::host(worker::load_scripted);
    }
}

/// A budget in MiB for so many scripted models.
const fn room_for(models: u64) -> u64 {
    models * (MEMORY_LIMIT >> 20)
}

/// Models `m0`, `m1` and so on, each with a route that escalates and one, `private-m0`, that does not.
struct Setting<'a> {
    /// What the test's processes are known by.
    tag: &'static str,
    models: usize,
    /// Entries of `memory`.
    memory: String,
    /// Further keys of single models.
    keys: &'a [(usize, &'a str)],
}

impl Setting<'_> {
    fn yaml(&self) -> String {
        let (mut models, mut routes) = (String::new(), String::new());
        for number in 0..self.models {
            let mine = self.keys.iter().filter(|(model, _)| *model == number);
            let keys: String = mine.map(|(_, keys)| format!(", {keys}")).collect();
            let path = if keys.contains("path:") {
                ""
            } else {
                "path: model.gguf, "
            };
            models += &format!(
                "  m{number}: {{ {path}memory_limit: 192MiB, cost_per_hour: \"3.6\"{keys} }}\n"
            );
            routes += &format!(
                "  - {{ name: r{number}, match: {{ model: m{number} }}, local: {{ model: m{number} }}, upstream: \
                 {{ name: large, model: big }}, threshold: 0.8 }}\n  - {{ name: p{number}, match: {{ model: \
                 private-m{number} }}, action: local-only, local: {{ model: m{number}, deadline: 20s }}, threshold: \
                 0.8 }}\n"
            );
        }
        format!(
            "\
listen: 127.0.0.1:0
keys:
  - {{ name: team-a, key: file:a.key }}
memory: {{ {} }}
models:
{models}upstreams:
  large: {{ base_url: \"{{upstream}}/v1\", key: file:upstream.key, retries: 0 }}
unmatched: reject
routes:
{routes}",
            self.memory
        )
    }

    fn builder(&self, upstream: &ScriptedUpstream) -> Builder {
        let tag = self.tag;
        // A filter that matches nothing, to tell this test's processes from others.
        let start = StartEngine::processes(move |spec: EngineSpec| {
            let arguments = [
                "--exact",
                "memory::worker_main",
                "--nocapture",
                "--skip",
                tag,
            ];
            worker::settings(&arguments, spec)
        });
        TestGateway::builder()
            .upstream(upstream)
            .config_yaml(&self.yaml())
            .starting_engines(start)
    }

    /// What the system says of its processes.
    fn processes(&self) -> Vec<processes::Process> {
        processes::with_argument(self.tag)
    }
}

fn health(gateway: &TestGateway, model: &str) -> Health {
    gateway.engine(model).health()
}

async fn all_are(gateway: &TestGateway, models: &[&str], health: &Health) {
    for model in models {
        let what = format!("{model} to be {health:?}");
        let engine = gateway.engine(model);
        eventually(&what, || engine.health() == *health).await;
    }
}
