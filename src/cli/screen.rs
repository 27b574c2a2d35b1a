//! `Screen`: standard output for answers, standard error for status. The only place that writes to either.

use std::io::{self, BufRead, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use tokio::sync::oneshot;

use super::args::{Color, Global};
use super::environment::Environment;
use super::error::{Exit, Failure};

/// Where a run speaks.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    color: ColorChoice,
    quiet: bool,
    /// Columns that a line should not exceed.
    pub width: usize,
}

impl Screen {
    /// As the command line and the environment want it.
    pub fn new(global: &Global, environment: &Environment) -> Self {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { color, quiet: global.quiet, width: environment.columns() }
    }

    /// Writes an answer, all at once. Whoever closed the pipe has read all they wanted: what was asked for is done all the
    /// same, and ends as it would.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn answer(&self, view: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut text = Vec::new();
        view(&mut text)?;
        let mut out = AutoStream::new(io::stdout().lock(), self.color);
        match out.write_all(&text).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                Err(Failure::of(Exit::Failed, &error).because_of("standard output cannot be written"))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes status, unless quiet. Nobody stops because status cannot be told.
    pub fn status(&self, view: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if !self.quiet {
            self.error(view);
        }
    }

    /// Writes to standard error, quiet or not.
    pub fn error(&self, view: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut text = Vec::new();
        let mut out = AutoStream::new(io::stderr().lock(), self.color);
        let _ = view(&mut text).and_then(|()| out.write_all(&text)).and_then(|()| out.flush());
    }

    /// What a view writes, in the colours that standard error shows.
    pub fn painted(&self, view: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut text = Vec::new();
        // A vector takes all.
        let _ = view(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let choice = match self.color {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()),
            chosen => chosen,
        };
        if choice == ColorChoice::Never { anstream::adapter::strip_str(&text).to_string() } else { text }
    }

    /// Whether progress may move on standard error.
    pub fn is_live(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Whether status is wanted at all.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Asks a question that only `y` answers with yes; what is not understood is asked again, twice. Whoever waits for the answer can stop to.
    ///
    /// # Errors
    /// There is no terminal to ask on (2), or the answer is no (1).
    pub async fn ask(&self, question: &str) -> Result<(), Failure> {
        if !io::stdin().is_terminal() {
            return Err(Failure::refused("there is no terminal to ask on").hint(
                "`--yes` does it without asking; `stack plan`, with `--destroy` for a destroy, shows it only",
            ));
        }
        for hint in ["", "", "the last time: "] {
            self.error(|out| write!(out, "{hint}{question} [y/N] "));
            match meant(&line().await?) {
                Some(true) => return Ok(()),
                Some(false) => break,
                None => self.error(|out| writeln!(out, "Answer `y` for yes or `n` for no.")),
            }
        }
        Err(Failure::new(Exit::Failed, "nothing was done"))
    }
}

/// The next line of standard input.
async fn line() -> io::Result<String> {
    let (tell, told) = oneshot::channel();
    // A thread of its own, which nobody joins: a terminal cannot be told to give up its line.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let _ = tell.send(io::stdin().lock().read_line(&mut answer).map(|_| answer));
    });
    told.await.map_err(io::Error::other)?
}

/// What an answer means; none if nobody can tell. Nothing at all means no.
fn meant(answer: &str) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn only_yes_is_yes_and_what_nobody_understands_is_asked_again() {
        assert_eq!(["y\n", " YES \r\n"].map(meant), [Some(true); 2]);
        assert_eq!(["", "\n", "n\n", "No\n"].map(meant), [Some(false); 4]);
        assert_eq!(["yep\n", "j\n", "y y\n"].map(meant), [None; 3]);
    }
}
