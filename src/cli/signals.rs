//! Signals: the first asks the run to stop in good order, the second to stop now.

use tokio::sync::watch;

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
