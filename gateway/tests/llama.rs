//! The program with llama.cpp in its worker process: a configuration chooses it, and two routes answer by two low-rank
//! adapters of one model.
#![cfg(feature = "llama-cpp")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where it fails; what it is made of is not marked as a test"
)]
#![expect(
    dead_code,
    reason = "the files of models are written by what other tests share"
)]

#[path = "../../local-engine/tests/gguf/chain.rs"]
mod chain;
#[path = "../../local-engine/tests/gguf/file.rs"]
mod gguf;
#[path = "../../local-engine/tests/gguf/random.rs"]
mod random;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chain::Chain;
use gguf::Format;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_smallfirst");

/// Whatever is waited for takes a moment; this only keeps a defect from hanging the suite.
const GUARD: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
listen: 127.0.0.1:0
models:
  small:
    path: model.gguf
    prefix_cache: 1MiB
    loras: { billing: billing.gguf, sales: sales.gguf }
    cost_per_hour: "0.10"
defaults:
  action: local-only
  local: { model: small, max_tokens: 8 }
routes:
  - { name: plain, match: { model: plain } }
  - { name: billing, match: { model: billing }, local: { lora: billing } }
  - { name: sales, local: { lora: sales } }
"#;

/// A running `smallfirst serve`, killed if the test fails.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut command = smallfirst(folder, &["serve", "--config", "gateway.yaml"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let output = child.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("it says `{line}`"));
        let address = address.to_owned();
        Self { child, address }
    }

    /// One request on a connection of its own; the response as text.
    fn request(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn answer(&self, model: &str) -> String {
        let messages = json!([{ "role": "user", "content": "where?" }]);
        let body = json!({ "model": model, "messages": messages }).to_string();
        let response = self.request("POST /v1/chat/completions", &body);
        let body = response.split_once("\r\n\r\n").unwrap().1;
        let body: Value = serde_json::from_str(body).unwrap();
        let said = body["choices"][0]["message"]["content"].as_str();
        said.unwrap_or_else(|| panic!("{response}")).to_owned()
    }

    fn is_ready(&self) -> bool {
        let response = self.request("GET /readyz", "");
        response.contains("\"ready\"") && !response.contains("\"loading\"")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn smallfirst(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .args(arguments)
        .stderr(Stdio::null())
        .env_remove("RUST_LOG");
    command
}

/// A model that says "Paris", and two low-rank adapters of it that turn its first letter into another.
fn models(folder: &Path) {
    let chain = Chain::saying("Paris", &[0.9; 5]);
    let write = |file: gguf::Gguf, name: &str| file.write(&folder.join(name)).unwrap();
    write(chain.gguf(Format::F32), "model.gguf");
    write(towards(b'C'), "billing.gguf");
    write(towards(b'D'), "sales.gguf");
}

/// Makes `letter` the most probable one where the model begins its answer. Rank 1: what the residual holds of the line
/// break is raised in the output's row of the letter.
fn towards(letter: u8) -> gguf::Gguf {
    let tokens = usize::try_from(chain::VOCABULARY).unwrap();
    let mut file = gguf::Gguf::new("llama");
    file.set("general.type", "adapter")
        .set("adapter.type", "lora")
        .set("adapter.lora.alpha", gguf::Value::F32(1.0));
    let mut from = vec![0.0; chain::WIDTH];
    from[usize::from(b'\n')] = 1.0;
    let mut to = vec![0.0; tokens];
    to[usize::from(letter)] = 1.0;
    file.tensor(
        "output.weight.lora_a",
        &[1, chain::WIDTH],
        &from,
        Format::F32,
    );
    file.tensor("output.weight.lora_b", &[tokens, 1], &to, Format::F32);
    file
}

#[test]
fn two_routes_answer_by_two_adapters_of_one_model() {
    let folder = tempfile::tempdir().unwrap();
    models(folder.path());
    // There is no tokenizer.json, so this build has llama.cpp compute it without being told.
    std::fs::write(folder.path().join("gateway.yaml"), CONFIG).unwrap();
    let checked = smallfirst(folder.path(), &["check", "--config", "gateway.yaml"]);
    let checked = { checked }.output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(told.contains("small + billing"), "{told}");

    let served = Served::start(folder.path());
    let began = Instant::now();
    while !served.is_ready() {
        assert!(began.elapsed() < GUARD, "never ready");
        std::thread::yield_now();
    }
    let answers = ["plain", "billing", "sales", "plain"].map(|model| served.answer(model));
    let [plain, billing, sales, again] = answers;
    assert_eq!((plain.as_str(), again.as_str()), ("Paris", "Paris"));
    assert!(billing.starts_with('C'), "{billing}");
    assert!(sales.starts_with('D'), "{sales}");
}
