//! When to reload: on SIGHUP, and when the file has changed.
//!
//! The file is looked at rather than subscribed to. A look costs one `stat`, follows the symbolic links that
//! Kubernetes swaps, and works on network file systems and bind mounts, where notifications get lost.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::Reloader;

/// What tells one content of a file from another without reading it; `None` while it cannot be looked at.
type Mark = Option<(u64, u64, i64, i64, u64)>;

/// SIGHUPs, from the moment this is made: without it the signal ends the process.
#[derive(Debug)]
pub struct HangUps(Option<Signal>);

impl HangUps {
    /// Begins to listen.
    #[must_use]
    pub fn listen() -> Self {
        let signal = signal(SignalKind::hangup());
        Self(
            signal
                .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be watched"))
                .ok(),
        )
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Reloads on SIGHUP, whatever the file says (keys and certificates have files of their own), and on changes of the file, looked for every `pause`. Runs until it is dropped.
///
/// A change counts once two looks in a row agree on it, so that a file that is being written is not read half.
pub async fn watch(reloader: Arc<Reloader>, mut hang_ups: HangUps, pause: Duration) {
    let mut looks = interval(pause);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Unknown at first: the file may have changed since the gateway read it.
    let (mut loaded, mut last) = (None, None);
    loop {
        let told = tokio::select! {
            () = hang_ups.next() => true,
            _ = looks.tick() => false,
        };
        let now = mark(reloader.file());
        let settled = now.is_some() && now == last && now != loaded;
        last = now;
        if told || settled {
            loaded = now;
            let reloader = Arc::clone(&reloader);
            // Its outcome is logged and counted there; a panic would be too, by the runtime.
            let _told = tokio::task::spawn_blocking(move || {
                if told {
                    reloader.reload()
                } else {
                    reloader.reload_if_changed()
                }
            })
            .await;
        }
    }
}

/// Follows symbolic links.
fn mark(file: &Path) -> Mark {
    let data = std::fs::metadata(file).ok()?;
    Some((
        data.dev(),
        data.ino(),
        data.mtime(),
        data.mtime_nsec(),
        data.size(),
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_swapped_symbolic_link_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["..v1", "..v2"] {
            std::fs::create_dir(path(version)).unwrap();
            std::fs::write(path(version).join("gateway.yaml"), "same").unwrap();
        }
        symlink("..v1", path("..data")).unwrap();
        symlink("..data/gateway.yaml", path("gateway.yaml")).unwrap();
        let before = mark(&path("gateway.yaml"));
        assert!(before.is_some());
        symlink("..v2", path("..data_tmp")).unwrap();
        std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
        assert_ne!(mark(&path("gateway.yaml")), before);
        assert_eq!(mark(&path("missing.yaml")), None);
    }
}
