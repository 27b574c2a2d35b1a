//! `stack` provisions application networks on Amazon EKS from one TOML file.

pub mod address;
pub mod clock;
pub mod compose;
pub mod graph;
pub mod recipe;
pub mod shape;
pub mod stack;
pub mod value;
