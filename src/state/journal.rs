//! The journal: what a run did, entry by entry, before and after each call. `apply` folds an entry into the state.
