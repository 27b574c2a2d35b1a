//! How a run looks while it goes on, on a terminal: what is done above, a line for each running step, and a bar.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::words::{action_now, action_words, duration};
use crate::address::Address;
use crate::change::Action;
use crate::execute::event::Event;

/// More running steps than this are counted, not shown.
const MOST: usize = 12;

/// The moving part of a terminal.
pub struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    running: BTreeMap<usize, Running>,
}

struct Running {
    line: Option<ProgressBar>,
    address: Address,
    action: Action,
    usual: Duration,
}

impl Default for Bars {
    fn default() -> Self {
        let all = MultiProgress::new();
        let whole = all.add(ProgressBar::new(0));
        let style = ProgressStyle::with_template("{bar:30.green} {pos}/{len}  {msg}");
        whole.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { all, whole, running: BTreeMap::new() }
    }
}

impl Bars {
    /// Prints lines above what moves.
    pub fn say(&self, text: &str) {
        for line in text.lines() {
            let _ = self.all.println(line);
        }
    }

    /// Shows what happened. `at` is the cloud's time since the beginning of the run.
    pub fn show(&mut self, event: &Event, at: Duration) {
        match event {
            Event::RunStarted { steps } => self.whole.set_length(*steps as u64),
            Event::Recovered { .. } => {}
            Event::StepStarted { step, address, action, usual, .. } => {
                let line = (self.running.values().filter(|one| one.line.is_some()).count() < MOST)
                    .then(|| self.all.insert_before(&self.whole, ProgressBar::new_spinner()));
                let running = Running { line, address: address.clone(), action: *action, usual: *usual };
                running.tell("", Duration::ZERO);
                self.running.insert(*step, running);
            }
            Event::StepWaited { step, what, elapsed, .. } => {
                if let Some(running) = self.running.get(step) {
                    running.tell(what, *elapsed);
                }
            }
            // A line above tells it.
            Event::StepForced { .. } => {}
            Event::StepDone { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. } => {
                if let Some(line) = self.running.remove(step).and_then(|running| running.line) {
                    line.finish_and_clear();
                    self.all.remove(&line);
                }
                self.whole.inc(1);
            }
        }
        let hidden = self.running.values().filter(|one| one.line.is_none()).count();
        let hidden = if hidden > 0 { format!(", {hidden} more running") } else { String::new() };
        self.whole.set_message(format!("{}{hidden}", duration(at)));
    }

    /// Takes everything that moves away.
    pub fn clear(&self) {
        self.whole.finish_and_clear();
        let _ = self.all.clear();
    }
}

impl Running {
    fn tell(&self, what: &str, elapsed: Duration) {
        let Some(line) = &self.line else { return };
        line.set_style(
            ProgressStyle::with_template("{spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        line.set_message(self.words(what, elapsed));
        line.tick();
    }

    fn words(&self, what: &str, elapsed: Duration) -> String {
        let (sign, ..) = action_words(self.action);
        let what = if what.is_empty() { action_now(self.action) } else { what };
        let usual = match self.action {
            Action::Create => format!(" of usually {}", duration(self.usual)),
            _ => String::new(),
        };
        format!("{sign} {}  {what}  {}{usual}", self.address, duration(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_step_tells_what_it_waits_for_and_how_long() {
        let running = Running {
            line: None,
            address: Address::new("cluster", "edge"),
            action: Action::Create,
            usual: Duration::from_secs(600),
        };
        let words = running.words("status CREATING", Duration::from_secs(190));
        assert_eq!(words, "+ cluster.edge  status CREATING  3m10s of usually 10m");
    }

    #[test]
    fn more_steps_than_lines_are_counted() {
        let mut bars = Bars::default();
        for step in 0..MOST + 3 {
            let address = Address::new("value", &step.to_string());
            let usual = Duration::from_secs(1);
            bars.show(
                &Event::StepStarted { step, address, title: "value", action: Action::Create, usual },
                usual,
            );
        }
        assert_eq!(bars.whole.message(), "1s, 3 more running");
    }
}
