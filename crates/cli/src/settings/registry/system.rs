//! What many programs read.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::variable(
        Reader::System,
        "HOME",
        Kind::Dir,
        "none",
        "The user's directory: what `~` stands for, and where data and caches lie where nothing else is said",
    ),
    Setting::variable(
        Reader::System,
        "XDG_DATA_HOME",
        Kind::Dir,
        "`~/.local/share`",
        "The engine's data are in `kukri` below it, unless the user is root; this one and those below are ignored unless \
         they are absolute, as the XDG specification wants it",
    ),
    Setting::variable(
        Reader::System,
        "XDG_CACHE_HOME",
        Kind::Dir,
        "`~/.cache`",
        "Clients keep in `kukri` below it what they know of the user's files",
    ),
    Setting::variable(
        Reader::System,
        "XDG_STATE_HOME",
        Kind::Dir,
        "`~/.local/state`",
        "Runs that `kukri trace` lists are kept in `kukri` below it, and the pages that it opens",
    ),
    Setting::variable(
        Reader::System,
        "TMPDIR",
        Kind::Dir,
        "`/tmp`",
        "Directory for files that are needed for a moment: archives of images from a container engine of the client",
    ),
    Setting::variable(
        Reader::System,
        "PATH",
        Kind::Text("DIRS"),
        "the system's",
        "Where programs are found: that of `kukri run`, container engines and providers of secrets on the client, an OCI \
         runtime that is given by its name, `xdg-open`",
    ),
    Setting::variable(
        Reader::System,
        "SSL_CERT_FILE",
        Kind::Path,
        "the system's",
        "Certificate authorities that registries and containers trust; KUKRI_CA_BUNDLE wins over it",
    ),
    Setting::variable(
        Reader::System,
        "TERM",
        Kind::Text("NAME"),
        "`dumb`",
        "The terminal: where it is `dumb`, progress is lines, not a picture",
    ),
    Setting::variable(
        Reader::System,
        "COLUMNS",
        Kind::Count,
        "the terminal's",
        "Width of help where the terminal does not say its own",
    ),
    Setting::variable(
        Reader::System,
        "TZ",
        Kind::Text("ZONE"),
        "the system's",
        "Time zone in which `kukri trace` says when a run began",
    ),
    Setting::variable(
        Reader::System,
        "BROWSER",
        Kind::Text("COMMAND"),
        "the desktop's",
        "The command by which `kukri trace open` opens a page; `%s` in it stands for the page, and several are separated by `:`",
    ),
    Setting::variable(
        Reader::System,
        "DISPLAY",
        Kind::Text("NAME"),
        "none",
        "The desktop: where this one or `WAYLAND_DISPLAY` is set, `kukri trace open` opens a browser",
    ),
    Setting::variable(
        Reader::System,
        "WAYLAND_DISPLAY",
        Kind::Text("NAME"),
        "none",
        "The desktop, where it is one of Wayland",
    ),
    Setting::variable(
        Reader::System,
        "GITHUB_ACTIONS",
        Kind::True,
        "off",
        "If `true`, lines of progress have groups and error annotations for GitHub Actions, and the Python package says \
         which line of the program a failed step comes from",
    ),
    Setting::variable(
        Reader::System,
        "GITHUB_WORKSPACE",
        Kind::Dir,
        "none",
        "Directory of the repository: annotations name files relative to it",
    ),
    Setting::variable(
        Reader::System,
        "GITLAB_CI",
        Kind::True,
        "off",
        "If `true`, lines of progress have sections for GitLab CI that fold",
    ),
    Setting::variable(
        Reader::System,
        "HTTP_PROXY",
        Kind::Text("URL"),
        "none",
        "Proxy for registries; it and those below are passed to containers, with the names in small letters as well, and are \
         no part of what makes a step's result known again",
    ),
    Setting::variable(Reader::System, "HTTPS_PROXY", Kind::Text("URL"), "none", "The same for HTTPS"),
    Setting::variable(Reader::System, "FTP_PROXY", Kind::Text("URL"), "none", "The same for FTP"),
    Setting::variable(
        Reader::System,
        "ALL_PROXY",
        Kind::Text("URL"),
        "none",
        "The same for what has no proxy of its own",
    ),
    Setting::variable(
        Reader::System,
        "NO_PROXY",
        Kind::Text("HOSTS"),
        "none",
        "Hosts that are reached without a proxy",
    ),
];
