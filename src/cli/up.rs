//! `stack up`: makes the cloud what the stack file says.

use super::args::{Global, Up as Args};
use super::carry::{Order, carry};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{Run, block_on, composed};
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
    let (stack, graph) = composed(&args.of, environment)?;
    let targets = args.scope.targets.clone();
    let order = Order {
        intent: Intent::Up { targets, replace: args.scope.replace.clone() },
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
