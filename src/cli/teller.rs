//! `Teller`: tells what happens in a run as it is wanted: moving lines, plain lines, JSON lines, or not at all.

use std::time::Duration;

use super::screen::Screen;
use super::view;
use super::view::bars::Bars;
use super::view::progress::Lines;
use crate::execute::event::Event;

/// Who tells.
pub(super) enum Teller {
    /// JSON lines, on standard output.
    Json(Screen),
    /// Plain lines, on standard error.
    Lines(Screen, Lines),
    /// Lines of what is done, and below them what moves. Big, and there is one.
    Bars(Box<(Screen, Lines, Bars)>),
    /// Nobody.
    Quiet,
}

impl Teller {
    pub(super) fn new(screen: Screen, json: bool) -> Self {
        match (json, screen.is_quiet(), screen.is_live()) {
            (true, _, _) => Self::Json(screen),
            (false, true, _) => Self::Quiet,
            (false, false, true) => Self::Bars(Box::new((screen, Lines::default(), Bars::default()))),
            (false, false, false) => Self::Lines(screen, Lines::default()),
        }
    }

    /// Tells one thing. A run goes on if nobody can hear it.
    pub(super) fn tell(&mut self, event: &Event, at: Duration, machine: Duration) {
        match self {
            Self::Json(screen) => drop(screen.answer(|out| view::json::event(out, event, at))),
            Self::Lines(screen, lines) => screen.status(|out| lines.write(out, event, at, machine)),
            Self::Bars(all) => {
                let (screen, lines, bars) = &mut **all;
                // What goes on is below already; only what is over is worth a line above.
                if !matches!(event, Event::StepStarted { .. } | Event::StepWaited { .. }) {
                    bars.say(&screen.painted(|out| lines.write(out, event, at, machine)));
                }
                bars.show(event, at);
            }
            Self::Quiet => {}
        }
    }

    /// Nothing more happens, and nothing moves any more.
    pub(super) fn end(&mut self, at: Duration) {
        match self {
            Self::Lines(screen, lines) => screen.status(|out| lines.write_skipped(out, at)),
            Self::Bars(all) => {
                let (screen, lines, bars) = &mut **all;
                bars.say(&screen.painted(|out| lines.write_skipped(out, at)));
                bars.clear();
            }
            Self::Json(_) | Self::Quiet => {}
        }
    }
}
