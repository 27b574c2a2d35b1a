//! Runs at once, and runs that stand still past their lease, in many interleavings.

use std::cell::RefCell;
use std::rc::Rc;

use super::rough::Dice;
use super::*;

/// A call that changed the cloud: when it left, and whose it was.
type Ledger = Rc<RefCell<Vec<(Instant, u64)>>>;

/// What one run did.
#[derive(Debug, Default)]
struct Told {
    /// The names of what it knows to be durable.
    durable: Vec<String>,
    /// Whether it ended as it should.
    done: bool,
    /// Whether another run was in the way.
    locked: bool,
}

/// Begins steps one after the other; each sends a call once it is durable and while the lease holds.
async fn live(number: u64, rough: Rough, dice: &Dice, ledger: &Ledger, within: Duration) -> Told {
    sleep(dice.millis(0..400)).await;
    let mut told = Told::default();
    let store = store_of(rough.clone());
    let mut wait = Wait { within, tell: &mut |_, _| {} };
    let mut locked = match store.lock_within(&run(&number.to_string()), "lineage", &mut wait).await {
        Ok(locked) => locked,
        Err(StoreError::Locked { .. }) => return Told { locked: true, ..told },
        Err(error) => panic!("run {number}: {error:?}"),
    };
    let lease = locked.lease();
    for step in 0..6 {
        let name = format!("r{number}s{step}");
        if append(&mut locked, &name).await.is_err() {
            return told;
        }
        told.durable.push(name);
        sleep(dice.millis(0..20_000)).await;
        rough.still.subscribe().wait_for(|still| !still).await.expect("the store lives");
        if !lease.held().await {
            return told;
        }
        ledger.borrow_mut().push((Instant::now(), number));
    }
    told.done = locked.snapshot().await.is_ok();
    locked.release().await;
    told
}

/// Makes a run stand still once, for up to three leases.
async fn pause(rough: Rough, dice: &Dice) {
    sleep(dice.millis(100..60_000)).await;
    rough.still.send_replace(true);
    sleep(dice.millis(1_000..180_000)).await;
    rough.still.send_replace(false);
    std::future::pending::<()>().await;
}

/// Nobody's calls lie between two of somebody else's, and all that a run knew to be durable is in the state.
fn check(seed: u64, ledger: &Ledger, all: &[Told], state: &State) {
    let calls = ledger.borrow();
    let mut owners: Vec<u64> = calls.iter().map(|(_, number)| *number).collect();
    owners.dedup();
    let mut once = owners.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), owners.len(), "seed {seed}: calls of two runs are mixed: {owners:?}");
    let kept = names(state);
    for told in all {
        for name in &told.durable {
            assert!(kept.contains(name), "seed {seed}: {name} was durable and is not kept");
        }
    }
    state.check().expect("the state is sound");
}

#[test]
fn of_two_runs_at_once_exactly_one_goes_on_whatever_the_timing() {
    for seed in 0..300 {
        simulated(async move {
            let inner = Arc::new(InMemory::new());
            let (dice, ledger) = (Dice::new(seed), Ledger::default());
            let rough = |number| Rough::new(&inner, seed * 10 + number, 5..120, seed % 4 * 5);
            let within = if seed % 2 == 0 { Duration::ZERO } else { LEASE * 60 };
            let (one, two) = futures::join!(
                live(1, rough(1), &dice, &ledger, within),
                live(2, rough(2), &dice, &ledger, within)
            );
            let all = [one, two];
            let state = read(&plain(&inner)).await;
            check(seed, &ledger, &all, &state);
            let done = all.iter().filter(|told| told.done).count();
            let locked = all.iter().filter(|told| told.locked).count();
            // Whoever waits comes after; who does not is turned away, unless the other had ended before it came.
            assert!(done >= 1 && done + locked == 2, "seed {seed}: {all:?}");
            assert!(within.is_zero() || done == 2, "seed {seed}: {all:?}");
        });
    }
}

#[test]
fn b34_a_run_that_stands_still_past_its_lease_changes_neither_state_nor_cloud() {
    let mut followed = 0;
    for seed in 0..300 {
        followed += usize::from(simulated(async move {
            let inner = Arc::new(InMemory::new());
            let (dice, ledger) = (Dice::new(seed + 1_000), Ledger::default());
            let rough = |number| Rough::new(&inner, seed * 10 + number, 5..120, seed % 3 * 4);
            let sleeper = rough(1);
            let one = live(1, sleeper.clone(), &dice, &ledger, Duration::ZERO);
            let two = async {
                sleep(dice.millis(1_000..60_000)).await;
                live(2, rough(2), &dice, &ledger, LEASE * 30).await
            };
            let runs = async { futures::join!(one, two) };
            let (one, two) = tokio::select! {
                told = runs => told,
                () = pause(sleeper, &dice) => unreachable!("it never ends"),
            };
            let all = [one, two];
            check(seed, &ledger, &all, &read(&plain(&inner)).await);
            assert!(all[1].done, "seed {seed}: {all:?}");
            !all[0].done
        }));
    }
    assert!(followed > 20, "only {followed} runs were followed: nothing was shown");
}

/// Runs it in simulated time.
fn simulated<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(what)
}
