//! What goes wrong, ends early, or happens at once.

use std::process::Stdio;
use std::time::Duration;

use dagger_sdk::core::gql_client::GraphQLErrorPathParam;
use dagger_sdk::{Container, Query};
use eyre::{Result, bail, ensure};

use crate::harness::{busybox, equal, exec_fails, fails, mark, now};

/// Writes a number that grows, for as long as it is let.
const BEAT: &str = "i=0; while true; do i=$((i+1)); echo $i > /beat/now; sleep 0.1; done";

/// A step that never ends, and shows in a cache volume that it runs.
pub fn beating(client: &Query, name: &str) -> Container {
    busybox(client).with_mounted_cache("/beat", client.cache_volume(name)).with_exec(vec!["sh", "-c", BEAT])
}

/// What the step has written last.
async fn beat(client: &Query, name: &str) -> Result<String> {
    let look = busybox(client)
        .with_mounted_cache("/beat", client.cache_volume(name))
        .with_env_variable("NOW", now())
        .with_exec(vec!["sh", "-c", "cat /beat/now || true"]);
    Ok(look.stdout().await?)
}

async fn begins(client: &Query, name: &str) -> Result<()> {
    for _ in 0..100 {
        if !beat(client, name).await?.trim().is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the step does not begin")
}

async fn ends(client: &Query, name: &str) -> Result<()> {
    for _ in 0..100 {
        let before = beat(client, name).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        if beat(client, name).await? == before {
            return Ok(());
        }
    }
    bail!("the step still runs")
}

pub async fn exec_errors(client: &Query) -> Result<()> {
    let command = vec!["sh", "-c", "echo to-out; echo to-err >&2; exit 3"];
    let result = busybox(client).with_exec(command.clone()).stdout().await;
    let failed = exec_fails(result, "exit code: 3")?;
    equal(failed.cmd, command)?;
    equal((failed.exit_code, failed.stdout, failed.stderr), (3, "to-out".into(), "to-err".into()))
}

pub async fn other_errors(client: &Query) -> Result<()> {
    let tree = client.directory().with_new_file("f", "");
    let missing = tree.file("nothing").contents().await;
    let error = fails(missing, "nothing: no such file or directory")?;
    ensure!(error.extensions.is_none(), "this is no failing command");
    match error.path.as_deref() {
        Some([GraphQLErrorPathParam::String(first), ..]) => equal(first, "directory")?,
        other => bail!("the path is {other:?}"),
    }
    fails(client.container().stdout().await, "no command has been set")?;
    fails(tree.directory("f").entries().await, "is a file, not a directory")?;
    equal(client.directory().with_new_file("after", "").entries().await?, ["after"])
}

pub async fn cancel(client: &Query) -> Result<()> {
    let name = mark("cancel");
    let step = beating(client, &name);
    let request = tokio::spawn(async move { step.stdout().await });
    begins(client, &name).await?;
    request.abort();
    ensure!(request.await.is_err_and(|error| error.is_cancelled()), "the request had ended");
    ends(client, &name).await
}

pub async fn gone(client: &Query) -> Result<()> {
    let name = mark("gone");
    let mut other = tokio::process::Command::new(std::env::current_exe()?)
        .args(["hang", &name])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    begins(client, &name).await?;
    ensure!(other.try_wait()?.is_none(), "the client has ended");
    other.kill().await?;
    ends(client, &name).await
}

pub async fn concurrency(client: &Query) -> Result<()> {
    let word = mark("concurrency");
    let requests = (0..50).map(|number| {
        let script = format!("sleep 0.1; echo {number} {word}");
        let step = busybox(client).with_exec(vec!["sh".to_owned(), "-c".to_owned(), script]);
        async move { step.stdout().await }
    });
    let found = futures::future::try_join_all(requests).await?;
    equal(found, (0..50).map(|number| format!("{number} {word}\n")).collect::<Vec<_>>())
}
