//! The arguments of `stack state`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OfStack;
use crate::address::Address;

/// `stack state`.
#[derive(Debug, Args)]
pub struct State {
    /// What to do with it.
    #[command(subcommand)]
    pub what: StateVerb,
}

/// `stack state …`.
#[derive(Debug, Subcommand)]
pub enum StateVerb {
    /// Move the state, with its history, to another backend
    #[command(after_help = "\
What is left at the old place says where the state went, and is refused from then on.

Examples:
  stack state migrate shop --to s3://our-states/network
  stack state migrate shop --to state          back into files")]
    Migrate {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// Where to: a folder, or a URL as `backend` of the stack file takes it
        #[arg(long, value_name = "BACKEND")]
        to: String,
    },
    /// List the addresses of everything that the stack has made
    List {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// With kinds and ids, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show what is recorded of a resource, as JSON
    #[command(after_help = "Example:\n  stack state show shop cluster.edge")]
    Show {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// Which resource
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// Forget a resource and its parts; what there is in the cloud stays there
    #[command(after_help = "Example:\n  stack state rm shop route.legacy")]
    Rm {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// Which resource
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Give a resource and its parts another address; nothing changes in the cloud
    #[command(after_help = "Example:\n  stack state mv shop gateway.web gateway.shop")]
    Mv {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// The address that it has
        #[arg(value_name = "OLD", value_parser = Address::parse)]
        from: Address,
        /// The address that it gets
        #[arg(value_name = "NEW", value_parser = Address::parse)]
        to: Address,
    },
    /// Print the whole state, as JSON
    ///
    /// It is decrypted. Sensitive values are not in it, only marks by which a change of them can be told.
    #[command(after_help = "Example:\n  stack state pull shop > shop.state.json")]
    Pull {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
    },
    /// Take a file as the state: a rescue file, or what `pull` printed
    ///
    /// Another lineage, another cloud and an older state are refused.
    #[command(after_help = "Example:\n  stack state push shop shop.rescue.json")]
    Push {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// The file; `-` for standard input
        file: PathBuf,
        /// Take it even if it is older, or of another lineage or cloud
        #[arg(long)]
        force: bool,
    },
    /// Tell whether the state is sound, and what in it has no end
    #[command(after_help = "Ends with 0 if it is sound, with 1 if it is not.")]
    Check {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
    },
    /// Encrypt the state anew, with its history, as `encryption` under `[state]` says now
    ///
    /// After a change of the passphrase or the recipients. Without `encryption` in the stack file the state is kept
    /// plain from then on. Copies that were made before stay as they are.
    #[command(after_help = "\
Examples:
  stack state rekey shop                              encrypt a plain state
  stack state rekey shop --old-passphrase-env OLD     OLD holds the one so far
  stack state rekey shop --old-identity old-key.txt   it was for recipients")]
    Rekey(Rekey),
}

/// `stack state rekey`.
#[derive(Debug, Args)]
pub struct Rekey {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// The variable of the environment that holds the passphrase used so far
    #[arg(long, value_name = "NAME")]
    pub old_passphrase_env: Option<String>,
    /// The file with an age identity used so far
    #[arg(long, value_name = "FILE")]
    pub old_identity: Option<String>,
}
