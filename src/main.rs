//! The program: an allocator and the command line.

use ironbell::{api, boot, cli};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let exchange = cli::Exchange {
        run: &|cli::Run { config, data_dir, listen, drain, dev: _ }| {
            boot::run(&boot::RunOptions { config, data_dir, listen, drain })
        },
        openapi: &|| api::openapi().to_pretty_json().unwrap_or_default(),
    };
    cli::main(std::env::args_os(), &exchange)
}
