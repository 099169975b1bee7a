//! What can be written on the command line.

mod examples;
pub mod foreign;
mod read;

pub use read::{command, parse, with_functions};

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

/// Run CI pipelines that are written as code, in containers, on this machine.
///
/// The engine starts by itself when a pipeline needs it, and ends when nobody has used it for a while.
#[derive(Parser, Debug)]
#[command(name = "kukri", version = crate::commands::version::TEXT, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Start with `kukri run python ci.py`. Settings: `kukri help environment`.")]
#[command(disable_help_subcommand = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `kukri` can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a program with a session to the engine.
    #[command(visible_alias = "r")]
    Run(RunArgs),
    /// Send a GraphQL document to the engine and print the answer's data.
    #[command(visible_alias = "q")]
    Query(QueryArgs),
    /// Call functions of the API, one after the other.
    Core(CoreArgs),
    /// Open a session at an address, for programs that find it by port and token; serve until Ctrl-C or SIGTERM.
    #[command(visible_alias = "l")]
    Listen(ListenArgs),
    /// Open a session for an SDK: print its port and token, serve until standard input ends.
    #[command(hide = true)]
    Session(SessionArgs),
    /// Run the engine in the foreground, or ask the running one.
    Engine(EngineArgs),
    /// Look after what the engine keeps.
    Cache(CacheArgs),
    /// Look at runs: which steps, how long, why.
    Trace(TraceArgs),
    /// Say whether this machine can run pipelines, and what to change where it cannot.
    Doctor(DoctorArgs),
    /// Print the version.
    Version(VersionArgs),
    /// Print what makes a shell complete commands, flags, and the functions of `core`.
    Completion(CompletionArgs),
    /// Write manual pages.
    Man(ManArgs),
    /// Explain a command or a topic.
    Help(HelpArgs),
}

/// How progress is shown.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// A live picture on a terminal that can show it, else lines.
    #[default]
    Auto,
    /// A live picture.
    Tty,
    /// Lines.
    Plain,
    /// One JSON object for each event.
    Json,
    /// One character for each step; failures at the end.
    Dots,
    /// Only what commands write.
    Logs,
    /// All steps, when all is over.
    Report,
    /// Nothing.
    None,
}

/// Flags that all commands with a session share.
#[derive(clap::Args, Debug, Default)]
pub struct SessionFlags {
    #[arg(long = "workdir", env = "DAGGER_WORKDIR")]
    pub workdir: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t, env = "KUKRI_PROGRESS")]
    pub progress: ProgressMode,
    #[arg(long, env = "KUKRI_TRACE")]
    pub trace: Option<PathBuf>,
    #[arg(short, long, env = "DAGGER_SILENT", value_parser = crate::size::switch)]
    pub silent: bool,
    /// Facts about the client, as `key:value`; for SDKs.
    #[arg(long, value_name = "KEY:VALUE", hide = true)]
    pub label: Vec<String>,
    /// Version whose schema the client wants to see; for SDKs.
    #[arg(long = "version", value_name = "VERSION", hide = true, id = "schema_version")]
    pub schema_version: Option<String>,
    /// Say more. Accepted for compatibility.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    pub verbose: u8,
    /// Say less. Accepted for compatibility.
    #[arg(short, long, action = clap::ArgAction::Count, hide = true)]
    pub quiet: u8,
    /// Show internals. Accepted for compatibility.
    #[arg(short, long, hide = true)]
    pub debug: bool,
    /// Apply the changes that the chain gives to the working directory without asking; with -o they are applied to its path
    /// alone.
    #[arg(short = 'y', long, hide = true)]
    pub auto_apply: bool,
    /// What only scripts for the original have.
    #[command(flatten)]
    pub foreign: foreign::ForeignFlags,
}

impl Command {
    /// The same, to change them.
    pub const fn session_mut(&mut self) -> Option<&mut SessionFlags> {
        match self {
            Self::Run(args) => Some(&mut args.session),
            Self::Query(args) => Some(&mut args.session),
            Self::Core(args) => Some(&mut args.session),
            Self::Listen(args) => Some(&mut args.session),
            Self::Session(args) => Some(&mut args.session),
            _ => None,
        }
    }

