//! What tests share.

pub mod boxes;
pub mod world;
