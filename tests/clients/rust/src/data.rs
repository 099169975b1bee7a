//! What goes in and out: texts, bytes, files, images, secrets, cache volumes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dagger_sdk::{
    Container, ContainerWithExecOptsBuilder, HostDirectoryOpts, HostDirectoryOptsBuilder, Query,
};
use eyre::{Result, ensure};

use crate::harness::{busybox, equal, exec_fails, fails, mark, now, sha256, variable};

const MEBI: usize = 1 << 20;

fn shell(container: &Container, script: impl Into<String>) -> Container {
    container.with_exec(vec!["sh".to_owned(), "-c".to_owned(), script.into()])
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

fn absolute(path: &str) -> Result<String> {
    Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
}

pub async fn large(client: &Query) -> Result<()> {
    let line = "0123456789abcdef".repeat(4) + "\n";
    let lines = 6 * MEBI / line.len();
    let script = format!("yes {} | head -n {lines}; echo {} >&2", line.trim(), mark("large"));
    equal(shell(&busybox(client), script).stdout().await?, line.repeat(lines))?;
    let text = line.repeat(3 * MEBI / line.len());
    let file = client.directory().with_new_file("large.txt", &text).file("large.txt");
    equal(file.size().await?, text.len() as isize)?;
    equal(file.contents().await?, text.as_str())?;
    let step = busybox(client).with_mounted_file("/large.txt", file);
    let summed = step.with_exec(vec!["sha256sum", "/large.txt"]).stdout().await?;
    equal(first_word(&summed), sha256(text.as_bytes()))
}

pub async fn unicode(client: &Query) -> Result<()> {
    let text = "Grüße, 世界 🚀 e\u{301} \"quoted\" \\back\\ $HOME `x` \u{2028} \u{7f}";
    let path = "ünï/世界 🚀.txt";
    let contents = format!("{text}\r\n\ttab \u{1}\u{1b} end");
    let tree = client.directory().with_new_file(path, &contents);
    equal(tree.entries().await?, ["ünï/"])?;
    equal(tree.glob("**/*.txt").await?, [path])?;
    equal(tree.file(path).contents().await?, contents.as_str())?;
    let container = busybox(client).with_env_variable("TEXT", text).with_label("text", text);
    equal(container.env_variable("TEXT").await?, text)?;
    equal(container.label("text").await?, text)?;
    let command = vec!["sh", "-c", r#"printf "%s|%s" "$TEXT" "$1""#, "sh", text];
    equal(container.with_exec(command).stdout().await?, format!("{text}|{text}"))?;
    let mounted = container.with_mounted_directory("/mnt", tree.clone());
    let shown = mounted.with_exec(vec!["cat".to_owned(), format!("/mnt/{path}")]);
    equal(shown.stdout().await?, contents)?;
    fails(tree.file("世界").contents().await, "世界")?;
    Ok(())
}

pub async fn binary(client: &Query) -> Result<()> {
    let content = fs::read("bytes.bin")?;
    let twice = sha256(&[content.as_slice(), content.as_slice()].concat());
    let file = client.host().file("bytes.bin");
    equal(file.size().await?, content.len() as isize)?;
    let copied = shell(&busybox(client).with_file("/in", file), "cat /in /in > /out; sha256sum /out");
    equal(first_word(&copied.stdout().await?), twice.as_str())?;
    copied.file("/out").export("binary.out").await?;
    equal(sha256(&fs::read("binary.out")?), twice)
}

pub async fn export(client: &Query) -> Result<()> {
    let script = "mkdir -p /o/sub; echo a > /o/a; echo x > /o/sub/x; chmod 750 /o/sub/x; ln -s sub/x /o/link";
    let made = shell(&busybox(client), script);
    equal(made.directory("/o").export("exported").await?, absolute("exported")?)?;
    let mut names: Vec<_> =
        fs::read_dir("exported")?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    names.sort();
    equal(names, ["a", "link", "sub"])?;
    equal(fs::read_link("exported/link")?, Path::new("sub/x"))?;
    equal(fs::metadata("exported/sub/x")?.permissions().mode() & 0o777, 0o750)?;
    equal(made.file("/o/a").export("file.txt").await?, absolute("file.txt")?)?;
    equal(fs::read_to_string("file.txt")?, "a\n")?;
    let listed = client.host().directory("exported").glob("**").await?;
    equal(listed, ["a", "link", "sub/", "sub/x"])?;

    let image = made.with_entrypoint(vec!["cat"]).with_env_variable("KEPT", "yes");
    equal(image.export("image.tar").await?, absolute("image.tar")?)?;
    let members = members("image.tar")?;
    for name in ["index.json", "oci-layout"] {
        ensure!(members.iter().any(|member| member == name), "the archive has no {name}");
    }
    for archive in [client.host().file("image.tar"), image.as_tarball()] {
        let again = client.container().import(archive);
        equal(again.entrypoint().await?, ["cat"])?;
        equal(again.env_variable("KEPT").await?, "yes")?;
        let options = ContainerWithExecOptsBuilder::default().use_entrypoint(true).build()?;
        equal(again.with_exec_opts(vec!["/o/sub/x"], options).stdout().await?, "x\n")?;
    }
    Ok(())
}

/// The names in an archive.
fn members(path: &str) -> Result<Vec<String>> {
    let mut archive = tar::Archive::new(fs::File::open(path)?);
    archive.entries()?.map(|entry| Ok(entry?.path()?.to_string_lossy().into_owned())).collect()
}

pub async fn secrets(client: &Query) -> Result<()> {
    let value = variable("CLIENTS_SECRET");
    fs::write("secret.txt", &value)?;
    let three = [
        client.set_secret(mark("set"), &value),
        client.secret("env://CLIENTS_SECRET"),
        client.secret("file://secret.txt"),
    ];
    for secret in three.clone() {
        let container = busybox(client)
            .with_env_variable("NOW", now())
            .with_secret_variable("TOKEN", secret.clone())
            .with_mounted_secret("/run/token", secret.clone());
        let script = r#"echo "${#TOKEN} $TOKEN"; cat /run/token; echo "err $TOKEN" >&2; test "$TOKEN" = "$(cat /run/token)""#;
        let done = shell(&container, script);
        equal(done.stdout().await?, format!("{} ***\n***", value.len()))?;
        equal(done.stderr().await?, "err ***\n")?;
        let failing = shell(&container, "echo $TOKEN; cat /run/token >&2; exit 1");
        let failed = exec_fails(failing.sync().await, "exit code: 1")?;
        equal((failed.stdout, failed.stderr), ("***".to_owned(), "***".to_owned()))?;
        ensure!(!failed.cmd.concat().contains(&value), "the secret is in the error");
        equal(secret.plaintext().await?, value.as_str())?;
        // Nothing is left where it was mounted.
        equal(done.rootfs().exists("run/token").await?, false)?;
    }
    equal(three[0].name().await?, mark("set"))?;
    let unset = client.secret("env://CLIENTS_NOT_SET");
    let step = busybox(client).with_secret_variable("T", unset).with_exec(vec!["true"]);
    fails(step.sync().await, "secret env var not found")?;
    Ok(())
}

pub async fn cache(client: &Query) -> Result<()> {
    let step = |key: &str, script: &str| {
        let container = busybox(client)
            .with_env_variable("NOW", now())
            .with_mounted_cache("/cache", client.cache_volume(mark(key)));
        shell(&container, script)
    };
    step("one", "echo first >> /cache/log").sync().await?;
    step("one", "echo second >> /cache/log").sync().await?;
    equal(step("one", "cat /cache/log").stdout().await?, "first\nsecond\n")?;
    equal(step("two", "ls /cache").stdout().await?, "")?;
    // What is in a volume belongs to no container.
    let file = step("one", "true").file("/cache/log");
    fails(file.contents().await, "cannot retrieve path from cache")?;
    Ok(())
}

pub async fn host(client: &Query) -> Result<()> {
    let tree = async |options: HostDirectoryOpts<'_>| -> Result<Vec<String>> {
        Ok(client.host().directory_opts("tree", options).glob("**").await?)
    };
    let all = ["a.txt", "b.log", "sub/", "sub/c.txt", "sub/d.log", "sub/deep/", "sub/deep/e.txt"];
    equal(tree(HostDirectoryOptsBuilder::default().build()?).await?, all)?;
    let texts = ["a.txt", "sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"];
    let options = HostDirectoryOptsBuilder::default().include(vec!["**/*.txt"]).build()?;
    equal(tree(options).await?, texts)?;
    let options = HostDirectoryOptsBuilder::default().exclude(vec!["**/*.log", "sub/deep"]).build()?;
    equal(tree(options).await?, ["a.txt", "sub/", "sub/c.txt"])?;
    let options =
        HostDirectoryOptsBuilder::default().include(vec!["sub"]).exclude(vec!["**/*.log"]).build()?;
    equal(tree(options).await?, ["sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"])?;
    equal(client.host().file("tree/sub/c.txt").contents().await?, "c\n")?;
    let entries = client.host().directory(absolute("tree")?).entries().await?;
    equal(entries, ["a.txt", "b.log", "sub/"])?;
    fails(client.host().directory("no-such-directory").entries().await, "no-such-directory")?;
    Ok(())
}

pub async fn registry(client: &Query) -> Result<()> {
    let digest = variable("CLIENTS_DIGEST");
    let name = client.container().from("alpine:3.20").image_ref().await?;
    equal(name, format!("docker.io/library/alpine:3.20@{digest}"))?;
    let pinned = client.container().from(format!("alpine@{digest}"));
    equal(pinned.with_exec(vec!["echo", "pinned"]).stdout().await?, "pinned\n")?;
    equal(pinned.default_args().await?, ["sh"])?;
    equal(client.container().from("alpine").default_args().await?, ["latest"])?;
    fails(client.container().from("not-there:1").sync().await, "library/not-there")?;
    Ok(())
}
