//! The scenarios with the official client for Rust.

mod basic;
mod data;
mod harness;
mod life;

use std::sync::Arc;

use dagger_sdk::core::config::Config;
use dagger_sdk::logging::StdLogger;
use dagger_sdk::{Query, connect_opts};
use eyre::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let config = Config::builder().logger(Arc::new(StdLogger::default())).build();
    connect_opts(config, program).await?;
    Ok(())
}

async fn program(client: Query) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, name] = arguments.as_slice() {
        eyre::ensure!(what == "hang", "nothing is called {what}");
        life::step(&client, name, life::HOLD).stdout().await?;
        return Ok(());
    }
    for name in harness::variable("CLIENTS_SCENARIOS").split_whitespace() {
        harness::one(name, scenario(name, &client)).await?;
    }
    Ok(())
}

async fn scenario(name: &str, client: &Query) -> Result<()> {
    match name {
        "chains" => basic::chains(client).await,
        "objects" => basic::objects(client).await,
        "lists" => basic::lists(client).await,
        "sync" => basic::sync(client).await,
        "enums" => basic::enums(client).await,
        "environment" => basic::environment(client).await,
        "ids" => basic::ids(client).await,
        "exec-errors" => life::exec_errors(client).await,
        "other-errors" => life::other_errors(client).await,
        "cancel" => life::cancel(client).await,
        "gone" => life::gone(client).await,
        "concurrency" => life::concurrency(client).await,
        "large" => data::large(client).await,
        "unicode" => data::unicode(client).await,
        "binary" => data::binary(client).await,
        "export" => data::export(client).await,
        "secrets" => data::secrets(client).await,
        "cache" => data::cache(client).await,
        "host" => data::host(client).await,
        "registry" => data::registry(client).await,
        _ => bail!("this client has no scenario {name}"),
    }
}
