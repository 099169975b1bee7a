//! `Host.directory`: A directory of the client's machine, as it is when first asked for in this session.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Host;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::OpError;
use crate::objects;
use crate::objects::query::tree::Tree;
use crate::operation::Run;
use crate::session::HostPath;
use crate::value::ObjectValue;
use crate::vertex::TreeHandle;

/// A directory of the client's machine, as it is when first asked for in this session.
///
/// Only what the engine does not have yet is sent. Owners become root; modes, times and links are kept.
#[derive(Operation)]
#[operation(on = "Host", returns = "Directory!", cache = "session", eager = "")]
#[example(r#"host.directory(path: "src").entries"# => r#"["hello.py"]"#)]
#[example(r#"host.directory(path: ".", include: ["**/*.py"], exclude: ["tests"]).glob(pattern: "**")"# => r#"["src/", "src/hello.py"]"#)]
#[example(r#"host.directory(path: ".", include: ["build.log", "README.md", ".gitignore"], gitignore: true).entries"# => r#"[".gitignore", "README.md"]"#)]
#[example(r#"directory.withNewFile(path: "a", contents: "").export(path: "dist/live"); host.directory(path: "dist/live").entries; directory.withNewFile(path: "b", contents: "").export(path: "dist/live"); host.directory(path: "dist/live", noCache: true).entries"# => r#"["a", "b"]"#)]
pub struct Directory {
    /// Where, relative to the client's working directory. `~` is the home directory.
    path: String,
    /// Patterns of what is left out, as in `.dockerignore`.
    #[arg(default = "[]")]
    exclude: Vec<String>,
    /// Patterns of what is taken; all if empty.
    #[arg(default = "[]")]
    include: Vec<String>,
    /// Look again at every call.
    #[arg(default = "false")]
    #[expect(dead_code, reason = "`Engine::step` reads it: such a call is never the same as another")]
    no_cache: bool,
    /// Leave out what `.gitignore` files say, those above it in the repository included.
    #[arg(default = "false")]
    gitignore: bool,
}

impl Run for Directory {
    type On = Host;
    type Output = objects::directory::Directory;

    async fn run(self, _: Arc<Host>, cx: &Cx) -> Result<objects::directory::Directory, OpError> {
        let wanted = HostPath {
            path: self.path,
            include: self.include,
            exclude: self.exclude,
            gitignore: self.gitignore,
            only: None,
        };
        let tree = cx.session.sync_directory(cx, wanted).await?;
        Ok(objects::directory::Directory::of(tree))
    }

    fn pinned(engine: &Engine, _: &Arc<Call>, value: &ObjectValue) -> Option<Arc<Call>> {
        match value.downcast::<objects::directory::Directory>().ok()?.source.tree {
            TreeHandle::Known(tree) => Tree::call(engine, tree),
            _ => None,
        }
    }
}
