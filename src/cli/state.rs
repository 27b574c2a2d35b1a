//! `stack state`: a look into what is recorded.

use serde_json::json;

use super::args::{Global, State as Args, StateVerb};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::output::unknown;
use super::run::recorded;
use super::screen::Screen;
use super::view::words::{DIM, YELLOW};
use crate::address::Address;
use crate::state::{Record, State};

/// Does what is asked.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    match &args.what {
        StateVerb::List { of, json } => list(screen, &recorded(of, global, environment)?, *json)?,
        StateVerb::Show { of, address } => show(screen, &recorded(of, global, environment)?, address)?,
    }
    Ok(Exit::Done)
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
    let shown = match state.records.get(address) {
        Some(record) => json!({ address.as_str(): record }),
        None => covered.iter().map(|(known, record)| (known.to_string(), json!(record))).collect(),
    };
    screen.answer(|out| writeln!(out, "{shown:#}"))
}
