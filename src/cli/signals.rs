//! Signals: the first asks the run to stop in good order, the second to stop now. Before a run has begun to change
//! anything, the first ends it.

use std::future::Future;

use tokio::sync::watch;

use super::error::{Exit, Failure};
use crate::execute::Cancel;

/// What the signals of this process say, from now on.
pub(super) fn listen() -> std::io::Result<watch::Receiver<Cancel>> {
    let (tell, told) = watch::channel(Cancel::No);
    let mut next = signals()?;
    tokio::spawn(async move {
        for word in [Cancel::Stop, Cancel::Now] {
            next.recv().await;
            let _ = tell.send(word);
        }
        // The receiver would take a closed channel for a change.
        std::future::pending::<()>().await;
    });
    Ok(told)
}

/// Does what changes nothing, unless a signal came before or comes meanwhile.
///
/// # Errors
/// A signal came (130); those of the work.
pub(super) async fn unless_told<T>(
    signals: &mut watch::Receiver<Cancel>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        _ = signals.wait_for(|told| *told != Cancel::No) => {
            Err(Failure::new(Exit::Interrupted, "interrupted; nothing was changed"))
        }
        done = work => done,
    }
}

/// Resolves when the process is told to end.
pub(super) async fn told_to_end() -> std::io::Result<()> {
    signals()?.recv().await;
    Ok(())
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
fn signals() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

#[cfg(unix)]
impl Signals {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
fn signals() -> std::io::Result<Signals> {
    Ok(Signals)
}

#[cfg(not(unix))]
impl Signals {
    async fn recv(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_ends_what_changes_nothing() {
        let (tell, mut told) = watch::channel(Cancel::No);
        let done = unless_told(&mut told, async { Ok(1) }).await;
        assert_eq!(done, Ok(1));
        tell.send(Cancel::Stop).expect("somebody listens");
        // What is waited for does not come, and what came before the wait counts too.
        let ended = unless_told(&mut told, std::future::pending::<Result<(), Failure>>()).await;
        assert_eq!(ended.expect_err("is interrupted").exit, Exit::Interrupted);
        let ended = unless_told(&mut told, async { Ok(1) }).await;
        assert_eq!(ended.expect_err("is still interrupted").exit, Exit::Interrupted);
    }
}
