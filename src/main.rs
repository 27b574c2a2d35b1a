//! The binary: nothing but the way into `cli`.

fn main() {}
