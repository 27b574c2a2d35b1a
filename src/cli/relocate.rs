//! `stack state migrate`: moves a state and its history from one backend to another. Nothing changes in any cloud.

use super::args::{Global, OfStack};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::home::Home;
use super::run::{block_on, read_any, store_of, who};
use super::screen::Screen;
use super::view::words::count;
use crate::clock::Clock;
use crate::state::State;
use crate::state::store::{Holder, Locked, Store, StoreError};

/// Copies, verifies, then marks what is left.
pub(super) fn relocate(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    of: &OfStack,
    to: &str,
) -> Result<Exit, Failure> {
    if global.sandbox {
        return Err(Failure::refused("states of sandbox runs stay under state/sandbox"));
    }
    let stack = file::read(of, environment, true)?;
    let (here, there) = (Home::of(&stack, false)?, Home::read(to)?);
    if here == there {
        return Err(Failure::refused(format!("the state of {} is there already", stack.head.name)));
    }
    let (state, runs) = block_on(false, async {
        let from = store_of(&stack, &here, environment).await?;
        let Some(state) = read_any(&from).await? else {
            let error = format!("nothing was made of the stack {} yet", stack.head.name);
            return Err(Failure::new(Exit::Failed, error)
                .hint(format!("write `backend = \"{to}\"` under [state]: there is nothing to move")));
        };
        let to = store_of(&stack, &there, environment).await?.even_moved();
        let (from, to) = (from.of_cloud(&state.cloud), to.of_cloud(&state.cloud));
        let command = format!("state migrate to {}", to.place());
        let holder = Holder::new(who(environment), command, Clock::system(1).millis());
        let mut old = from.lock(&holder, &state.lineage).await?;
        let moved = async {
            let mut new = to.lock(&holder, &state.lineage).await?;
            let moved = carry_over(&from, &mut old, &to, &mut new).await;
            new.release().await;
            moved
        }
        .await;
        old.release().await;
        moved
    })??;
    let (name, resources) = (&stack.head.name, count(state.records.len(), "resource"));
    screen.answer(|out| {
        writeln!(out, "The state of {name} is in {to} now: {resources}, {}.", count(runs, "run"))
    })?;
    screen.status(|out| {
        writeln!(out, "Write this into {}:\n\n[state]\nbackend = \"{to}\"", stack.source.path.display())
    });
    Ok(Exit::Done)
}

/// Only what is empty, or was once moved from there, is written over.
async fn carry_over(
    from: &Store,
    old: &mut Locked,
    to: &Store,
    new: &mut Locked,
) -> Result<(State, usize), Failure> {
    let there = new.state();
    let is_new = there.serial == 0 && there.seq == 0;
    if !is_new && (there.moved.is_none() || there.lineage != old.state().lineage) {
        return Err(Failure::new(Exit::Conflict, format!("there is a state in {} already", to.place()))
            .hint("nothing was changed; name another place"));
    }
    let state = State { moved: None, ..old.state().clone() };
    let runs = new.take_past(from).await?;
    new.replace(state.clone()).await?;
    let kept = to.read().await?;
    let same = kept.as_ref().is_some_and(|kept| {
        (&kept.lineage, &kept.records, &kept.outputs) == (&state.lineage, &state.records, &state.outputs)
    });
    if !same || to.count_runs().await? < runs {
        let error = format!("what was written to {} is not what is read from there", to.place());
        return Err(Failure::new(Exit::Failed, error).hint("the state stays where it was"));
    }
    old.mark_moved(&to.place()).await.map_err(|error: StoreError| {
        Failure::from(error).because("the state is in both places now: use the new one")
    })?;
    Ok((state, runs))
}
