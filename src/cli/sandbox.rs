//! `stack sandbox`: the embedded cloud for other programs, and its end.

use std::path::{Path, PathBuf};

use super::args::{Sandbox as Args, SandboxVerb};
use super::environment::RELEASES_URL;
use super::error::{Exit, Failure};
use super::lock::LOCKS;
use super::reach::{CONTENT, SANDBOX, STATE, open_sandbox};
use super::run::block_on;
use super::screen::Screen;
use super::signals;
use crate::sandbox::serve::{RELEASES, Server};

/// The region of who does not say.
const REGION: &str = "us-west-2";

/// Does what is asked.
pub(super) fn run(screen: &Screen, args: &Args) -> Result<Exit, Failure> {
    match args.what {
        SandboxVerb::Serve { port, speed } => block_on(false, serve(screen, port, speed))?,
        SandboxVerb::Reset => reset(screen),
    }
}

async fn serve(screen: &Screen, port: u16, speed: u32) -> Result<Exit, Failure> {
    let sandbox = open_sandbox(speed)?;
    let server = Server::bind(sandbox.clone(), port).await.map_err(|error| {
        Failure::of(Exit::Failed, &error)
            .because(format!("port {port} of 127.0.0.1 was to be taken"))
            .hint("without `--port` any free one is taken")
    })?;
    let kubeconfig = absolute(&Path::new(STATE).join(SANDBOX).join("kubeconfig"))?;
    server.write_kubeconfig(&kubeconfig)?;
    let exports = exports(&server.base_url(), &kubeconfig, speed);
    screen
        .answer(|out| exports.iter().try_for_each(|(name, value)| writeln!(out, "export {name}={value}")))?;
    screen.status(|out| {
        writeln!(out, "The embedded cloud is at {}, {speed} times as fast as the world.", server.base_url())
    });
    tokio::select! {
        ended = server.run(&kubeconfig) => ended?,
        told = signals::told_to_end() => told?,
    }
    sandbox.settle()?;
    Ok(Exit::Done)
}

/// What AWS clients, Kubernetes clients and this program need to come here and nowhere else.
fn exports(base_url: &str, kubeconfig: &Path, speed: u32) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", base_url.to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIASANDBOX".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
        ("AWS_SESSION_TOKEN", String::new()),
        ("AWS_REGION", REGION.to_owned()),
        // The AWS command line knows the region by this name only.
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".to_owned()),
        ("KUBECONFIG", quoted(&kubeconfig.display().to_string())),
        // What is installed here is not what the official files hold: their locks are kept apart.
        (LOCKS, quoted(&kubeconfig.with_file_name("locks").display().to_string())),
        ("STACK_SPEED", speed.to_string()),
        (RELEASES_URL, format!("{base_url}{RELEASES}")),
    ]
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path)?)
}

/// Takes away the content, then the states of sandbox runs.
fn reset(screen: &Screen) -> Result<Exit, Failure> {
    let home = Path::new(STATE).join(SANDBOX);
    crate::sandbox::reset(&home.join(CONTENT))?;
    match std::fs::remove_dir_all(&home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => screen.status(|out| writeln!(out, "The embedded cloud is as new.")),
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_word_of_a_shell() {
        assert_eq!(quoted("/home/ann/kubeconfig"), "/home/ann/kubeconfig");
        assert_eq!(quoted("/home/ann o'neil"), r"'/home/ann o'\''neil'");
    }

    #[test]
    fn clients_are_told_no_address_but_loopback() {
        for (name, value) in exports("http://127.0.0.1:4566", Path::new("/k"), 60) {
            assert!(!value.contains("://") || value.starts_with("http://127.0.0.1:4566"), "{name}={value}");
        }
    }
}
