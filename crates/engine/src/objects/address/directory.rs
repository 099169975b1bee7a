//! `Address.directory`: the directory at this place of the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::args::ArgValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::{Described, Run};
use crate::value::Value;

/// The directory at this place of the client's machine.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "Directory!",
    cache = "session",
    eager = "",
    partly = "addresses of git repositories: git sources are not supported yet; give the path of a checkout, or run git in a container"
)]
#[example(r#"address(value: "./src").directory.entries"# => r#"["hello.py"]"#)]
#[example(r#"address(value: ".").directory(include: ["**/*.py"], exclude: ["tests"]).glob(pattern: "**")"# => r#"["src/", "src/hello.py"]"#)]
pub struct Directory {
    /// Patterns of what is left out, as in `.dockerignore`.
    #[arg(default = "[]")]
    exclude: Vec<String>,
    /// Patterns of what is taken; all if empty.
    #[arg(default = "[]")]
    include: Vec<String>,
    /// Leave out what `.gitignore` files say.
    #[arg(default = "false")]
    gitignore: bool,
    /// Look again at every call.
    #[arg(default = "false")]
    no_cache: bool,
}

impl Run for Directory {
    type On = Address;
    type Output = Value;

    async fn run(self, on: Arc<Address>, cx: &Cx) -> Result<Value, OpError> {
        let path = on.local_path(&Self::DEF)?;
        let mut args = vec![("path", ArgValue::String(path))];
        let patterns = |patterns: Vec<String>| {
            ArgValue::List(patterns.into_iter().map(|pattern| ArgValue::String(pattern.into())).collect())
        };
        if !self.exclude.is_empty() {
            args.push(("exclude", patterns(self.exclude)));
        }
        if !self.include.is_empty() {
            args.push(("include", patterns(self.include)));
        }
        if self.no_cache {
            args.push(("noCache", ArgValue::Bool(true)));
        }
        if self.gitignore {
            args.push(("gitignore", ArgValue::Bool(true)));
        }
        on.follow(cx, "host", ("Host", "directory", args)).await
    }
}
