//! `kukri core`: a chain of the API's functions.

use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value as Json, json};

use crate::args::{CoreArgs, SessionFlags};
use crate::connection::Connection;
use crate::core::chain::{Chain, Given, Step};
use crate::core::value::{Value, quoted};
use crate::core::{document, names, show};
use crate::fail::{Failure, Outcome, ended, err, out};
use crate::settings;

/// Runs the chain and prints what it gives, or writes it to a file.
pub async fn core(args: CoreArgs) -> Outcome {
    let Some(mut chain) = args.chain.filter(|chain| !chain.steps.is_empty()) else {
        let hint = "`kukri core --help` lists the functions with which a chain can begin";
        return Err(Failure::usage("no function was given").hint(hint));
    };
    if let Some(refusal) = chain.refusal() {
        return Err(Failure::new(refusal));
    }
    // Without arguments: these may be secrets.
    let functions = chain.steps.iter().map(|step| step.name.clone());
    let words: Vec<String> = std::iter::once("kukri core".to_owned()).chain(functions).collect();
    let changes = gives(&chain, "Changeset");
    let output =
        args.output.as_deref().map(|path| Output::new(&mut chain, path, &args.session)).transpose()?;
    let mut connection = Connection::open(&args.session, &words).await?;
    let outcome = match &output {
        Some(output) => {
            let ignored = args.session.auto_apply && changes;
            let saved = export(&mut connection, chain, output, args.json).await;
            let hint = "-o goes before -y: nothing was applied to the working directory\n";
            saved.map(|(text, note)| (text, note + if ignored { hint } else { "" }))
        }
        None if changes && (!args.json || args.session.auto_apply) => {
            apply(&mut connection, chain, args.session.auto_apply, args.json).await
        }
        None => value(&mut connection, chain, args.json).await.map(|text| (text, String::new())),
    };
    let shown = connection.shows_failures();
    let closed = connection.close().await;
    let outcome = outcome.map_err(|failure| if shown { failure.brief() } else { failure });
    let printed = outcome.and_then(|(text, note)| {
        let line = text.is_empty() || text.ends_with('\n') || !std::io::stdout().is_terminal();
        out(&format!("{text}{}", if line { "" } else { "\n" }))?;
        err(&note);
        Ok(())
    });
    ended(printed, closed).map(|()| ExitCode::SUCCESS)
}

/// Whether the chain gives one object of a type.
fn gives(chain: &Chain, name: &str) -> bool {
    let given = chain.result();
    given.is_some_and(|given| {
        !matches!(given.ty.nullable(), kukri_api::schema::Type::List(_))
            && given.object.is_some_and(|object| chain.schema.get(object).name == name)
    })
}

/// What the chain gives, as text.
async fn value(connection: &mut Connection, mut chain: Chain, as_json: bool) -> Result<String, Failure> {
    let (leaf, objects) = leaf(&chain);
    let result = run(connection, &mut chain, leaf).await?;
    Ok(if as_json { show::as_json(&result, objects) } else { show::text(&result, objects) })
}

/// What is asked of the result; whether it is an object. Where there is work to do, it is done.
fn leaf(chain: &Chain) -> (&'static str, bool) {
    let Some(given) = chain.result() else { return ("", false) };
    let Some(object) = given.object else { return ("", false) };
    if object != given.ty.base() {
        // It is an ID already.
        return ("", true);
    }
    (document::leaf_of(&chain.schema, object), true)
}

/// Sends a chain, part by part.
async fn run(connection: &mut Connection, chain: &mut Chain, leaf: &'static str) -> Result<Json, Failure> {
    for step in &mut chain.steps {
        for given in &mut step.args {
            resolve(connection, &given.flag, &mut given.value).await?;
        }
    }
    let mut found = Json::Null;
    for part in document::parts(chain, leaf) {
        let (text, path) = document::document(chain, &part, found.as_str());
        found = ask(connection, &text, &path).await?;
    }
    Ok(found)
}

async fn ask(connection: &mut Connection, text: &str, path: &[String]) -> Result<Json, Failure> {
    let answer = connection.request(&json!({ "query": text })).await?;
    let data = answer.data().map_err(|failure| failure.map_place(names::of_chain))?;
    Ok(show::results(serde_json::from_str(data)?, path))
}

/// Replaces texts that stand for objects by the IDs of these.
async fn resolve(connection: &mut Connection, flag: &str, value: &mut Value) -> Result<(), Failure> {
    let items = match value {
        Value::List(items) => items.as_mut_slice(),
        value => std::slice::from_mut(value),
    };
    for item in items {
        let Value::Object(reference) = item else { continue };
        let (text, path) = document::lookup(reference);
        let id = ask(connection, &text, &path)
            .await
            .map_err(|error| error.within(&format!("{flag} {:?}", reference.text)))?;
        *item = Value::Literal(id.to_string());
    }
    Ok(())
}

