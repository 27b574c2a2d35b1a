//! The arguments of `stack sweep`: of a stack, or of a cluster that is gone.

use std::path::PathBuf;

use clap::Args;

use super::{OfStack, pair};

/// `stack sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// A name, for stacks/NAME.toml, or the path of a stack file
    #[arg(value_name = "STACK", requires = "check", required_unless_present = "cluster")]
    pub stack: Option<String>,
    /// The value of a variable of the stack file; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair, requires = "stack")]
    pub vars: Vec<(String, String)>,
    /// A TOML file with values of variables, beside STACK.vars.toml; may be repeated
    #[arg(long = "var-file", value_name = "FILE", requires = "stack")]
    pub var_files: Vec<PathBuf>,
    /// Only look, at everything that the stack could have left
    #[arg(long, requires = "stack", conflicts_with = "yes")]
    pub check: bool,
    /// The EKS name of a cluster that is gone
    #[arg(long, value_name = "NAME", requires = "region", conflicts_with = "stack")]
    pub cluster: Option<String>,
    /// The region it was in
    #[arg(long, value_name = "REGION", requires = "cluster")]
    pub region: Option<String>,
    /// The VPC it was in: what is of a cluster of the same name in another one stays
    #[arg(long, value_name = "ID", requires = "cluster")]
    pub vpc: Option<String>,
    /// A role to assume first, for a cluster in another account
    #[arg(long, value_name = "ARN", requires = "cluster")]
    pub role_arn: Option<String>,
    /// Remove it; without this it is only listed
    #[arg(long, short, requires = "cluster")]
    pub yes: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

impl Sweep {
    /// The stack, if one is meant.
    pub fn of(&self) -> Option<OfStack> {
        let (vars, var_files) = (self.vars.clone(), self.var_files.clone());
        self.stack.clone().map(|stack| OfStack { stack, vars, var_files })
    }
}
