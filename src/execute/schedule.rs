//! Which steps may begin: the ready set of a plan. Pure.

use std::collections::{BTreeSet, VecDeque};

/// What is ready, what waits for what.
#[derive(Debug)]
pub(super) struct Schedule {
    missing: Vec<usize>,
    unlocks: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
    skipped: Vec<bool>,
}

impl Schedule {
    /// From the needs of each step, by number.
    pub(super) fn new<'a>(needs: impl Iterator<Item = &'a BTreeSet<usize>>) -> Self {
        let needs: Vec<&BTreeSet<usize>> = needs.collect();
        let mut unlocks = vec![Vec::new(); needs.len()];
        for (step, set) in needs.iter().enumerate() {
            set.iter().for_each(|need| unlocks[*need].push(step));
        }
        let missing: Vec<usize> = needs.iter().map(|set| set.len()).collect();
        let ready = (0..missing.len()).filter(|step| missing[*step] == 0).collect();
        Self { skipped: vec![false; missing.len()], missing, unlocks, ready }
    }

    /// A step that may begin now.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// What waited only for this step is ready.
    pub(super) fn done(&mut self, step: usize) {
        for next in &self.unlocks[step] {
            self.missing[*next] -= 1;
            if self.missing[*next] == 0 && !self.skipped[*next] {
                self.ready.push_back(*next);
            }
        }
    }

    /// Everything that waits for this step, at whatever distance, will not begin. Each is told once.
    pub(super) fn failed(&mut self, step: usize) -> Vec<usize> {
        let mut open = self.unlocks[step].clone();
        let mut newly = Vec::new();
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut self.skipped[next], true) {
                newly.push(next);
                open.extend(&self.unlocks[next]);
            }
        }
        newly.sort_unstable();
        newly
    }

    /// Everything that has not begun and was not skipped yet is skipped.
    pub(super) fn stop(&mut self) -> Vec<usize> {
        let mut rest: BTreeSet<usize> = self.ready.drain(..).collect();
        rest.extend((0..self.missing.len()).filter(|step| self.missing[*step] > 0));
        rest.retain(|step| !std::mem::replace(&mut self.skipped[*step], true));
        rest.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(needs: &[&[usize]]) -> Schedule {
        let sets: Vec<BTreeSet<usize>> = needs.iter().map(|set| set.iter().copied().collect()).collect();
        Schedule::new(sets.iter())
    }

    #[test]
    fn a_step_waits_for_all_it_needs() {
        let mut diamond = schedule(&[&[], &[0], &[0], &[1, 2]]);
        assert_eq!((diamond.next(), diamond.next()), (Some(0), None));
        diamond.done(0);
        assert_eq!((diamond.next(), diamond.next()), (Some(1), Some(2)));
        diamond.done(1);
        assert_eq!(diamond.next(), None);
        diamond.done(2);
        assert_eq!(diamond.next(), Some(3));
    }

    #[test]
    fn b03_a_failure_skips_its_dependants_and_nothing_else() {
        let mut steps = schedule(&[&[], &[], &[0], &[2], &[1]]);
        assert_eq!(steps.next(), Some(0));
        assert_eq!(steps.failed(0), [2, 3]);
        assert_eq!(steps.next(), Some(1));
        steps.done(1);
        assert_eq!(steps.next(), Some(4));
        assert_eq!(steps.stop(), Vec::<usize>::new());
    }
}