/// Where what a chain gives is written.
struct Output {
    target: PathBuf,
    /// Whether the chain ends with an export to it.
    by_chain: bool,
}

impl Output {
    /// Lets a chain whose object has `export` end with it.
    fn new(chain: &mut Chain, path: &Path, flags: &SessionFlags) -> Result<Self, Failure> {
        let target = std::path::absolute(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let by_chain = with_export(chain, &target, flags)?;
        Ok(Self { target, by_chain })
    }
}

/// Writes what the chain gives to a path: an object with `export` by itself, anything else as the text that would be
/// printed.
async fn export(
    connection: &mut Connection,
    mut chain: Chain,
    output: &Output,
    as_json: bool,
) -> Result<(String, String), Failure> {
    let target = &output.target;
    let note = format!("saved to {}\n", target.display());
    if output.by_chain {
        run(connection, &mut chain, "").await?;
    } else {
        let text = value(connection, chain, as_json).await?;
        std::fs::write(target, text)
            .map_err(|error| Failure::new(format!("{}: {error}", target.display())))?;
    }
    Ok((String::new(), note))
}

/// Lets the chain end with an export of its object; false if there is none.
fn with_export(chain: &mut Chain, target: &Path, flags: &SessionFlags) -> Result<bool, Failure> {
    if !["Directory", "File", "Container", "Changeset"].iter().any(|name| gives(chain, name)) {
        return Ok(false);
    }
    let Some(on) = chain.result().and_then(|given| given.object) else { return Ok(false) };
    let Some(export) = chain.schema.composite(on).and_then(|composite| composite.fields.get("export")) else {
        return Ok(false);
    };
    let argument = |name: &'static str, value: String| Given {
        name,
        flag: "--output".to_owned(),
        value: Value::Literal(value),
    };
    let path = as_text(target, flags)?.ok_or_else(|| {
        Failure::usage(format!("--output {}: the path is not UTF-8", target.display()))
            .hint("write it to a path that is, and move it from there")
    })?;
    let mut args = vec![argument("path", quoted(&path))];
    if export.args.iter().any(|arg| arg.name == "allowParentDirPath") {
        args.push(argument("allowParentDirPath", "true".to_owned()));
    }
    chain.steps.push(Step { on, name: "export".to_owned(), args });
    Ok(true)
}

/// An absolute path as the API takes it, which knows texts alone: where it is none, what of it comes behind the directory of the
/// session.
fn as_text(target: &Path, flags: &SessionFlags) -> Result<Option<String>, Failure> {
    if let Some(text) = target.to_str() {
        return Ok(Some(text.to_owned()));
    }
    if settings::variable("DAGGER_SESSION_PORT").is_some() {
        return Ok(None);
    }
    let workdir = settings::workdir(flags.workdir.as_deref())?;
    let below = target.as_os_str().as_bytes().strip_prefix(workdir.as_os_str().as_bytes());
    let below = below.filter(|below| below.is_empty() || below.starts_with(b"/"));
    Ok(below.and_then(|below| str::from_utf8(below).ok()).map(|below| format!(".{below}")))
}

/// Shows what a changeset would do to the working directory, or the changeset as JSON; does it if the user wants it.
async fn apply(
    connection: &mut Connection,
    mut chain: Chain,
    wanted: bool,
    as_json: bool,
) -> Result<(String, String), Failure> {
    let (wanted_of_it, _) = leaf(&chain);
    let found = run(connection, &mut chain, wanted_of_it).await?;
    let id = quoted(found.as_str().unwrap_or_default());
    let text =
        format!("{{ node(id: {id}) {{ ... on Changeset {{ addedPaths modifiedPaths removedPaths }} }} }}");
    let changes = ask(connection, &text, &["node".to_owned()]).await?;
    let mut preview = String::new();
    for (mark, key) in [("+", "addedPaths"), ("~", "modifiedPaths"), ("-", "removedPaths")] {
        for path in changes[key].as_array().into_iter().flatten().filter_map(Json::as_str) {
            preview.push_str(&format!("{mark} {path}\n"));
        }
    }
    let shown = |preview| if as_json { show::as_json(&found, true) } else { preview };
    if preview.is_empty() {
        return Ok((shown(preview), "nothing changes\n".to_owned()));
    }
    if !wanted && !confirmed(&preview)? {
        let note =
            "nothing was applied; -y applies the changes to the working directory, -o DIR to another one\n";
        let preview = if std::io::stdin().is_terminal() { String::new() } else { preview };
        return Ok((preview, note.to_owned()));
    }
    let text = format!("{{ node(id: {id}) {{ ... on Changeset {{ export(path: \".\") }} }} }}");
    ask(connection, &text, &[]).await?;
    Ok((if wanted { shown(preview) } else { String::new() }, "the changes are applied\n".to_owned()))
}

/// Asks on the terminal; nobody is there where there is none.
fn confirmed(preview: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    err(&format!("{preview}apply these changes? [y/N] "));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
