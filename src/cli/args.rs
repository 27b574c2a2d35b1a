//! The command line as types, and its help texts. What the verbs do is beside, a file each.

mod rehearse;
mod state;
mod sweep;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::address::Address;

use crate::stack::duration::Limit;
pub use rehearse::{Rehearse, RehearseVerb, Telling};
pub use state::{Rekey, State, StateVerb};
pub use sweep::Sweep;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  stack up shop --sandbox --yes      try stacks/shop.toml, without an account
  stack plan shop                    what `up` would do
  stack up shop                      do it, after asking
  stack drift shop                   did somebody change something by hand?
  stack destroy shop                 take it down again, in the right order
  stack sweep shop --check           is really nothing left of it?

Exit codes:
  0    done; for `plan --exit-code` and `drift`: nothing to do
  1    failed: cloud, network or internal error; or the question was answered no
  2    refused before anything changed: command line, stack file, or a rule
  3    `plan --exit-code`: the stack has changes to make
  4    `drift`: the live cloud differs from the recorded state
  5    partly applied: some steps failed, others are done and saved
  6    the state is locked, belongs to another cloud, or a saved plan is stale
  7    `destroy`, `sweep`: leftovers remain
  130  interrupted; state saved";

/// Provision application networks on Amazon EKS from one TOML file.
///
/// Clusters, VPC Lattice, the Gateway API controllers, certificates, Gateways and routes: compared with the
/// recorded state and the live cloud, then created, changed or taken down in one run.
#[derive(Debug, Parser)]
#[command(name = "stack", version, styles = STYLES, after_help = AFTER, max_term_width = 100)]
#[command(propagate_version = false, disable_help_subcommand = true)]
pub struct Cli {
    /// What is the same for all verbs.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What is the same for all verbs.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Run against the embedded cloud: no account, no network
    ///
    /// Its content and the states of such runs are kept in state/sandbox, apart from the real ones.
    #[arg(long, global = true, help_heading = "Global options")]
    pub sandbox: bool,
    /// Say nothing but the answer
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Colours: `always`, `never`, or `auto`: on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        hide_possible_values = true,
        help_heading = "Global options"
    )]
    pub color: Color,
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check a stack file; nothing is asked of any cloud
    #[command(after_help = "Example:\n  stack validate shop")]
    Validate(OfStack),
    /// Show what `up` would do
    #[command(after_help = "\
Examples:
  stack plan shop
  stack plan shop --exit-code        ends with 3 if there is something to do: for CI
  stack plan shop -o shop.plan       save it: `stack up shop.plan` carries out just that
  stack plan shop --destroy          what `destroy` would do
  stack plan shop.plan               show a saved plan again; nothing is asked of any cloud
  stack plan shop --replace cluster.edge/nodes.default")]
    Plan(Plan),
    /// Make the cloud what the stack file says
    #[command(after_help = "\
A saved plan, of `stack plan -o FILE`, is carried out as it is. It is refused,
with 6, if the stack file or the state was changed since.

Examples:
  stack up shop
  stack up shop.plan --yes           carry out a saved plan
  stack up shop --yes --json         in CI, one JSON object a line
  stack up shop --target cluster.edge --var domain=shop.example.com")]
    Up(Up),
    /// Take down everything that the stack has made
    #[command(after_help = "\
Ends with an audit: it looks for what could be left, by tags, names and VPCs, in every region and account of
the stack, lists it and ends with 7. With `--target` there is none: see `stack sweep`.

A saved plan, of `stack plan --destroy -o FILE`, is carried out as it is. It is
refused, with 6, if the stack file or the state was changed since.

Examples:
  stack destroy shop
  stack destroy down.plan --yes            carry out a saved plan
  stack destroy shop --target route.cart --yes
  stack destroy shop --include-foreign     and what others have in its clusters
  stack destroy shop --force-finalizers    and what no controller lets go")]
    Destroy(Destroy),
    /// Carry a plan out on a copy first: order, duration, what would get stuck, what would be left
    ///
    /// The copy is made in an embedded cloud from what is recorded and what is live; the cloud itself is only read. The
    /// very planner and executor of `up` and `destroy` then work on the copy, in simulated time.
    #[command(after_help = "\
Ends as the run on the copy does: with 0 if all goes well, with 1 or 5 if
something fails, with 7 if something would be left.

Examples:
  stack rehearse destroy shop
  stack rehearse up shop --json")]
    Rehearse(Rehearse),
    /// Tell what was changed in the cloud since the last `up`; only reads
    #[command(after_help = "\
Ends with 0 if nothing differs, with 4 if something does, with 1 if nothing was
made of the stack yet or something could not be read.

