//! What commands that open a session read.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "DAGGER_WORKDIR",
        also: &[],
        flag: Some("workdir"),
        reader: Reader::Session,
        kind: Kind::Dir,
        default: "the present one",
        doc: "Directory that the pipeline's relative paths count from",
    },
    Setting {
        name: "KUKRI_PROGRESS",
        also: &["DAGGER_PROGRESS"],
        flag: Some("progress"),
        reader: Reader::Session,
        kind: Kind::Choice(&["auto", "tty", "plain", "json", "dots", "logs", "report", "none"]),
        default: "`auto`",
        doc: "How progress is shown on standard error: a live picture (tty), lines (plain), a JSON object for each event, \
              one character for each step and failures at the end (dots), only what commands write (logs), all steps \
              when all is over (report), nothing; auto is tty on a terminal that can show it, else plain",
    },
    Setting {
        name: "KUKRI_TRACE",
        also: &[],
        flag: Some("trace"),
        reader: Reader::Session,
        kind: Kind::Path,
        default: "none",
        doc: "Write a page of the run to this file when it is over: timeline, graph, logs",
    },
    Setting::variable(
        Reader::Session,
        "KUKRI_RUNS",
        Kind::Count,
        "20",
        "How many runs are kept for `kukri trace`; 0: none",
    ),
    Setting {
        name: "DAGGER_SILENT",
        also: &[],
        flag: Some("silent"),
        reader: Reader::Session,
        kind: Kind::Switch,
        default: "off",
        doc: "Show no progress at all",
    },
    Setting::variable(
        Reader::Session,
        "DAGGER_TRACE_NAME",
        Kind::Text("NAME"),
        "the command, as in `kukri run`",
        "Name of the session's own span",
    ),
    Setting::variable(
        Reader::Session,
        "VAULT_PATH_PREFIX",
        Kind::Text("MOUNT"),
        "`secret`",
        "Mount in which secrets of `vault://PATH.FIELD` are looked up",
    ),
    Setting {
        name: "GCP_PROJECT_ID",
        also: &["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"],
        flag: None,
        reader: Reader::Session,
        kind: Kind::Text("PROJECT"),
        default: "that of gcloud's configuration",
        doc: "Project of secrets of `gcp://NAME`, which do not name one",
    },
];
