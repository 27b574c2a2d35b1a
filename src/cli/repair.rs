//! `stack state rm`, `mv` and `push`: mends the recorded state by hand. Nothing changes in the cloud.

use std::io::Read as _;
use std::path::Path;

use super::args::{Global, OfStack};
use super::chronicle::Chronicle;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::kept::Kept;
use super::output::unknown;
use super::rescue::rescue;
use super::run::{block_on, lineage, who};
use super::screen::Screen;
use super::view::words::{DIM, count};
use crate::address::Address;
use crate::change::Action;
use crate::clock::Clock;
use crate::state::State;
use crate::state::history::{StepEnd, Trodden};
use crate::state::journal::Entry;
use crate::state::repair::{Refused, forget, may_replace, rename};
use crate::state::store::{Holder, Locked, Store, StoreError};

/// Who mends what.
pub(super) struct Hand<'a> {
    pub(super) screen: &'a Screen,
    pub(super) global: &'a Global,
    pub(super) environment: &'a Environment,
    pub(super) of: &'a OfStack,
}

impl Hand<'_> {
    /// Takes resources out of the state.
    pub(super) fn remove(&self, address: &Address, yes: bool) -> Result<Exit, Failure> {
        block_on(false, async {
            let mut mended = self.lock(&format!("state rm {address}")).await?;
            let done: Result<Exit, Failure> = async {
                let entries = forget(mended.locked.state(), address)
                    .map_err(|why| refused(why, mended.locked.state()))?;
                let covered = |known: &&Address| address.covers(known);
                let gone: Vec<Address> =
                    mended.locked.state().records.keys().filter(covered).cloned().collect();
                let stays = stays(mended.locked.state(), address);
                self.screen.status(|out| {
                    writeln!(out, "This is forgotten, and stays in the cloud:")?;
                    stays.iter().try_for_each(|line| writeln!(out, "  {line}"))
                });
                if !yes {
                    self.ask(&format!("Forget {}?", count(gone.len(), "resource"))).await?;
                }
                mended.note(&gone, Action::Forget).await?;
                mended.write(&entries).await?;
                self.screen.answer(|out| writeln!(out, "Forgot {}.", count(gone.len(), "resource")))?;
                Ok(Exit::Done)
            }
            .await;
            mended.locked.release().await;
            done
        })?
    }

    /// Gives resources another address.
    pub(super) fn rename(&self, from: &Address, to: &Address) -> Result<Exit, Failure> {
        block_on(false, async {
            let mut mended = self.lock(&format!("state mv {from} {to}")).await?;
            let done: Result<Exit, Failure> = async {
                let entries = rename(mended.locked.state(), from, to)
                    .map_err(|why| refused(why, mended.locked.state()))?;
                let moved: Vec<Address> = entries
                    .iter()
                    .filter_map(|entry| match entry {
                        Entry::Moved { to, .. } => Some(to.clone()),
                        _ => None,
                    })
                    .collect();
                mended.note(&moved, Action::Update).await?;
                mended.write(&entries).await?;
                self.screen
                    .answer(|out| writeln!(out, "Moved {} to {to}.", count(moved.len(), "resource")))?;
                Ok(Exit::Done)
            }
            .await;
            mended.locked.release().await;
            done
        })?
    }

    /// Takes a file as the state.
    pub(super) fn push(&self, path: &Path, force: bool) -> Result<Exit, Failure> {
        block_on(false, async {
            let kept = Kept::of(self.of, self.global, self.environment).await?;
            let place = path.display().to_string();
            let taken = kept.store("").open_snapshot(&place, read(path)?)?;
            taken.check().map_err(StoreError::Unsound)?;
            let command = format!("state push {place}{}", if force { " --force" } else { "" });
            // The cloud of a state that is not there, or cannot be read any more, is that of the file.
            let (cloud, is_readable) = match kept.state().await {
                Ok((_, Some(state))) => (state.cloud, true),
                Ok((_, None)) => (taken.cloud.clone(), true),
                Err(_) if force => (taken.cloud.clone(), false),
                Err(error) => return Err(Failure::from(error).hint("`--force` takes the file instead")),
            };
            let store = kept.store(&cloud);
            let unread = if is_readable { None } else { Some(taken.clone()) };
            let mut mended = self.lock_in(store, &command, unread).await?;
            let done: Result<Exit, Failure> = async {
                if !force {
                    may_push(mended.locked.state(), &taken, &place, &kept.name)?;
                }
                let aside = if force { mended.locked.set_aside().await? } else { Vec::new() };
                let taken = State { stack: kept.name.clone(), cloud, ..taken };
                mended.begin().await?;
                let replaced = mended.locked.replace(taken).await;
                mended.end(replaced).await?;
                let state = mended.locked.state();
                let (resources, serial) = (count(state.records.len(), "resource"), state.serial);
                if !aside.is_empty() {
                    self.screen.status(|out| writeln!(out, "What was there is in {}.", aside.join(" and ")));
                }
                self.screen.answer(|out| {
                    writeln!(
                        out,
                        "The state of {} is that of {place}: {resources}, serial {serial}.",
                        kept.name
                    )
                })?;
                Ok(Exit::Done)
            }
            .await;
            mended.locked.release().await;
            done
        })?
    }

    async fn ask(&self, question: &str) -> Result<(), Failure> {
        self.screen.ask(question).await.map_err(|mut failure| {
            // There is no plan that would show it.
            failure.hints.truncate(usize::from(failure.exit == Exit::Refused));
            failure.hints.iter_mut().for_each(|hint| "`--yes` does it without asking".clone_into(hint));
            failure
        })
    }

    async fn lock(&self, command: &str) -> Result<Mended, Failure> {
        let kept = Kept::of(self.of, self.global, self.environment).await?;
        let (store, state) = kept.state().await?;
        if state.is_none() {
            return Err(Failure::new(
                Exit::Failed,
                format!("nothing was made of the stack {} yet", kept.name),
            ));
        }
        self.lock_in(store, command, None).await
    }

    /// Takes the lock; with a state, for one that takes the place of what cannot be read.
    async fn lock_in(&self, store: Store, command: &str, unread: Option<State>) -> Result<Mended, Failure> {
        let clock = Clock::system(1);
        let holder = Holder::new(who(self.environment), command, clock.millis());
        let locked = match unread {
            Some(state) => store.lock_unread(&holder, state).await?,
            None => store.lock(&holder, &lineage()).await?,
        };
        let sandbox = if self.global.sandbox { " --sandbox" } else { "" };
        let pushed_by = format!("stack state push {}{sandbox}", self.of.stack);
        Ok(Mended { locked, store, holder, clock, pushed_by, chronicle: None })
    }
}

