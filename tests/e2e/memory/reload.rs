//! Another budget, and models that come and go with the configuration.

use std::sync::Arc;

use gateway::reload::Reloader;
use local_engine::Health;
use support::{Reply, ScriptedUpstream, TestGateway, chat, eventually};

use super::{Setting, all_are, health, room_for};

async fn reload(gateway: &TestGateway, reloader: &Arc<Reloader>, yaml: &str) -> Result<(), String> {
    gateway.write_config(yaml);
    let reloader = Arc::clone(reloader);
    tokio::task::spawn_blocking(move || reloader.reload().map_err(|error| error.to_string()))
        .await
        .unwrap()
}

fn process(gateway: &TestGateway, model: &str) -> Option<u32> {
    gateway.engine(model).vitals().process_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_budget_unloads_and_leaves_the_others_running() {
    let mut setting = Setting {
        tag: "memory-shrink",
        models: 4,
        memory: format!("budget: {}MiB", room_for(4)),
        keys: &[],
    };
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let yaml = |setting: &Setting<'_>| setting.yaml().replace("{upstream}", &upstream.url());
    let mut gateway = setting.builder(&upstream).start().await;
    let reloader = Arc::new(gateway.take_reloader());
    all_are(&gateway, &["m0", "m1", "m2", "m3"], &Health::Ready).await;
    for model in ["m2", "m0", "m3", "m1"] {
        let answer = gateway.ask(&chat(model, "?")).await;
        assert_eq!(answer.told(), "local accepted");
    }
    let stayed = [process(&gateway, "m3"), process(&gateway, "m1")];

    setting.memory = format!("budget: {}MiB", room_for(2));
    reload(&gateway, &reloader, &yaml(&setting)).await.unwrap();
    all_are(&gateway, &["m2", "m0"], &Health::Unloaded).await;
    eventually("two processes", || setting.processes().len() == 2).await;
    assert_eq!([process(&gateway, "m3"), process(&gateway, "m1")], stayed);
    assert_eq!(gateway.ask(&chat("m3", "?")).await.told(), "local accepted");

    // A model that is not named any more goes, though it was used last.
    setting.models = 3;
    reload(&gateway, &reloader, &yaml(&setting)).await.unwrap();
    eventually("one process", || setting.processes().len() == 1).await;
    assert_eq!(process(&gateway, "m1"), stayed[1]);

    // What can never be kept is not taken.
    setting.keys = &[(0, "keep: true"), (1, "keep: true"), (2, "keep: true")];
    let refused = reload(&gateway, &reloader, &yaml(&setting))
        .await
        .unwrap_err();
    assert!(
        refused.contains("memory.budget: is 384MiB")
            && refused.contains("576MiB together (m0 192MiB, m1 192MiB, m2 192MiB)"),
        "{refused}"
    );
    assert_eq!(health(&gateway, "m1"), Health::Ready);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_asks_for_is_unloaded_and_comes_again() {
    let setting = Setting {
        tag: "memory-idle",
        models: 1,
        memory: String::new(),
        keys: &[(0, "unload_after: 50ms")],
    };
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let gateway = setting.builder(&upstream).start().await;
    let engine = gateway.engine("m0");
    let idle = || engine.vitals().stays.unwrap().unloads.get("idle").copied();
    eventually("the end of an idle model", || idle() == Some(1)).await;
    eventually("its process to end", || setting.processes().is_empty()).await;
    let answer = gateway.ask(&chat("private-m0", "?")).await;
    assert_eq!(answer.told(), "local accepted");
    gateway.stop().await;
}
