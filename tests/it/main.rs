//! The one test binary. What is behind the public interface of the library and the program is tested here.

mod boxes;
mod endings;
mod engine;
mod scripts;
mod serve;
mod shop;
mod support;
mod tidy;
