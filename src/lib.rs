//! `stack` provisions application networks on Amazon EKS from one TOML file.

pub mod address;
pub mod change;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod door;
pub mod drift;
pub mod execute;
pub mod graph;
pub mod kind;
pub mod live;
pub mod plan;
pub mod sandbox;
pub mod shape;
pub mod stack;
pub mod state;
pub mod value;
