//! `stack` provisions application networks on Amazon EKS from one TOML file.

pub mod address;
pub mod clock;
pub mod cloud;
pub mod door;
pub mod graph;
pub mod kind;
pub mod sandbox;
pub mod shape;
pub mod stack;
pub mod value;
