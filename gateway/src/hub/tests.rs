//! Against a hub on loopback.

mod server;

use std::fs;
use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use server::{COMMIT, TestHub, Trouble};

const TOKEN: &str = "hf_canary_51d2";

fn weights() -> Vec<u8> {
    (0..200_000_u32).flat_map(u32::to_le_bytes).collect()
}

async fn hub_with_a_model() -> TestHub {
    let hub = TestHub::start().await;
    hub.put("org/m-GGUF", "m-Q8_0.gguf", &weights());
    hub.put("org/m-GGUF", "tokenizer.json", b"{}");
    hub.put("org/m-GGUF", "README.md", b"a card");
    hub
}

fn settings(hub: &TestHub, cache: &Path) -> HubSettings {
    HubSettings {
        endpoint: hub.url.clone(),
        token: Some(SecretString::from(TOKEN.to_owned())),
        cache: cache.to_owned(),
        offline: false,
        pause: Duration::ZERO,
        tries: 3,
    }
}

async fn pull(settings: &HubSettings, model: &str) -> Result<Pulled, String> {
    pull_telling(settings, model, &|_| {}).await
}

async fn pull_telling(
    settings: &HubSettings,
    model: &str,
    tell: &Tell<'_>,
) -> Result<Pulled, String> {
    let model = model.parse().unwrap();
    let hub = Hub::new(settings.clone()).unwrap();
    let pulling = tokio::time::timeout(Duration::from_secs(60), hub.pull(&model, tell));
    pulling.await.unwrap().map_err(|error| error.to_string())
}

/// Names of what lies in the cache's folder of blobs.
fn blobs(cache: &TempDir) -> Vec<String> {
    let folder = cache.path().join("models--org--m-GGUF/blobs");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_model_comes_into_the_usual_layout() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    let settings = settings(&hub, cache.path());
    let pulled = pull(&settings, "org/m-GGUF:Q8_0").await.unwrap();
    let folder = cache.path().join("models--org--m-GGUF");
    let file = folder.join("snapshots").join(COMMIT).join("m-Q8_0.gguf");
    assert_eq!(pulled.weights, file);
    assert_eq!(pulled.tokenizer, None);
    assert_eq!(fs::read(&file).unwrap(), weights());
    assert!(fs::read_link(&file).unwrap().starts_with("../../blobs"));
    assert_eq!(
        fs::read_to_string(folder.join("refs/main")).unwrap(),
        COMMIT
    );
    assert!(
        !folder
            .join("snapshots")
            .join(COMMIT)
            .join("README.md")
            .exists()
    );
    assert_eq!(
        hub.of_cdn(),
        [(None, false)],
        "the token went to another host"
    );
    let before = hub.requests();
    assert_eq!(pull(&settings, "org/m-GGUF").await.unwrap(), pulled);
    assert_eq!(
        hub.requests(),
        before + 1,
        "only the listing is asked again"
    );
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_was_cut() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    hub.trouble(&[
        Trouble::CutAfter(30_000),
        Trouble::Status(503),
        Trouble::CutAfter(10_000),
    ]);
    let notes = Mutex::new(Vec::new());
    let tell = |progress: Progress<'_>| {
        if let Progress::Note(text) = progress {
            notes.lock().push(text.to_owned());
        }
    };
    let pulled = pull_telling(&settings(&hub, cache.path()), "org/m-GGUF", &tell).await;
    assert_eq!(fs::read(pulled.unwrap().weights).unwrap(), weights());
    let asked: Vec<_> = hub
        .of_cdn()
        .into_iter()
        .filter_map(|(range, _)| range)
        .collect();
    assert_eq!(asked, ["bytes=30000-", "bytes=30000-", "bytes=40000-"]);
    let notes = notes.lock().join("\n");
    assert!(notes.contains("it goes on from byte 30000"), "{notes}");
    assert!(notes.contains("503"), "{notes}");
}

#[tokio::test]
async fn what_came_is_kept_for_the_next_run() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    let settings = settings(&hub, cache.path());
    hub.trouble(&[
        Trouble::CutAfter(5000),
        Trouble::Status(500),
        Trouble::Status(500),
        Trouble::Status(429),
    ]);
    let said = pull(&settings, "org/m-GGUF").await.unwrap_err();
    assert!(
        said.contains("429") && said.contains("goes on from there"),
        "{said}"
    );
    assert!(
        blobs(&cache)
            .iter()
            .any(|name| name.ends_with(".incomplete"))
    );
    assert!(!cache.path().join("models--org--m-GGUF/refs/main").exists());
    pull(&settings, "org/m-GGUF").await.unwrap();
    let last = hub.of_cdn().pop().unwrap();
    assert_eq!(last.0.as_deref(), Some("bytes=5000-"));
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    hub.trouble(&[Trouble::CutAfter(5000), Trouble::NoRanges]);
    let pulled = pull(&settings(&hub, cache.path()), "org/m-GGUF")
        .await
        .unwrap();
    assert_eq!(fs::read(pulled.weights).unwrap(), weights());
}