    /// Flags of the session, where the command opens one.
    pub const fn session(&self) -> Option<&SessionFlags> {
        match self {
            Self::Run(args) => Some(&args.session),
            Self::Query(args) => Some(&args.session),
            Self::Core(args) => Some(&args.session),
            Self::Listen(args) => Some(&args.session),
            Self::Session(args) => Some(&args.session),
            _ => None,
        }
    }
}

/// `kukri completion`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = COMPLETION_HELP)]
pub struct CompletionArgs {
    /// The shell.
    #[arg(value_parser = ["bash", "zsh", "fish", "powershell", "elvish"])]
    pub shell: String,
}

const COMPLETION_HELP: &str = "\
In the file that the shell reads when it starts:
  bash:        source <(kukri completion bash)
  zsh:         source <(kukri completion zsh)
  fish:        kukri completion fish | source
  powershell:  kukri completion powershell | Out-String | Invoke-Expression
  elvish:      eval (kukri completion elvish | slurp)";

/// `kukri man`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = "As in: kukri man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Directory to write to; it is made if it is not there.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// `kukri doctor`.
#[derive(clap::Args, Debug)]
#[command(after_help = examples::DOCTOR)]
pub struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `kukri version`.
#[derive(clap::Args, Debug)]
pub struct VersionArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Of the original: look for a newer version.
    #[arg(long, hide = true)]
    pub check: bool,
}

/// `kukri help`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = examples::HELP)]
pub struct HelpArgs {
    /// A command, with its own commands; or the name of a variable; or `environment`: all of them; or `exit-codes` [default: `kukri` itself].
    #[arg(value_name = "COMMAND|TOPIC")]
    pub topic: Vec<String>,
}

/// `kukri run`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = examples::RUN)]
pub struct RunArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// How long the program may go on after SIGTERM, before it is killed.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub cleanup_timeout: String,
    /// Accepted for compatibility.
    #[arg(long, hide = true)]
    pub focus: bool,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    #[arg(value_hint = clap::ValueHint::CommandWithArguments)]
    pub command: Vec<std::ffi::OsString>,
}

/// `kukri query`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = examples::QUERY)]
pub struct QueryArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// File with the document; `-` is standard input [default: standard input, if no document is given].
    #[arg(long, value_name = "FILE")]
    pub doc: Option<PathBuf>,
    /// A variable of the document, as text; may be given several times [default: none].
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Variables of the document, as a JSON object [default: none].
    #[arg(long, value_name = "JSON")]
    pub var_json: Option<String>,
    /// The document itself; a single name is that of the operation to run [default: the only one].
    #[arg(value_name = "DOCUMENT|OPERATION")]
    pub query: Option<String>,
}

const CORE_HELP: &str = "\
Each function is called on what the one before it gives. `--help` behind a function explains it and lists those that can \
follow.

Objects are written as what stands for them (directories and files as paths, containers as references of images, secrets \
as env://NAME, file://PATH or cmd://COMMAND, cache volumes as their key), or as IDs. Lists are given with commas, by several \
flags, or as JSON; input objects as JSON or NAME=VALUE. Items with commas, or with a quote at the beginning, are in double \
quotes, as in CSV: these are no part of the item, and quotes within are doubled. JSON takes any text.

  kukri core container from --address=alpine with-exec --args=echo,hi stdout
  kukri core host directory --path=. --exclude=.git entries
  kukri core container from --address=alpine directory --path=/etc -o etc";

/// `kukri core`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_long_help = CORE_HELP)]
pub struct CoreArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// Write the result to this path: directories, files, containers (as archives) and changes; anything else as text
    /// [default: it is printed].
    #[arg(short, long, value_name = "PATH", global = true, value_hint = clap::ValueHint::AnyPath)]
    pub output: Option<PathBuf>,
    /// Print JSON.
    #[arg(short, long, global = true)]
    pub json: bool,
    /// The functions.
    #[arg(skip)]
    pub chain: Option<crate::core::chain::Chain>,
}

/// `kukri session`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct SessionArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// Accepted for compatibility.
    #[arg(long, hide = true)]
    pub project: Option<PathBuf>,
    /// Accepted for compatibility.
    #[arg(short = 'W', long, hide = true)]
    pub workspace: Option<String>,
    /// Accepted for compatibility.
    #[arg(long, hide = true)]
    pub load_workspace_modules: bool,
    /// Accepted for compatibility.
    #[arg(long, hide = true, conflicts_with = "load_workspace_modules")]
    pub skip_workspace_modules: bool,
}

