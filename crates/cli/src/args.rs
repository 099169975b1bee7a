//! What can be written on the command line.

mod read;

pub use read::{command, parse};

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

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
    /// Open a session for an SDK: print its port and token, serve until standard input ends.
    #[command(hide = true)]
    Session(SessionArgs),
    /// Run the engine in the foreground, or ask the running one.
    Engine(EngineArgs),
    /// Look after what the engine keeps.
    Cache(CacheArgs),
    /// Look at runs that are over: which steps, how long, why.
    Trace(TraceArgs),
    /// Say whether this machine can run pipelines, and what to change where it cannot.
    Doctor(DoctorArgs),
    /// Print the version.
    Version(VersionArgs),
    /// Explain a command or a topic.
    Help(HelpArgs),
}

/// How progress is shown.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// A live picture on a terminal, else lines.
    #[default]
    Auto,
    /// A live picture.
    Tty,
    /// Lines.
    Plain,
    /// One JSON object for each event.
    Json,
    /// Nothing.
    None,
    /// Lines; a name that other clients use.
    #[value(hide = true, alias = "logs", alias = "report")]
    Dots,
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
    #[arg(short, long, env = "DAGGER_SILENT", value_parser = clap::builder::FalseyValueParser::new())]
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
}

/// `kukri doctor`.
#[derive(clap::Args, Debug)]
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
}

/// `kukri help`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct HelpArgs {
    /// A command, with its own commands; or `environment`: all variables; or `exit-codes`.
    #[arg(value_name = "COMMAND|TOPIC")]
    pub topic: Vec<String>,
}

/// `kukri run`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
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
    pub command: Vec<std::ffi::OsString>,
}

/// `kukri query`.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
pub struct QueryArgs {
    /// Session.
    #[command(flatten)]
    pub session: SessionFlags,
    /// File with the document; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub doc: Option<PathBuf>,
    /// A variable of the document, as text.
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Variables of the document, as a JSON object.
    #[arg(long, value_name = "JSON")]
    pub var_json: Option<String>,
    /// The document itself, if it starts with `{` or a keyword; else the name of the operation to run.
    #[arg(value_name = "DOCUMENT|OPERATION")]
    pub query: Option<String>,
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

/// `kukri engine`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
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
    Prune {
        /// Keep at most this much (`10GB`, `20%`).
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Leave this much free on the disk (`10GB`, `20%`).
        #[arg(long, value_name = "SIZE")]
        min_free: Option<String>,
        /// Remove only what was not used for this long (`36h`, `7d`).
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
pub struct TraceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TraceCommand,
}

/// What can be done with runs that are over.
#[derive(Subcommand, Debug)]
pub enum TraceCommand {
    /// List the runs that are kept, latest first.
    Ls {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the steps of a run: when, how long, and why they ran.
    Show {
        /// The run, or the beginning of its name [default: the latest].
        run: Option<String>,
        /// Print what the steps wrote that have this in their name.
        #[arg(long, value_name = "TEXT")]
        step: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open the page of a run in the browser; where there is none, print the path of the page.
    Open {
        /// The run, or the beginning of its name [default: the latest].
        run: Option<String>,
        /// Write the page to this file, and open nothing.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}
