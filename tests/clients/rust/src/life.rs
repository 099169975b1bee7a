//! What goes wrong, ends early, or happens at once.

use std::process::Stdio;
use std::time::Duration;

use dagger_sdk::core::gql_client::GraphQLErrorPathParam;
use dagger_sdk::errors::DaggerError;
use dagger_sdk::{Container, Query};
use eyre::{Result, bail, ensure};
use tokio::task::JoinHandle;

use crate::harness::{busybox, equal, exec_fails, fails, mark, now};

/// Never ends, and has a pipe in a cache volume open as long as any process of it is there.
pub const HOLD: &str =
    "mkfifo /held/pipe 2> /dev/null; exec 9> /held/pipe; touch /held/runs; while true; do sleep 1; done";

/// Waits until that has begun, and then until the last process of it has ended.
const WATCH: &str = "mkfifo /held/pipe 2> /dev/null; cat < /held/pipe; echo ended";

/// Says whether both run.
const LOOK: &str = "[ ! -e /held/runs ] || echo runs";

/// How many steps have to run at the same moment.
const MANY: usize = 50;

/// Ends when `$2` of its kind, each with its own number, have begun.
const MEET: &str = r#"touch /met/$0; turn=0
until [ "$(ls /met | wc -l)" = $2 ]; do
  [ $turn -lt 300 ] || { echo "only $(ls /met | wc -l) have met" >&2; exit 1; }
  turn=$((turn + 1)); sleep 0.2
done
echo $0 $1"#;

/// A step with the cache volume of that name.
pub fn step(client: &Query, name: &str, script: &str) -> Container {
    busybox(client)
        .with_env_variable("NOW", now())
        .with_mounted_cache("/held", client.cache_volume(name))
        .with_exec(vec!["sh", "-c", script])
}

/// Waits until the step that holds runs; the result says `ended` when no process of it is left.
async fn watched(client: &Query, name: &str) -> Result<JoinHandle<Result<String, DaggerError>>> {
    let watch = step(client, name, WATCH);
    let watch = tokio::spawn(async move { watch.stdout().await });
    while step(client, name, LOOK).stdout().await? != "runs\n" {
        ensure!(!watch.is_finished(), "the step has ended by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(watch)
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
    let held = step(client, &name, HOLD);
    let request = tokio::spawn(async move { held.stdout().await });
    let watch = watched(client, &name).await?;
    request.abort();
    ensure!(request.await.is_err_and(|error| error.is_cancelled()), "the request had ended");
    equal(watch.await??, "ended\n")
}

pub async fn gone(client: &Query) -> Result<()> {
    let name = mark("gone");
    let mut other = tokio::process::Command::new(std::env::current_exe()?)
        .args(["hang", &name])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let watch = watched(client, &name).await?;
    ensure!(other.try_wait()?.is_none(), "the client has ended");
    other.kill().await?;
    equal(watch.await??, "ended\n")
}

pub async fn concurrency(client: &Query) -> Result<()> {
    let word = mark("concurrency");
    let meeting = busybox(client).with_mounted_cache("/met", client.cache_volume(&word));
    let many = MANY.to_string();
    let requests = (0..MANY).map(|number| {
        let number = number.to_string();
        let step = meeting.with_exec(vec!["sh", "-c", MEET, &number, &word, &many]);
        async move { step.stdout().await }
    });
    let found = futures::future::try_join_all(requests).await?;
    equal(found, (0..MANY).map(|number| format!("{number} {word}\n")).collect::<Vec<_>>())
}
