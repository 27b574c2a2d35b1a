//! The one clock: what the time is, and how to wait.
//!
//! It runs on tokio's time, so that a runtime with paused time (the sandbox in process) takes the SDK, the engine
//! and the sandbox through the same simulated day. With a speed, waits are divided by it; timestamps are not.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A wall clock that follows tokio's time. Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    wall: SystemTime,
    speed: u32,
}

impl Clock {
    /// Starts at `wall`; `speed` divides every wait (1 on a real cloud). Must be called within a tokio runtime
    /// when its time is to be paused.
    pub fn starting_at(wall: SystemTime, speed: u32) -> Self {
        Self { started: Instant::now(), wall, speed: speed.max(1) }
    }

    /// Starts at the time of the machine.
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    pub fn system(speed: u32) -> Self {
        Self::starting_at(SystemTime::now(), speed)
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        self.wall + self.started.elapsed()
    }

    /// The time since this clock started, in the cloud's time: with a speed, that many times the machine's.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed() * self.speed
    }

    /// The time now in milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        millis(self.now())
    }

    /// The time of a cloud that runs at this clock's speed, in milliseconds since 1970: with a speed it leaves `now`
    /// behind. Signatures and expiry go by `now`.
    pub fn cloud_millis(&self) -> i64 {
        millis(self.wall + self.elapsed())
    }

    /// Waits for `duration` of the cloud's time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / self.speed).await;
    }

    /// By how much waits are divided.
    pub fn speed(&self) -> u32 {
        self.speed
    }
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn with_a_speed_the_cloud_runs_ahead_and_waits_are_short() {
        let clock = Clock::starting_at(SystemTime::UNIX_EPOCH, 10);
        clock.sleep(Duration::from_secs(100)).await;
        assert_eq!(clock.millis(), 10_000);
        assert_eq!(clock.cloud_millis(), 100_000);
    }
}
