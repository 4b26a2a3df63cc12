//! Who is in memory, who comes, who leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use local_engine::Health;
use support::{Reply, ScriptedUpstream, TestGateway, chat, eventually, guarded, log, processes};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

use super::{Setting, all_are, health, room_for};

const FOUR: [&str; 4] = ["m0", "m1", "m2", "m3"];

async fn upstream() -> ScriptedUpstream {
    ScriptedUpstream::answering(|_| Reply::completion("up")).await
}

async fn told(gateway: &TestGateway, model: &str) -> String {
    gateway.ask(&chat(model, "yes or no?")).await.told()
}

/// The value of a metric of one model.
async fn metric(gateway: &TestGateway, line: &str) -> f64 {
    let text = gateway.get("/metrics").await.text;
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found
        .unwrap_or_else(|| panic!("{line} is not in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fifth_model_takes_the_place_of_the_least_used() {
    let setting = Setting {
        tag: "memory-evict",
        models: 5,
        memory: format!("budget: {}MiB, least_stay: 0s", room_for(4)),
        keys: &[(0, "keep: true")],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    all_are(&gateway, &FOUR, &Health::Ready).await;
    assert_eq!(health(&gateway, "m4"), Health::Unloaded);
    assert_eq!(
        gateway.get("/readyz").await.json()["models"]["m4"],
        "unloaded"
    );
    for model in ["m1", "m3", "m2", "m0"] {
        assert_eq!(told(&gateway, model).await, "local accepted");
    }
    let before = setting.processes();
    assert_eq!(before.len(), 4);

    assert_eq!(told(&gateway, "m4").await, "upstream unloaded");
    all_are(&gateway, &["m4"], &Health::Ready).await;
    assert_eq!(health(&gateway, "m1"), Health::Unloaded, "the least used");
    let after = setting.processes();
    assert_eq!(after.len(), 4);
    let same = after
        .iter()
        .filter(|now| before.iter().any(|then| then.id == now.id));
    assert_eq!(same.count(), 3, "the others were left alone");
    assert_eq!(told(&gateway, "m4").await, "local accepted");
    assert_eq!(told(&gateway, "m0").await, "local accepted");

    let lines = [
        (
            "smallfirst_engine_unloads_total{model=\"m1\",cause=\"evicted\"}",
            1.0,
        ),
        ("smallfirst_engine_loads_total{model=\"m4\"}", 1.0),
        (
            "smallfirst_engine_health{model=\"m1\",health=\"unloaded\"}",
            1.0,
        ),
        ("smallfirst_engine_resident_bytes{model=\"m1\"}", 0.0),
    ];
    for (line, value) in lines {
        assert!(
            (metric(&gateway, line).await - value).abs() < 0.5,
            "{line} {value}"
        );
    }
    assert!(metric(&gateway, "smallfirst_engine_resident_bytes{model=\"m4\"}").await > 1e6);
    let held = metric(&gateway, "smallfirst_memory_held_bytes").await;
    assert!(held <= metric(&gateway, "smallfirst_memory_budget_bytes").await);
    gateway.stop().await;
    eventually("the processes to end", || setting.processes().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fifth_model_is_refused_where_that_is_configured() {
    let setting = Setting {
        tag: "memory-refuse",
        models: 5,
        memory: format!(
            "budget: {}MiB, when_full: refuse, least_stay: 0s",
            room_for(4)
        ),
        keys: &[],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    all_are(&gateway, &FOUR, &Health::Ready).await;
    assert_eq!(told(&gateway, "m4").await, "upstream no_room");
    let private = gateway.ask(&chat("private-m4", "?")).await;
    assert_eq!(private.error(), "503 local_unavailable");
    assert_eq!(private.header("retry-after"), "30");
    assert!(private.text.contains("(no_room)"), "{}", private.text);
    assert!(
        !private.text.contains("MiB"),
        "no internals: {}",
        private.text
    );
    assert_eq!(health(&gateway, "m4"), Health::Unloaded);
    assert_eq!(setting.processes().len(), 4);
    let refusals = "smallfirst_engine_refusals_total{model=\"m4\"}";
    assert!((metric(&gateway, refusals).await - 2.0).abs() < 0.5);
    let said = log::text();
    let line = "it needs 192 MiB of 768 MiB, and these hold: m0 192 MiB, m1 192 MiB, m2 192 MiB, m3 192 MiB";
    assert!(said.contains(line), "{line} is not in the log");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_stay_waits_for_its_model_up_to_its_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let listener = UnixListener::bind(&gate).unwrap();
    let gated = format!("load: on-demand, path: {}", gate.display());
    let setting = Setting {
        tag: "memory-wait",
        models: 2,
        memory: format!("budget: {}MiB, least_stay: 0s", room_for(1)),
        keys: &[(1, &gated)],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    all_are(&gateway, &["m0"], &Health::Ready).await;
    let body = chat("private-m1", "?");
    let asking = gateway.ask(&body);
    let opening = async {
        let (mut loading, _) = guarded("the load", listener.accept()).await.unwrap();
        assert_eq!(setting.processes().len(), 1, "the other is gone before");
        let meanwhile = gateway.ask(&chat("m1", "?")).await;
        assert_eq!(meanwhile.told(), "upstream unloaded");
        assert_eq!(
            gateway.get("/readyz").await.json()["models"]["m1"],
            "loading"
        );
        loading.write_u8(1).await.unwrap();
    };
    let (answer, ()) = tokio::join!(asking, opening);
    assert_eq!(answer.told(), "local accepted");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_while_it_loads_keeps_its_room_and_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let listener = UnixListener::bind(&gate).unwrap();
    let gated = format!("load: on-demand, path: {}", gate.display());
    let setting = Setting {
        tag: "memory-killed",
        models: 2,
        memory: format!("budget: {}MiB, least_stay: 0s", room_for(1)),
        keys: &[(0, "load: on-demand"), (1, &gated)],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    assert_eq!(told(&gateway, "m1").await, "upstream unloaded");
    let (first, _) = guarded("the load", listener.accept()).await.unwrap();
    let loading = setting.processes();
    assert_eq!(loading.len(), 1);
    assert_eq!(told(&gateway, "m0").await, "upstream unloaded");
    processes::kill(loading[0].id);
    let (mut again, _) = guarded("another load", listener.accept()).await.unwrap();
    drop(first);
    let now = setting.processes();
    assert_eq!(now.len(), 1, "nobody came into its room: {now:?}");
    again.write_u8(1).await.unwrap();
    // It is there, and then the one that waited for its room takes it, because nobody asks for the first any more.
    all_are(&gateway, &["m0"], &Health::Ready).await;
    assert_eq!(health(&gateway, "m1"), Health::Unloaded);
    let metrics = gateway.get("/metrics").await.text;
    let line = "smallfirst_engine_restarts_total{model=\"m1\",cause=\"killed\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_load_gives_its_room_to_others() {
    let setting = Setting {
        tag: "memory-broken",
        models: 2,
        memory: format!("budget: {}MiB, when_full: refuse", room_for(1)),
        keys: &[(0, "cpus: [1023]"), (1, "load: on-demand")],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    let engine = gateway.engine("m0");
    eventually("the failure", || {
        matches!(engine.health(), Health::Down(_)) && engine.vitals().stays.unwrap().held == 0
    })
    .await;
    assert_eq!(told(&gateway, "m0").await, "upstream engine_down");
    assert_eq!(told(&gateway, "m1").await, "upstream unloaded");
    all_are(&gateway, &["m1"], &Health::Ready).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hammer_all_five_are_all_answered_and_the_budget_holds() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 60;
    let setting = Setting {
        tag: "memory-hammer",
        models: 5,
        memory: format!("budget: {}MiB, least_stay: 100ms", room_for(4)),
        keys: &[],
    };
    let upstream = upstream().await;
    let gateway = setting.builder(&upstream).start().await;
    let over = AtomicBool::new(false);
    let client = async |client: usize| {
        let mut local = 0;
        for turn in 0..REQUESTS {
            let number = (client + turn * (client % 4 + 1)) % 5;
            let private = turn % 3 == 0;
            let model = if private {
                format!("private-m{number}")
            } else {
                format!("m{number}")
            };
            let answer = gateway.ask(&chat(&model, "?")).await;
            match answer.told().as_str() {
                "local accepted" => local += 1,
                _ if private => {
                    assert_eq!(answer.error(), "503 local_unavailable", "{}", answer.text);
                    assert_ne!(answer.header("retry-after"), "", "{}", answer.text);
                }
                told => assert!(
                    ["upstream unloaded", "upstream busy", "upstream engine_down"].contains(&told),
                    "{told}"
                ),
            }
        }
        local
    };
    let clients = async {
        let local = join_all((0..CLIENTS).map(client)).await;
        over.store(true, Ordering::Release);
        local.into_iter().sum::<usize>()
    };
    let watching = async {
        let (mut looks, mut most) = (0, 0);
        while !over.load(Ordering::Acquire) {
            let processes = setting.processes();
            let resident: u64 = processes.iter().map(|process| process.resident).sum();
            assert!(processes.len() <= 4, "{processes:?}");
            assert!(resident <= room_for(4) << 20, "{resident}: {processes:?}");
            most = most.max(processes.len());
            looks += 1;
            tokio::task::yield_now().await;
        }
        (looks, most)
    };
    let (local, (looks, most)) =
        guarded("the clients", async { tokio::join!(clients, watching) }).await;
    assert!(looks > 10 && most == 4, "{looks} looks, at most {most}");
    assert!(local > 0);
    let evicted = "cause=\"evicted\"} ";
    let metrics = gateway.get("/metrics").await.text;
    let counts = metrics.lines().filter(|line| line.contains(evicted));
    let evictions: u64 = counts
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(evictions > 0, "{metrics}");
    assert_eq!(gateway.stop().await.exchanges.len(), CLIENTS * REQUESTS);
}