/// A state that is being mended.
struct Mended {
    locked: Locked,
    store: Store,
    holder: Holder,
    clock: Clock,
    pushed_by: String,
    chronicle: Option<Chronicle>,
}

impl Mended {
    async fn begin(&mut self) -> Result<(), Failure> {
        self.chronicle = Some(Chronicle::by_hand(&self.locked, &self.holder, self.clock).await?);
        Ok(())
    }

    /// Notes in the history what is about to be done.
    async fn note(&mut self, addresses: &[Address], action: Action) -> Result<(), Failure> {
        self.begin().await?;
        for address in addresses {
            let (address, end) = (address.clone(), StepEnd::Done);
            let step = Trodden { address, action, end, took_ms: None, error: None };
            self.chronicle.iter_mut().for_each(|chronicle| chronicle.note(step.clone()));
        }
        Ok(())
    }

    async fn write(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let (at, who, command) = (self.clock.millis(), self.holder.who.clone(), self.holder.command.clone());
        let run = Entry::Run { at, who, command };
        let written = match self.locked.append(&[run]).and_then(|()| self.locked.append(entries)) {
            Ok(()) => self.locked.snapshot().await,
            Err(error) => Err(error),
        };
        self.end(written).await
    }

    async fn end(&mut self, written: Result<(), StoreError>) -> Result<(), Failure> {
        let written = written.map_err(|error| rescue(error, &self.locked, &self.store, &self.pushed_by));
        if let Some(chronicle) = self.chronicle.take() {
            let noted = chronicle.end(&self.locked, written.as_ref().map(|()| Exit::Done)).await;
            written?;
            return Ok(noted?);
        }
        written
    }
}

/// Whether a file may be taken as the state of a stack without force.
fn may_push(kept: &State, taken: &State, place: &str, stack: &str) -> Result<(), Failure> {
    let is_new = kept.serial == 0 && kept.seq == 0;
    if is_new && taken.stack != stack {
        return Err(Failure::refused(format!("{place} is the state of {}", taken.stack))
            .hint(format!("`--force` takes it as the state of {stack}")));
    }
    if is_new {
        return Ok(());
    }
    may_replace(kept, taken).map_err(|why| {
        let failure = refused(why, kept);
        Failure {
            error: format!("{place} is not taken as the state of {stack}"),
            causes: vec![failure.error],
            ..failure
        }
        .hint("nothing was changed; `--force` takes it all the same")
    })
}

/// What there is in the cloud of what is forgotten.
fn stays(state: &State, address: &Address) -> Vec<String> {
    let mut lines = Vec::new();
    for (known, record) in state.records.iter().filter(|(known, _)| address.covers(known)) {
        let objects = record.current.iter().chain(&record.deposed);
        let line = |id: &str| format!("{known}  {DIM}{}{DIM:#}  {id}", record.kind);
        lines.extend(objects.map(|object| line(&object.id)));
        if let (None, Some(open)) = (&record.current, &record.open) {
            lines.push(line(&format!("unknown: a {:?} has no end", open.action).to_lowercase()));
        }
    }
    lines
}

fn refused(why: Refused, state: &State) -> Failure {
    match &why {
        Refused::Unknown(address) => {
            unknown("resource", address.as_str(), state.records.keys().map(Address::as_str))
        }
        Refused::Other { .. } | Refused::Older { .. } => Failure::of(Exit::Conflict, &why),
        Refused::Taken(_) | Refused::Section { .. } | Refused::Address(_) => Failure::of(Exit::Refused, &why),
    }
}

/// A file, or standard input for `-`.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|all| bytes = all)
    };
    read.map_err(|error| {
        Failure::refused(format!("cannot read {}", path.display())).because(error.to_string())
    })?;
    Ok(bytes)
}
