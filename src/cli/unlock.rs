//! `stack unlock`: takes the state away from a run that does not end.

use super::args::{Global, OfStack};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::home::Home;
use super::run::{block_on, lineage, store_of, who};
use super::screen::Screen;
use crate::clock::Clock;
use crate::state::store::{Holder, Store, StoreError};

/// Does it, if the id is that of the lock.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    of: &OfStack,
    id: &str,
) -> Result<Exit, Failure> {
    let stack = file::read(of, environment, true)?;
    let home = Home::of(&stack, global.sandbox)?;
    let unlocked = block_on(false, async {
        let store = store_of(&stack, &home, environment).await?;
        let us = Holder::new(who(environment), format!("unlock {}", of.stack), Clock::system(1).millis());
        Ok::<_, Failure>(take(&store, &us, id).await?)
    })??;
    let name = &stack.head.name;
    screen.answer(|out| match &unlocked {
        Some(Holder { who, command, .. }) => {
            writeln!(out, "The state of {name} is free: {who}, which ran `{command}`, has lost it.")
        }
        None => writeln!(out, "The state of {name} is not locked."),
    })?;
    Ok(Exit::Done)
}

/// Whatever cloud it is of.
async fn take(store: &Store, us: &Holder, id: &str) -> Result<Option<Holder>, StoreError> {
    match store.unlock(us, id, &lineage()).await {
        Err(StoreError::OtherCloud { found, .. }) => store.of_cloud(&found).unlock(us, id, &lineage()).await,
        other => other,
    }
}
