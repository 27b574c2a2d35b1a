//! The arguments of `stack rehearse`: the verb that is rehearsed, with what that verb takes.

use clap::{Args, Subcommand};

use super::{Leave, OfStack, Scope};
use crate::address::Address;

/// `stack rehearse`.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// What is rehearsed.
    #[command(subcommand)]
    pub verb: RehearseVerb,
}

/// What can be rehearsed.
#[derive(Debug, Subcommand)]
pub enum RehearseVerb {
    /// Rehearse `stack up`
    #[command(after_help = "Example:\n  stack rehearse up shop")]
    Up {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// What of it.
        #[command(flatten)]
        scope: Scope,
        /// How it is told.
        #[command(flatten)]
        telling: Telling,
    },
    /// Rehearse `stack destroy`
    #[command(
        after_help = "Examples:\n  stack rehearse destroy shop\n  stack rehearse destroy shop --include-foreign"
    )]
    Destroy {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// Only this resource, its parts and what needs them; may be repeated
        #[arg(long = "target", value_name = "ADDRESS", value_parser = Address::parse)]
        targets: Vec<Address>,
        /// What it may do beside.
        #[command(flatten)]
        leave: Leave,
        /// How it is told.
        #[command(flatten)]
        telling: Telling,
    },
}

/// How a rehearsal is told.
#[derive(Clone, Debug, Args)]
pub struct Telling {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Show every field of the plan, and manifests whole
    #[arg(long, short)]
    pub verbose: bool,
}
