//! What tests share.

pub mod boxes;
pub mod stacks;
pub mod world;
