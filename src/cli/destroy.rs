//! `stack destroy`: takes down everything that the stack has made, in the order that the state knows; or carries out a
//! saved plan.

use super::args::{Destroy as Args, Global, OfStack};
use super::carry::{Order, What, carry};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::run::{Run, block_on, composed};
use super::saved::{self, Given};
use super::screen::Screen;
use super::signals;
use crate::cloud::Access;
use crate::compose::compose;
use crate::graph::Graph;
use crate::plan::Intent;
use crate::stack::Stack;

/// Plans, asks, carries out.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let opened = saved::open(&args.of.stack, environment)?;
    let (stack, graph) = match &opened {
        Some(opened) => {
            let (targets, leave) = (&args.targets, args.leave);
            let given = Given { of: &args.of, targets, replace: &[], leave, destroy: false };
            opened.stack(&given, global, environment, true)?
        }
        None => what_is_protected(&args.of, environment)?,
    };
    let intent = Intent::Destroy { targets: args.targets.clone() };
    let order = Order {
        what: opened.map_or(What::Wanted(intent), |opened| What::Saved(Box::new(opened))),
        how: &args.how,
        leave: args.leave.into(),
        command: format!("destroy {}", args.of.stack),
        question: "Delete all of this",
    };
    block_on(global.sandbox, async {
        let mut signals = signals::listen()?;
        let begun = Run::begin(stack, graph, global, environment, Access::Write);
        let run = signals::unless_told(&mut signals, begun).await?;
        carry(screen, environment, &run, order, signals).await
    })?
}

/// A destroy needs the head of a file, and from the rest no more than what `prevent_destroy` protects: a file that
/// is wrong elsewhere can still be destroyed, unless it protects something.
pub(super) fn what_is_protected(of: &OfStack, environment: &Environment) -> Result<(Stack, Graph), Failure> {
    let whole = composed(of, environment);
    let Err(wrong) = whole else { return whole };
    let stack = file::read(of, environment, true)?;
    let protects = stack.lifecycle.values().any(|rules| rules.prevent_destroy);
    match compose(&stack) {
        _ if protects => {
            Err(wrong.hint("it protects resources by prevent_destroy, so it must be sound to be destroyed"))
        }
        Ok(graph) => Ok((stack, graph)),
        Err(_) => Ok((stack, Graph::default())),
    }
}