#[tokio::test]
async fn a_damaged_file_is_put_aside() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    let settings = settings(&hub, cache.path());
    hub.trouble(&[Trouble::Damaged]);
    let said = pull(&settings, "org/m-GGUF").await.unwrap_err();
    assert!(said.contains("came damaged"), "{said}");
    let names = blobs(&cache);
    assert!(
        names.iter().all(|name| name.ends_with(".damaged")),
        "{names:?}"
    );
    let pulled = pull(&settings, "org/m-GGUF").await.unwrap();
    assert_eq!(fs::read(pulled.weights).unwrap(), weights());
}

#[tokio::test]
async fn strangers_and_wrong_names_are_told_so() {
    let (hub, cache) = (hub_with_a_model().await, tempfile::tempdir().unwrap());
    let mut settings = settings(&hub, cache.path());
    let said = pull(&settings, "org/none").await.unwrap_err();
    assert!(said.contains("org/none is not on the hub"), "{said}");
    hub.ask_for(TOKEN);
    pull(&settings, "org/m-GGUF").await.unwrap();
    settings.token = Some(SecretString::from("hf_canary_other".to_owned()));
    let said = pull(&settings, "org/m-GGUF").await.unwrap_err();
    assert!(
        said.contains("set HF_TOKEN") && !said.contains("canary"),
        "{said}"
    );
    assert!(!format!("{settings:?}").contains("canary"));
}

#[tokio::test]
async fn the_base_model_lends_its_tokenizer() {
    let hub = TestHub::start().await;
    hub.put("quants/m-GGUF", "m.Q4_K_M.gguf", &weights());
    hub.put("org/m", "tokenizer.json", &[b' '; 2000]);
    hub.put("org/m", "tokenizer_config.json", b"{}");
    hub.put("org/m", "model.safetensors", &weights());
    hub.made_from("quants/m-GGUF", "org/m");
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&hub, cache.path());
    let pulled = pull(&settings, "quants/m-GGUF:q4_k_m").await.unwrap();
    let side = pulled.tokenizer.clone().unwrap();
    assert_eq!(
        side,
        cache.path().join("models--org--m/snapshots").join(COMMIT)
    );
    assert!(side.join("tokenizer.json").is_file());
    assert!(!side.join("model.safetensors").exists());
    settings.offline = true;
    let found = pull(&settings, "quants/m-GGUF:q4_k_m").await.unwrap();
    assert_eq!(
        (found.weights, found.tokenizer),
        (pulled.weights, pulled.tokenizer)
    );
}

#[tokio::test]
async fn offline_takes_what_others_put_there_and_asks_nobody() {
    let (hub, cache) = (TestHub::start().await, tempfile::tempdir().unwrap());
    let mut settings = settings(&hub, cache.path());
    settings.offline = true;
    let said = pull(&settings, "org/m-GGUF:Q8_0").await.unwrap_err();
    assert!(
        said.contains("offline") && said.contains("org/m-GGUF:Q8_0"),
        "{said}"
    );
    let snapshot = cache.path().join("models--org--m-GGUF/snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(snapshot.join("m-Q8_0.gguf"), "weights").unwrap();
    let refs = cache.path().join("models--org--m-GGUF/refs");
    fs::create_dir_all(&refs).unwrap();
    fs::write(refs.join("main"), "abc").unwrap();
    let found = pull(&settings, "org/m-GGUF:Q8_0").await.unwrap();
    assert_eq!(found.weights, snapshot.join("m-Q8_0.gguf"));
    let said = pull(&settings, "org/m-GGUF:Q5_K_M").await.unwrap_err();
    assert!(said.contains("there are Q8_0"), "{said}");
    assert_eq!(hub.requests(), 0);
}

#[tokio::test]
async fn a_look_fetches_headers_only() {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-engine/demo-model");
    let read = |name: &str| fs::read(bundled.join(name)).unwrap();
    let hub = TestHub::start().await;
    hub.put("quants/m-GGUF", "m-Q8_0.gguf", &read("model-q8_0.gguf"));
    for name in ["tokenizer.json", "tokenizer_config.json", "config.json"] {
        hub.put("org/m", name, &read(name));
    }
    hub.made_from("quants/m-GGUF", "org/m");
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&hub, cache.path());
    let peeked = Hub::new(settings).unwrap();
    let peeked = peeked
        .peek(&"quants/m-GGUF".parse().unwrap())
        .await
        .unwrap();
    let mut wanted = local_engine::inspect::Wanted::new(&peeked.path);
    wanted.built = local_engine::Adapter::ALL.to_vec();
    let found = local_engine::inspect::inspect(&wanted).unwrap();
    wanted.path = bundled;
    let whole = local_engine::inspect::inspect(&wanted).unwrap();
    assert_eq!(found.obstacles, [""; 0]);
    assert_eq!((found.memory, found.side), (whole.memory, whole.side));
    let asked = hub.of_cdn();
    assert_eq!(asked[0].0.as_deref(), Some("bytes=0-1048575"));
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}
