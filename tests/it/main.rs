//! The one test binary. What is behind the public interface of the library and the program is tested here.

mod boxes;
mod convergence;
mod cost;
mod crash;
mod endings;
mod engine;
mod followed;
mod formats;
mod guests;
mod keeping;
mod kubeconfigs;
mod lock;
mod moves;
mod order;
mod rehearse;
mod remote;
mod repairs;
mod rescue;
mod saved;
mod scripts;
mod serve;
mod shop;
mod support;
mod sweep;
mod tidy;
mod tried;
