//! `stack state`: a look into what is recorded. What mends it is in `repair`.

use serde_json::json;

use super::args::{Global, OfStack, State as Args, StateVerb};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::kept::Kept;
use super::output::unknown;
use super::rekey;
use super::relocate::relocate;
use super::repair::Hand;
use super::run::{block_on, recorded};
use super::screen::Screen;
use super::view::words::{DIM, YELLOW, action_now, count};
use crate::address::Address;
use crate::secret::shown;
use crate::state::{Record, State, file};

/// Does what is asked.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let by_hand = |of| Hand { screen, global, environment, of };
    match &args.what {
        StateVerb::Rm { of, address, yes } => return by_hand(of).remove(address, *yes),
        StateVerb::Mv { of, from, to } => return by_hand(of).rename(from, to),
        StateVerb::Push { of, file, force } => return by_hand(of).push(file, *force),
        StateVerb::Migrate { of, to } => return relocate(screen, global, environment, of, to),
        StateVerb::Pull { of } => pull(screen, &recorded(of, global, environment)?)?,
        StateVerb::Check { of } => check(screen, global, environment, of)?,
        StateVerb::Rekey(args) => return rekey::run(screen, global, environment, args),
        StateVerb::List { of, json } => list(screen, &recorded(of, global, environment)?, *json)?,
        StateVerb::Show { of, address } => show(screen, &recorded(of, global, environment)?, address)?,
    }
    Ok(Exit::Done)
}

fn pull(screen: &Screen, state: &State) -> Result<(), Failure> {
    let bytes = file::write(state).map_err(|error| Failure::of(Exit::Failed, &error))?;
    screen.answer(|out| out.write_all(&bytes))
}

/// What cannot be read or is not sound is an error, and that is the answer.
fn check(screen: &Screen, global: &Global, environment: &Environment, of: &OfStack) -> Result<(), Failure> {
    let (checked, name) = block_on(false, async {
        let kept = Kept::of(of, global, environment).await?;
        let (store, state) = kept.state().await?;
        // Of every run it can be told what it was.
        store.runs(usize::MAX).await?;
        Ok::<_, Failure>((state, kept.name))
    })??;
    let Some(state) = checked else {
        return screen.answer(|out| writeln!(out, "Nothing was made of the stack {name} yet."));
    };
    let resources = count(state.records.len(), "resource");
    screen.answer(|out| {
        let (serial, format) = (state.serial, state.format);
        writeln!(out, "The state of {name} is sound: {resources}, serial {serial}, format {format}.")?;
        for (address, record) in &state.records {
            if let Some(open) = &record.open {
                let doing = action_now(open.action);
                writeln!(out, "  {address}: {doing} it has no end; the next run looks it up")?;
            }
            if !record.deposed.is_empty() {
                let earlier = count(record.deposed.len(), "earlier object");
                writeln!(out, "  {address}: {earlier} to delete; the next run does")?;
            }
        }
        Ok(())
    })
}

fn list(screen: &Screen, state: &State, as_json: bool) -> Result<(), Failure> {
    let widest = state.records.keys().map(|address| address.as_str().len()).max().unwrap_or_default();
    screen.answer(|out| {
        for (address, record) in &state.records {
            let id = record.current.as_ref().map(|object| object.id.as_str());
            if as_json {
                let line = json!({
                    "address": address, "kind": record.kind, "id": id, "place": record.place,
                    "deposed": record.deposed.len(), "unfinished": is_unfinished(record),
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let unfinished =
                if is_unfinished(record) { format!("  {YELLOW}unfinished{YELLOW:#}") } else { String::new() };
            let id = id.unwrap_or("-");
            writeln!(out, "{address:widest$}  {DIM}{}{DIM:#}  {id}{unfinished}", record.kind)?;
        }
        Ok(())
    })
}

fn is_unfinished(record: &Record) -> bool {
    record.open.is_some() || record.current.as_ref().is_none_or(|object| !object.finished)
}

/// One record; without one of its own, an address stands for what it covers.
fn show(screen: &Screen, state: &State, address: &Address) -> Result<(), Failure> {
    let covered: Vec<_> = state.records.iter().filter(|(known, _)| address.covers(known)).collect();
    if covered.is_empty() {
        return Err(unknown("resource", address.as_str(), state.records.keys().map(Address::as_str)));
    }
    let found = match state.records.get(address) {
        Some(record) => json!({ address.as_str(): record }),
        None => covered.iter().map(|(known, record)| (known.to_string(), json!(record))).collect(),
    };
    screen.answer(|out| writeln!(out, "{:#}", shown(&found)))
}
