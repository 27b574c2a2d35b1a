//! Crashes in simulated time: one run is recorded, and whatever a kill at any of its moments leaves is recovered from.

pub mod campaign;
pub mod recording;
pub mod recovery;