const LISTEN_HELP: &str = "\
Prints the variables by which programs find it. The token is DAGGER_SESSION_TOKEN, where that is set; else one is made and \
printed as well. An address that other machines can reach is refused without DAGGER_SESSION_TOKEN: who has the token can do \
here what your user can.

  kukri listen --listen=127.0.0.1:0
  DAGGER_SESSION_TOKEN=$(openssl rand -hex 16) kukri listen --listen=10.0.0.5:8080 --disable-host-read-write";

/// `kukri listen`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true, after_help = LISTEN_HELP)]
pub struct ListenArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Let pages in browsers use it, from any origin; they need the token as well.
    #[arg(long)]
    pub allow_cors: bool,
    /// Refuse whatever needs files, secrets or programs of this machine.
    #[arg(long)]
    pub disable_host_read_write: bool,
}

/// `kukri engine`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, after_help = examples::ENGINE)]
pub struct EngineArgs {
    /// What to ask the running engine; without, an engine runs in the foreground.
    #[command(subcommand)]
    pub ask: Option<EngineCommand>,
    /// Settings of the engine.
    #[command(flatten)]
    pub settings: crate::settings::EngineSettings,
}

/// What can be asked of a running engine.
#[derive(Subcommand, Debug)]
pub enum EngineCommand {
    /// Say whether an engine runs, and what it does.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the engine to end: sessions are closed, what runs is cancelled.
    Stop,
}

/// `kukri cache`.
#[derive(clap::Args, Debug)]
#[command(after_help = examples::CACHE)]
pub struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What can be done with the cache.
#[derive(Subcommand, Debug)]
pub enum CacheCommand {
    /// Show what takes how much space.
    Du {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove what is not in use: all of it, or until limits are kept.
    #[command(after_help = examples::PRUNE)]
    Prune {
        /// Keep at most this much (`10GB`, `20%`) [default: no limit].
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Leave this much free on the disk (`10GB`, `20%`) [default: no limit].
        #[arg(long, value_name = "SIZE")]
        min_free: Option<String>,
        /// Remove what was not used for this long (`36h`, `7d`); what was used later goes only where another limit asks for it [default: no limit].
        #[arg(long, value_name = "DURATION")]
        keep: Option<String>,
        /// Remove cache volumes as well, except those in use (with --keep: that were not used for this long).
        #[arg(long)]
        volumes: bool,
        /// Only say what would be removed.
        #[arg(long)]
        dry_run: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check that everything kept is what it should be.
    #[command(after_help = examples::VERIFY)]
    Verify {
        /// Read all contents again, not only their sizes.
        #[arg(long)]
        deep: bool,
        /// Drop what is damaged, so that it is made again when needed.
        #[arg(long)]
        repair: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove what the configured limits do not allow to stay.
    Gc {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Explain the latest runs of a step: what changed between them.
    #[command(after_help = examples::WHY)]
    Why {
        /// Part of the step's command or label.
        step: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `kukri trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = examples::TRACE)]
pub struct TraceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TraceCommand,
}

/// What can be done with runs.
#[derive(Subcommand, Debug)]
pub enum TraceCommand {
    /// List the runs that are kept, latest first.
    Ls {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the steps of a run: when, how long, and why they ran.
    #[command(after_help = examples::SHOW)]
    Show {
        /// The run, or the beginning of its name [default: the latest].
        #[arg(add = ArgValueCandidates::new(crate::runs::candidates))]
        run: Option<String>,
        /// Print what the steps wrote that have this in their name [default: print which steps there were].
        #[arg(long, value_name = "TEXT")]
        step: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open the page of a run in the browser; where there is none, print the path of the page.
    #[command(after_help = examples::OPEN)]
    Open {
        /// The run, or the beginning of its name [default: the latest].
        #[arg(add = ArgValueCandidates::new(crate::runs::candidates))]
        run: Option<String>,
        /// Write the page to this file, and open nothing [default: a file where runs are kept, which is opened].
        #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
}
