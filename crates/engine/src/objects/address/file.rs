//! `Address.file`: the file at this place of the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::args::ArgValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::value::Value;

/// The file at this place of the client's machine.
#[derive(Operation)]
#[operation(on = "Address", returns = "File!", cache = "session", eager = "")]
#[example(r#"address(value: "./src/hello.py").file.name"# => r#""hello.py""#)]
pub struct File {
    /// Has no meaning for a file of the client's machine.
    #[arg(default = "[]")]
    #[expect(dead_code, reason = "it says what is taken of a repository, and is part of the API")]
    exclude: Vec<String>,
    /// Has no meaning for a file of the client's machine.
    #[arg(default = "[]")]
    #[expect(dead_code, reason = "it says what is taken of a repository, and is part of the API")]
    include: Vec<String>,
    /// Has no meaning for a file of the client's machine.
    #[arg(default = "false")]
    #[expect(dead_code, reason = "it says what is taken of a repository, and is part of the API")]
    gitignore: bool,
    /// Look again at every call.
    #[arg(default = "false")]
    no_cache: bool,
}

impl Run for File {
    type On = Address;
    type Output = Value;

    async fn run(self, on: Arc<Address>, cx: &Cx) -> Result<Value, OpError> {
        let mut args = vec![("path", ArgValue::String(on.local_path()?))];
        if self.no_cache {
            args.push(("noCache", ArgValue::Bool(true)));
        }
        on.follow(cx, "host", ("Host", "file", args)).await
    }
}
