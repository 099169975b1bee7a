//! `Address.file`: the file at this place of the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::args::ArgValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::{Described, Run};
use crate::value::Value;

/// The file at this place of the client's machine.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "File!",
    cache = "session",
    eager = "",
    partly = "addresses of git repositories: git sources are not supported yet; give the path of a checkout, or run git in a container"
)]
#[example(r#"address(value: "./src/hello.py").file.name"# => r#""hello.py""#)]
pub struct File {
    /// Patterns of what is left out.
    #[arg(default = "[]", no_effect = "a file of the client's machine is taken as it is")]
    exclude: Vec<String>,
    /// Patterns of what is taken.
    #[arg(default = "[]", no_effect = "a file of the client's machine is taken as it is")]
    include: Vec<String>,
    /// Leave out what `.gitignore` files say.
    #[arg(default = "false", no_effect = "a file of the client's machine is taken as it is")]
    gitignore: bool,
    /// Look again at every call.
    #[arg(default = "false")]
    no_cache: bool,
}

impl Run for File {
    type On = Address;
    type Output = Value;

    async fn run(self, on: Arc<Address>, cx: &Cx) -> Result<Value, OpError> {
        let mut args = vec![("path", ArgValue::String(on.local_path(&Self::DEF)?))];
        if self.no_cache {
            args.push(("noCache", ArgValue::Bool(true)));
        }
        on.follow(cx, "host", ("Host", "file", args)).await
    }
}
