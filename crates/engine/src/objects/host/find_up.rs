//! `Host.findUp`: the path of the nearest entry of a name, from the client's working directory upwards; null if there is none.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Host;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::find_up::check_name;
use crate::operation::Run;

/// The path of the nearest entry of a name, from the client's working directory upwards; null if there is none.
#[derive(Operation)]
#[operation(on = "Host", returns = "String", cache = "session")]
#[example(r#"host.findUp(name: "pyproject.toml")"# => r#""pyproject.toml""#)]
#[example(r#"host.findUp(name: "no-such-file")"# => r#"null"#)]
pub struct FindUp {
    /// Which name.
    name: String,
    /// Look again at every call.
    #[arg(default = "false")]
    #[expect(dead_code, reason = "`Engine::step` reads it: such a call is never the same as another")]
    no_cache: bool,
}

impl Run for FindUp {
    type On = Host;
    type Output = Option<String>;

    async fn run(self, _: Arc<Host>, cx: &Cx) -> Result<Option<String>, OpError> {
        check_name(&self.name)?;
        cx.session.find_up(&self.name).await
    }
}
