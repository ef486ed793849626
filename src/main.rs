//! The program: an allocator and the command line.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = std::env::args().nth(3).map(Into::into);
    ironbell::boot::run(&ironbell::boot::RunOptions { config, ..Default::default() })
}
