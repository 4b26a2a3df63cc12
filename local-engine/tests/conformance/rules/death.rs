//! Engines that can be killed.

use std::time::Duration;

use local_engine::{EngineError, Health};
use tokio::time::{sleep, timeout};

use super::{PATIENCE, answer, cut, next, play};
use crate::suite::{Capability, Made, Model, Setup, Subject, Verdict, ensure};

/// Kills the engine under a job, which has to tell.
async fn killed(subject: &Subject, restart_after: Duration) -> Verdict<Made> {
    subject.claims(Capability::Death)?;
    let made = subject
        .make(Setup {
            pace: Duration::from_millis(1),
            restart_after,
            ..Setup::from(Model::Endless)
        })
        .await;
    let mut running = made.engine.generate(cut(1900));
    next(&mut running).await?;
    let Some(kill) = &made.kill else {
        return Err("it claims to be mortal and cannot be killed"
            .to_owned()
            .into());
    };
    kill();
    let mut last = None;
    while let Some(event) = next(&mut running).await? {
        ensure!(last.is_none(), "{event:?} after {last:?}");
        last = event.is_terminal().then_some(event);
    }
    ensure!(
        matches!(
            last,
            Some(local_engine::Event::Failed(EngineError::Died(_)))
        ),
        "killed, but {last:?}"
    );
    Ok(made)
}

pub(crate) async fn death_ends_what_runs(subject: &Subject) -> Verdict {
    let made = killed(subject, Duration::from_secs(3600)).await?;
    let health = made.engine.health();
    ensure!(matches!(health, Health::Down(_)), "dead, but {health:?}");
    let refused = play(made.engine.generate(cut(2))).await?.failed()?;
    ensure!(
        matches!(refused, EngineError::Died(_)),
        "refused, but as {refused:?}"
    );
    ensure!(made.engine.info().is_some(), "the facts are forgotten");
    Ok(())
}

pub(crate) async fn what_died_comes_back(subject: &Subject) -> Verdict {
    let made = killed(subject, Duration::from_millis(20)).await?;
    let back = timeout(PATIENCE, async {
        while made.engine.health() != Health::Ready {
            sleep(Duration::from_millis(2)).await;
        }
    });
    ensure!(back.await.is_ok(), "it stays {:?}", made.engine.health());
    let text = answer(&made, cut(3)).await?.text()?;
    ensure!(text == "aaa", "{text:?}");
    Ok(())
}
