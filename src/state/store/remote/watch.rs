//! Taking a state: at once if it is free; if another run has it, once that has ended or shows no life for a lease.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::batch::{Beat, Took};
use super::objects::Sort;
use super::{Held, Remote, Survey};
use crate::state::store::load::{Kept, Loaded};
use crate::state::store::{Holder, StoreError, Wait, Waiting};

/// How many times in a lease another run's heartbeat is looked at.
const LOOKS: u32 = 12;

/// What is seen of a run that has the state.
enum Sight {
    /// It has ended.
    Ended,
    /// It does something.
    Alive,
    /// It showed no life for a whole lease.
    Dead,
}

impl Remote {
    /// Takes the state. `read` makes of what is kept a state, and the bytes with which a new journal begins.
    pub(in crate::state::store) async fn lock(
        &self,
        stack: &str,
        holder: &Holder,
        wait: &mut Wait<'_>,
        read: impl Fn(Kept) -> Result<(Loaded, Vec<u8>), StoreError>,
    ) -> Result<(Held, Loaded), StoreError> {
        let began = Instant::now();
        loop {
            let survey = self.survey().await?;
            let (loaded, head) = read(self.kept(&survey))?;
            let over = match self.another(&survey).await? {
                None => None,
                Some((took, beat)) => match self.look(&survey, took, beat, wait).await? {
                    Sight::Ended => continue,
                    Sight::Dead => Some(took.holder.id.clone()),
                    Sight::Alive if began.elapsed() < wait.within => {
                        (wait.tell)(&took.holder, Waiting::ForItsEnd);
                        continue;
                    }
                    Sight::Alive => {
                        let (other, age) = (Box::new(took.holder.clone()), took.holder.older_than(holder));
                        return Err(StoreError::Locked { stack: stack.to_owned(), holder: other, age });
                    }
                },
            };
            if let Some(held) = self.take(&survey, holder, over, &head).await? {
                return Ok((held, loaded));
            }
        }
    }

    /// Who has the state, if somebody has, and their last heartbeat.
    pub(super) async fn another<'a>(
        &self,
        survey: &'a Survey,
    ) -> Result<Option<(&'a Took, Option<Beat>)>, StoreError> {
        let Some(took) = survey.took() else { return Ok(None) };
        let beat = self.heartbeat(took).await?;
        let ended = beat.as_ref().is_some_and(|beat| beat.over);
        Ok((!ended).then_some((took, beat)))
    }

    async fn heartbeat(&self, took: &Took) -> Result<Option<Beat>, StoreError> {
        let bytes = self.objects.get(Sort::Heartbeat, took.number).await?;
        // What is no beat is none: it does not change either.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Looks at a run until something changes or nothing did for a whole lease.
    async fn look(
        &self,
        survey: &Survey,
        took: &Took,
        before: Option<Beat>,
        wait: &mut Wait<'_>,
    ) -> Result<Sight, StoreError> {
        let since = Instant::now();
        (wait.tell)(&took.holder, Waiting::ForSignsOfLife);
        loop {
            sleep(pause(took.lease())).await;
            let asked = Instant::now();
            let beat = self.heartbeat(took).await?;
            if beat.as_ref().is_some_and(|beat| beat.over) {
                return Ok(Sight::Ended);
            }
            if beat != before || !self.objects.list(Sort::Journal, survey.end).await?.is_empty() {
                return Ok(Sight::Alive);
            }
            if asked - since >= took.lease() {
                return Ok(Sight::Dead);
            }
        }
    }

    /// Takes the state from the run with this id without waiting, and gives it back: that run writes no more.
    pub(in crate::state::store) async fn unlock(
        &self,
        holder: &Holder,
        id: &str,
        read: impl Fn(Kept) -> Result<(Loaded, Vec<u8>), StoreError>,
    ) -> Result<Option<Holder>, StoreError> {
        loop {
            let survey = self.survey().await?;
            let (_, head) = read(self.kept(&survey))?;
            let Some((took, _)) = self.another(&survey).await? else { return Ok(None) };
            let found = took.holder.clone();
            if found.id != id {
                return Err(StoreError::OtherHolder { holder: Box::new(found) });
            }
            if let Some(held) = self.take(&survey, holder, Some(found.id.clone()), &head).await? {
                held.release().await;
                return Ok(Some(found));
            }
        }
    }
}

fn pause(lease: Duration) -> Duration {
    lease / LOOKS
}
