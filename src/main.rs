//! The binary: nothing but the way into `cli`.

fn main() -> std::process::ExitCode {
    stack::cli::main()
}
