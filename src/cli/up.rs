//! `stack up`: makes the cloud what the stack file says, or carries out a saved plan.

use super::args::{Global, Scope, Up as Args};
use super::carry::{Order, What, carry};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{Run, block_on, composed};
use super::saved::{self, Given};
use super::screen::Screen;
use super::signals;
use crate::cloud::Access;
use crate::plan::Intent;

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
            let Scope { targets, replace } = &args.scope;
            let given = Given { of: &args.of, targets, replace, leave: args.leave, destroy: false };
            opened.stack(&given, global, environment, false)?
        }
        None => composed(&args.of, environment)?,
    };
    let intent = Intent::Up { targets: args.scope.targets.clone(), replace: args.scope.replace.clone() };
    let order = Order {
        what: opened.map_or(What::Wanted(intent), |opened| What::Saved(Box::new(opened))),
        how: &args.how,
        leave: args.leave.into(),
        command: format!("up {}", args.of.stack),
        question: "Carry this out",
    };
    block_on(global.sandbox, async {
        let mut signals = signals::listen()?;
        let begun = Run::begin(stack, graph, global, environment, Access::Write);
        let run = signals::unless_told(&mut signals, begun).await?;
        carry(screen, environment, &run, order, signals).await
    })?
}
