//! The heartbeat of a run that has a state: what shows others that it lives, and renews its lease.
//!
//! A beat renews only if it was sent while the renewal before it still held: then nobody can have waited for a whole
//! lease in between. After that only the fence tells: an empty object in the journal, which is refused if another
//! run has taken the state.

use std::sync::Arc;

use super::batch::Beat;
use super::journal::Journal;
use super::lease::Moment;
use super::objects::Sort;

/// How many times in a lease it beats.
const BEATS: u32 = 6;

/// Beats until the lease is lost.
pub(super) async fn beat(journal: Arc<Journal>) {
    let (lease, took) = (journal.lease(), journal.took());
    let pause = took.lease() / BEATS;
    for beat in 1.. {
        lease.rest(pause).await;
        if lease.is_lost() {
            return;
        }
        if !lease.holds() {
            // Whether it worked is seen by the lease.
            let _ = journal.append(&[]).await;
            continue;
        }
        let now = Beat { run: took.holder.id.clone(), beat, over: false };
        let bytes = serde_json::to_vec(&now).expect("a beat is plain text");
        let sent = Moment::now();
        if journal.objects().put_once(Sort::Heartbeat, took.number, bytes, pause).await {
            lease.renew(sent);
        }
    }
}
