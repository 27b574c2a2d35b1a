//! `stack history`: what runs there were, and what one of them did.

use super::args::{Global, History as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::kept::Kept;
use super::run::block_on;
use super::screen::Screen;
use super::view::{history as view, json};
use crate::state::history::Run;
use crate::state::store::Store;

/// Shows the newest, or one of them.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    block_on(false, async {
        let kept = Kept::of(&args.of, global, environment).await?;
        // History is told even where the state cannot be read.
        let store = kept.store("");
        match args.run {
            Some(number) => one(screen, &store, &kept.name, number, args).await,
            None => all(screen, &store, &kept.name, args).await,
        }
    })??;
    Ok(Exit::Done)
}

async fn all(screen: &Screen, store: &Store, name: &str, args: &Args) -> Result<(), Failure> {
    let most = if args.all { usize::MAX } else { args.last };
    let runs = store.runs(most).await?;
    let goes_on = goes_on(store, runs.first()).await?;
    let earlier = runs.last().map_or(0, |run| run.number - 1);
    if args.json {
        return screen.answer(|out| {
            json::version(out)?;
            runs.iter().try_for_each(|run| json::line(out, &view::json(run, goes_on, false)))
        });
    }
    if runs.is_empty() {
        return screen.answer(|out| writeln!(out, "No run has changed the stack {name} yet."));
    }
    screen.answer(|out| {
        runs.iter().try_for_each(|run| view::line(out, run, goes_on, screen.width))?;
        if earlier == 0 { Ok(()) } else { writeln!(out, "\n{earlier} earlier: `--all` shows them too.") }
    })
}

async fn one(screen: &Screen, store: &Store, name: &str, number: usize, args: &Args) -> Result<(), Failure> {
    let Some(run) = store.run(number).await? else {
        let count = store.count_runs().await?;
        let known = if count == 0 { "there was none".to_owned() } else { format!("there were {count}") };
        return Err(Failure::refused(format!("there was no run {number} of {name}")).hint(known));
    };
    if args.file {
        let file = run.begun.file.as_ref();
        let none = || Failure::refused(format!("run {number} was not about a stack file"));
        let file = file.ok_or_else(none)?;
        let lost = || Failure::new(Exit::Failed, format!("the stack file of run {number} is not kept"));
        let text = store.stack_file(&file.sha256).await?.ok_or_else(lost)?;
        return screen.answer(|out| write!(out, "{text}"));
    }
    let goes_on = goes_on(store, Some(&run)).await?;
    screen.answer(|out| {
        if args.json {
            json::version(out)?;
            return json::line(out, &view::json(&run, goes_on, true));
        }
        view::whole(out, &run, goes_on, name, screen.width)
    })
}

/// Whether a run without an end still has the lock.
async fn goes_on(store: &Store, run: Option<&Run>) -> Result<bool, Failure> {
    let Some(run) = run.filter(|run| run.ended.is_none()) else { return Ok(false) };
    Ok(store.holder().await?.is_some_and(|holder| holder.id == run.begun.id))
}
