//! `Host.file`: A file of the client's machine, as it is when first asked for in this session.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Host;
use crate::args::ArgValue;
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
use crate::vertex::edit::Source;

/// A file of the client's machine, as it is when first asked for in this session.
#[derive(Operation)]
#[operation(on = "Host", returns = "File!", cache = "session", eager = "")]
#[example(r#"host.file(path: "src/hello.py").name"# => r#""hello.py""#)]
#[example(r#"file(name: "a", contents: "1").export(path: "dist/a"); host.file(path: "dist/a").contents; file(name: "a", contents: "2").export(path: "dist/a"); host.file(path: "dist/a", noCache: true).contents"# => r#""2""#)]
pub struct File {
    /// Where, relative to the client's working directory. `~` is the home directory.
    path: String,
    /// Look again at every call.
    #[arg(default = "false")]
    #[expect(dead_code, reason = "`Engine::step` reads it: such a call is never the same as another")]
    no_cache: bool,
}

impl Run for File {
    type On = Host;
    type Output = objects::file::File;

    async fn run(self, _: Arc<Host>, cx: &Cx) -> Result<objects::file::File, OpError> {
        // A slash at the end says nothing: `a.txt/` is `a.txt`.
        let path = match self.path.trim_end_matches('/') {
            "" => &self.path,
            path => path,
        };
        let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
        let wanted = HostPath {
            path: if directory.is_empty() { "/".to_owned() } else { directory.to_owned() },
            include: Vec::new(),
            exclude: Vec::new(),
            gitignore: false,
            only: Some(name.to_owned()),
        };
        let tree = cx.session.sync_directory(cx, wanted).await?;
        let source = Source { tree: TreeHandle::Known(tree), path: name.into() };
        objects::file::File::at(source)
    }

    fn pinned(engine: &Engine, _: &Arc<Call>, value: &ObjectValue) -> Option<Arc<Call>> {
        let file = value.downcast::<objects::file::File>().ok()?;
        let TreeHandle::Known(tree) = file.source.tree else { return None };
        let path = ArgValue::String(Arc::clone(&file.source.path));
        engine.pure_step(&Tree::call(engine, tree)?, "Directory", "file", vec![("path", path)])
    }
}
