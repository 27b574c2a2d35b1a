//! Carries a plan out.

pub mod event;
