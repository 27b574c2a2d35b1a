//! What tests share.

pub mod boxes;
pub mod served;
pub mod world;
