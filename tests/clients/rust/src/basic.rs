//! What a program builds: chains, objects, lists, enums, variables, IDs.

use std::collections::BTreeMap;

use dagger_sdk::{
    CacheSharingMode, Container, ContainerWithEnvVariableOptsBuilder, ContainerWithExecOptsBuilder,
    ContainerWithExposedPortOptsBuilder, ContainerWithMountedCacheOptsBuilder, Directory,
    DirectoryExistsOptsBuilder, ExistsType, FileType, Id, NetworkProtocol, Query, ReturnType,
};
use eyre::Result;

use crate::harness::{absent, busybox, equal, exec_fails, fails, mark};

pub async fn chains(client: &Query) -> Result<()> {
    let base = busybox(client).with_env_variable("MARK", mark("chains")).with_workdir("/work");
    let made = base.with_new_file("in.txt", "one\n").with_exec(vec!["sh", "-c", "cat in.txt; echo two"]);
    equal(made.stdout().await?, "one\ntwo\n")?;
    equal(made.workdir().await?, "/work")?;
    // Branches know nothing of each other.
    equal(base.with_exec(vec!["ls"]).stdout().await?, "")?;
    let mut long = client.directory();
    let names: Vec<String> = (0..100).map(|number| format!("{number:03}.txt")).collect();
    for (number, name) in names.iter().enumerate() {
        long = long.with_new_file(name, number.to_string());
    }
    equal(long.entries().await?, names)?;
    equal(long.file("099.txt").contents().await?, "99")
}

pub async fn objects(client: &Query) -> Result<()> {
    let inner = client.directory().with_new_file("deep/a.txt", "a");
    let first = busybox(client).with_directory("/in", inner).with_exec(vec![
        "sh",
        "-c",
        "cat /in/deep/a.txt; echo b > /b.txt",
    ]);
    let second = client
        .directory()
        .with_file("b.txt", first.file("/b.txt"))
        .with_directory("in", first.directory("/in"));
    let third = busybox(client).with_mounted_directory("/mnt", second.clone()).with_exec(vec![
        "sh",
        "-c",
        "cd /mnt; find . -type f | sort",
    ]);
    equal(third.stdout().await?, "./b.txt\n./in/deep/a.txt\n")?;
    let files = vec![second.file("b.txt").id().await?, second.file("in/deep/a.txt").id().await?];
    let many = client.directory().with_files("many", files).glob("many/*").await?;
    equal(many, ["many/a.txt", "many/b.txt"])
}

pub async fn lists(client: &Query) -> Result<()> {
    let udp = ContainerWithExposedPortOptsBuilder::default()
        .protocol(NetworkProtocol::Udp)
        .description("names")
        .build()?;
    let container = client
        .container()
        .with_env_variable("FIRST", "1")
        .with_env_variable("SECOND", "2")
        .with_exposed_port(80)
        .with_exposed_port_opts(53, udp)
        .with_label("org.example", "yes");
    let mut variables = Vec::new();
    for one in container.env_variables().await? {
        variables.push(format!("{}={}", one.name().await?, one.value().await?));
    }
    equal(variables, ["FIRST=1", "SECOND=2"])?;
    let mut ports = BTreeMap::new();
    for one in container.exposed_ports().await? {
        ports.insert(one.port().await?, one);
    }
    equal(ports.keys().copied().collect::<Vec<_>>(), [53, 80])?;
    equal(ports[&53].description().await?, "names")?;
    absent(ports[&80].description().await)?;
    let labels = container.labels().await?;
    equal(labels.len(), 1)?;
    equal((labels[0].name().await?, labels[0].value().await?), ("org.example".into(), "yes".into()))?;
    let made = client.directory().with_new_file("b", "").with_new_file("a/c", "");
    equal(made.entries().await?, ["a/", "b"])?;
    equal(client.directory().entries().await?.len(), 0)
}

pub async fn sync(client: &Query) -> Result<()> {
    let step = busybox(client)
        .with_mounted_cache("/count", client.cache_volume(mark("sync")))
        .with_exec(vec!["sh", "-c", "echo run >> /count/runs; echo x > /x"]);
    let synced = step.sync().await?;
    synced.sync().await?;
    equal(synced.file("/x").contents().await?, "x\n")?;
    equal(synced.with_exec(vec!["cat", "/count/runs"]).stdout().await?, "run\n")?;
    equal(client.directory().with_new_file("f", "1").sync().await?.entries().await?, ["f"])?;
    let failed = exec_fails(busybox(client).with_exec(vec!["false"]).sync().await, "exit code: 1")?;
    equal(failed.exit_code, 1)
}

