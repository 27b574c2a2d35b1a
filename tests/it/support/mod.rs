//! What tests share.

pub mod boxes;
pub mod crash;
pub mod edge;
pub mod manifests;
pub mod mutual;
pub mod orphans;
pub mod served;
pub mod stacks;
pub mod world;