Examples:
  stack drift shop
  stack drift shop --json")]
    Drift(Drift),
    /// Look for what was left behind, and remove what a cluster that is gone has left
    ///
    /// With a stack and `--check`: looks through every account and region of the stack, by tags, names and VPCs, for
    /// what it, EKS and the controllers could have left. Only reads. `stack destroy` of a whole stack ends with it.
    ///
    /// With `--cluster`: lists what a cluster that is gone has left, whoever made it, in the order of removal: what its
    /// controllers made, its nodes, their launch templates, instance profiles and policies. Removes it with `--yes`:
    /// only what carries the tags of that cluster, and rules of other groups that refer to those groups. What is left
    /// alone is named with the reason.
    #[command(after_help = "\
Ends with 0 if nothing is left, with 7 if something is, with 1 if something could not be read.

Examples:
  stack sweep shop --check
  stack sweep --cluster prod-1 --region us-west-2
  stack sweep --cluster prod-1 --region us-west-2 --vpc vpc-0abc --yes")]
    Sweep(Sweep),
    /// Show the outputs of the last complete `up`
    #[command(after_help = "\
Examples:
  stack output shop
  curl $(stack output shop shop_url)")]
    Output(Output),
    /// Show what runs there were, and what they did
    #[command(after_help = "\
Examples:
  stack history shop                 the newest runs, the newest first
  stack history shop 12              what run 12 did, step by step
  stack history shop 12 --file       the stack file as it was then: to go back to it")]
    History(History),
    /// Look into the recorded state, and mend it
    State(State),
    /// Take the state away from a run that does not end
    #[command(after_help = "\
The id is told by whoever finds the state locked. The run that has it stops: it can write nothing
more. A run that was killed need not be unlocked: the next one goes on by itself.

Example:
  stack unlock shop 4f1c09a2b7d35e68")]
    Unlock {
        /// Of which stack.
        #[command(flatten)]
        of: OfStack,
        /// The id of the lock
        id: String,
    },
    /// Write a kubeconfig with a context for each cluster of the stack
    #[command(after_help = "\
kubectl then gets its tokens from `stack token`; no other program is needed.

Examples:
  stack kubeconfig shop > shop.kubeconfig
  stack kubeconfig shop --merge ~/.kube/config")]
    Kubeconfig(Kubeconfig),
    /// Print a token for an EKS cluster, as kubectl's exec plugins do
    Token(Token),
    /// Show the resources of a stack and what they need
    #[command(after_help = "\
Examples:
  stack graph shop > shop.mmd
  stack graph shop --format dot | dot -Tsvg > shop.svg")]
    Graph(Graph),
    /// Serve the embedded cloud to other programs, or forget its content
    Sandbox(Sandbox),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  stack completions bash > /etc/bash_completion.d/stack")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// A stack and the values of its variables.
#[derive(Clone, Debug, Args)]
pub struct OfStack {
    /// A name, for stacks/NAME.toml, or the path of a stack file (or, for plan, up and destroy, of a saved plan)
    #[arg(value_name = "STACK")]
    pub stack: String,
    /// The value of a variable of the stack file; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    pub vars: Vec<(String, String)>,
    /// A TOML file with values of variables, beside STACK.vars.toml; may be repeated
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// `stack plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// What it is about.
    #[command(flatten)]
    pub scope: Scope,
    /// Show every field, and manifests whole
    #[arg(long, short)]
    pub verbose: bool,
    /// End with 3 if there is something to do
    #[arg(long)]
    pub exit_code: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// What `destroy` would do, instead
    #[arg(long, conflicts_with = "replace")]
    pub destroy: bool,
    /// Save the plan, for `stack up FILE` or `stack destroy FILE`
    ///
    /// Sensitive values are not in it: whoever carries it out gives them again, as STACK_VAR_NAME. It is encrypted if
    /// the state is.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What it may do beside.
    #[command(flatten)]
    pub leave: Leave,
}

/// What a plan may do beside what was wanted.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Leave {
    /// Delete Gateways, routes, Ingresses and Services of others that would be stuck
    ///
    /// What the controllers and clusters of the stack serve and the stack did not make holds load balancers and
    /// Lattice services that nobody could take away any more. It is listed, and the plan refused, unless this is given:
    /// then it is deleted first, in order.
    #[arg(long)]
    pub include_foreign: bool,
    /// Put nothing back that a teardown needs: refuse
    ///
    /// A controller, role, node group, class or configuration that is gone or changed is put back before what it serves
    /// is deleted, for that would be stuck without it; a controller that does not run is waited for. With this the plan is refused instead, unless
    /// `--force-finalizers` is given too.
    #[arg(long)]
    pub no_repair: bool,
    /// Take the finalizers off what no controller lets go
    ///
    /// Only once the time for its deletion is over, or after a minute where its controller is known to be broken and
    /// `--no-repair` leaves it so; and only finalizers of the two controllers: first what it made in AWS is removed by its
    /// tags, then it is verified that nothing of it is left, then the finalizers are taken off. What was forced is told.
    /// Without this, such a deletion fails, and says which finalizers hold it.
    #[arg(long)]
    pub force_finalizers: bool,
}

