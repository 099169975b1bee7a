//! `Query.git`: a git repository.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::secret::Secret;
use crate::objects::service::Service;
use crate::objects::socket::Socket;

/// A git repository.
#[derive(Operation)]
#[operation(
    on = "Query",
    returns = "GitRepository!",
    name = "git",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
#[example(r#"git(url: "https://example.org/project.git").branch(name: "main").tree.entries"# => r#"raises "give the engine a checkout with host.directory""#)]
pub struct GetGit {
    /// Where it is: `https://…`, `ssh://…`, `git@host:path` or `host/path`.
    url: String,
    /// Keep `.git` in trees.
    #[arg(default = "true", deprecated = "Use `discardGitDir` of `GitRef.tree`.")]
    keep_git_dir: bool,
    /// Contents of a file of known hosts.
    #[arg(default = "\"\"")]
    ssh_known_hosts: String,
    /// Socket of the agent that has the keys.
    ssh_auth_socket: Option<Ref<Socket>>,
    /// User of the token. Default: that of the host, mostly `x-access-token`.
    #[arg(default = "\"\"")]
    http_auth_username: String,
    /// Token for HTTP.
    http_auth_token: Option<Ref<Secret>>,
    /// Value of the header `Authorization`.
    http_auth_header: Option<Ref<Secret>>,
    /// Service that is the host of the URL.
    experimental_service_host: Option<Ref<Service>>,
}