pub async fn enums(client: &Query) -> Result<()> {
    let expecting = |script: &'static str, kind: ReturnType| -> Result<Container> {
        let options = ContainerWithExecOptsBuilder::default().expect(kind).build()?;
        Ok(busybox(client).with_exec_opts(vec!["sh", "-c", script], options))
    };
    equal(expecting("exit 7", ReturnType::Any)?.exit_code().await?, 7)?;
    equal(expecting("exit 5", ReturnType::Failure)?.exit_code().await?, 5)?;
    exec_fails(expecting("true", ReturnType::Failure)?.sync().await, "exit code: 0")?;
    let udp = ContainerWithExposedPortOptsBuilder::default().protocol(NetworkProtocol::Udp).build()?;
    let ports = client.container().with_exposed_port_opts(53, udp).exposed_ports().await?;
    equal(ports.len(), 1)?;
    equal(ports[0].protocol().await?, NetworkProtocol::Udp)?;
    let tree = client.directory().with_new_file("dir/file", "");
    for (kind, is) in [(ExistsType::DirectoryType, true), (ExistsType::RegularType, false)] {
        let options = DirectoryExistsOptsBuilder::default().expected_type(kind).build()?;
        equal(tree.exists_opts("dir", options).await?, is)?;
    }
    equal(tree.stat("dir").file_type().await?, FileType::Directory)?;
    let volume = client.cache_volume(mark("enums"));
    let shared = busybox(client).with_mounted_cache("/c", volume.clone());
    shared.with_exec(vec!["touch", "/c/shared"]).sync().await?;
    // Shared by others, it is another volume.
    let locked = ContainerWithMountedCacheOptsBuilder::default().sharing(CacheSharingMode::Locked).build()?;
    let step = busybox(client).with_mounted_cache_opts("/c", volume, locked);
    equal(step.with_exec(vec!["ls", "/c"]).stdout().await?, "")
}

pub async fn environment(client: &Query) -> Result<()> {
    let expand = ContainerWithEnvVariableOptsBuilder::default().expand(true).build()?;
    let container = busybox(client)
        .with_env_variable("NAME", "world")
        .with_env_variable_opts("GREETING", "hello ${NAME}$MISSING", expand)
        .with_env_variable("LITERAL", "${NAME}")
        .with_env_variable("REMOVED", "x")
        .without_env_variable("REMOVED");
    let script = r#"echo "$GREETING/$LITERAL/${REMOVED-unset}""#;
    let shown = container.with_exec(vec!["sh", "-c", script]).stdout().await?;
    equal(shown, "hello world/${NAME}/unset\n")?;
    equal(container.env_variable("GREETING").await?, "hello world")?;
    absent(container.env_variable("REMOVED").await)?;
    let options = ContainerWithExecOptsBuilder::default().expand(true).build()?;
    let expanded = container.with_exec_opts(vec!["echo", "$NAME"], options);
    equal(expanded.stdout().await?, "world\n")?;
    equal(container.with_exec(vec!["echo", "$NAME"]).stdout().await?, "$NAME\n")?;
    let options = ContainerWithExecOptsBuilder::default().use_entrypoint(true).build()?;
    let entry = container.with_entrypoint(vec!["echo", "entry"]);
    equal(entry.with_exec_opts(vec!["point"], options).stdout().await?, "entry point\n")
}

/// This client has no `load…FromID`; it loads by `node`.
pub async fn ids(client: &Query) -> Result<()> {
    let container = busybox(client).with_exec(vec!["sh", "-c", "echo loaded > /x"]);
    let loaded: Container = client.load(container.id().await?).await?;
    equal(loaded.file("/x").contents().await?, "loaded\n")?;
    let directory = client.directory().with_new_file("f", "").id().await?;
    let again: Directory = client.r#ref(directory.clone());
    equal(again.entries().await?, ["f"])?;
    eyre::ensure!(client.load::<Container>(directory).await.is_err(), "a directory is no container");
    let nothing: Container = client.r#ref(Id::from("no-id-at-all"));
    fails(nothing.stdout().await, "")?;
    Ok(())
}