/// What a plan is about.
#[derive(Clone, Debug, Default, Args)]
pub struct Scope {
    /// Only this resource, its parts and what they need; may be repeated
    #[arg(long = "target", value_name = "ADDRESS", value_parser = Address::parse)]
    pub targets: Vec<Address>,
    /// Replace this resource even if nothing differs; may be repeated
    #[arg(long = "replace", value_name = "ADDRESS", value_parser = Address::parse)]
    pub replace: Vec<Address>,
}

/// `stack up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// What it is about.
    #[command(flatten)]
    pub scope: Scope,
    /// How it is carried out.
    #[command(flatten)]
    pub how: How,
    /// What it may do beside.
    #[command(flatten)]
    pub leave: Leave,
}

/// `stack destroy`.
#[derive(Debug, Args)]
pub struct Destroy {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// Only this resource, its parts and what needs them; may be repeated
    #[arg(long = "target", value_name = "ADDRESS", value_parser = Address::parse)]
    pub targets: Vec<Address>,
    /// How it is carried out.
    #[command(flatten)]
    pub how: How,
    /// What it may do beside.
    #[command(flatten)]
    pub leave: Leave,
}

/// How a plan is carried out.
#[derive(Clone, Debug, Args)]
pub struct How {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Steps at the same time, at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: u16,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Show every field of the plan, and manifests whole
    #[arg(long, short)]
    pub verbose: bool,
    /// Wait so long for another run that has the state, as in `90s` or `10m`
    #[arg(long, value_name = "DURATION", value_parser = time, default_value = "0s", hide_default_value = true)]
    pub lock_timeout: Duration,
}

/// `stack drift`.
#[derive(Debug, Args)]
pub struct Drift {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `stack output`.
#[derive(Debug, Args)]
pub struct Output {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// Only this one, as plain text
    pub name: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `stack history`.
#[derive(Debug, Args)]
pub struct History {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// Only this run, with its steps
    pub run: Option<usize>,
    /// Print the stack file as it was in that run
    #[arg(long, requires = "run", conflicts_with = "json")]
    pub file: bool,
    /// How many runs to show
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "run")]
    pub last: usize,
    /// Show all runs
    #[arg(long, conflicts_with_all = ["run", "last"])]
    pub all: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `stack kubeconfig`.
#[derive(Debug, Args)]
pub struct Kubeconfig {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// Put the contexts into this file instead of printing them; what else is in it stays
    #[arg(long, value_name = "FILE")]
    pub merge: Option<PathBuf>,
}

/// `stack token`.
#[derive(Debug, Args)]
pub struct Token {
    /// The EKS name of the cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// Its region
    #[arg(long, value_name = "REGION")]
    pub region: String,
    /// A role to assume first, for a cluster in another account
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
}

/// `stack graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// Of which stack.
    #[command(flatten)]
    pub of: OfStack,
    /// In which language
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
    /// Every part, not only whole sections
    #[arg(long)]
    pub parts: bool,
}

/// Languages of graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
}

/// `stack sandbox`.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// What to do with it.
    #[command(subcommand)]
    pub what: SandboxVerb,
}

/// `stack sandbox …`.
#[derive(Debug, Subcommand)]
pub enum SandboxVerb {
    /// Serve it on 127.0.0.1 and print the environment that clients need
    #[command(after_help = "\
Example:
  stack sandbox serve --speed 60 > sandbox.env &
  until [ -s sandbox.env ]; do sleep 0.1; done
  . ./sandbox.env
  stack up shop                      as on any cloud, sixty times faster
  kubectl get gateways -A")]
    Serve {
        /// The port; any free one for 0
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
        /// How much faster than the world its time runs
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        speed: u32,
    },
    /// Forget its content and the states of sandbox runs
    Reset,
}

impl From<Leave> for crate::plan::Leave {
    fn from(leave: Leave) -> Self {
        Self {
            include_foreign: leave.include_foreign,
            no_repair: leave.no_repair,
            force_finalizers: leave.force_finalizers,
        }
    }
}

/// A duration; none for zero.
fn time(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    text.parse::<Limit>().map(|limit| limit.0)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`, as in `domain=example.com`")?;
    if name.is_empty() {
        return Err("the name before `=` is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = Cli::try_parse_from(["stack", "up", "shop", "--sandbox", "--yes", "--var", "a=b=c"]);
        let cli = cli.expect("is understood");
        assert!(cli.global.sandbox);
        let Verb::Up(up) = cli.verb else { panic!("another verb") };
        assert_eq!(up.of.vars, [("a".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn what_is_no_pair_or_no_address_is_refused() {
        assert!(Cli::try_parse_from(["stack", "up", "shop", "--var", "a"]).is_err());
        assert!(Cli::try_parse_from(["stack", "up", "shop", "--target", "cluster"]).is_err());
    }
}
