//! What `kukri engine` reads, also when it starts by itself.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::engine(
        "KUKRI_ROOT",
        "root",
        Kind::Dir,
        "`/var/lib/kukri` for root; else `$XDG_DATA_HOME/kukri`, or `~/.local/share/kukri`",
        "Directory for everything the engine keeps",
    ),
    Setting::engine(
        "KUKRI_SOCKET",
        "socket",
        Kind::Path,
        "`run/engine.sock` in the root directory",
        "Unix socket on which the engine listens",
    ),
    Setting::engine(
        "KUKRI_IDLE_TIMEOUT",
        "idle-timeout",
        Kind::Duration,
        "`10m`",
        "End when nobody has used the engine for this long; 0 means never",
    ),
    Setting::engine(
        "KUKRI_MAX_SIZE",
        "max-size",
        Kind::Size,
        "half of the disk",
        "Most space the cache may take",
    ),
    Setting::engine(
        "KUKRI_MIN_FREE",
        "min-free",
        Kind::Size,
        "a fifth of the disk",
        "Space to leave free on the disk",
    ),
    Setting::engine(
        "KUKRI_KEEP",
        "keep",
        Kind::Duration,
        "keep them as long as there is room",
        "Drop results that were not used for this long",
    ),
    Setting::engine(
        "KUKRI_PARALLELISM",
        "parallelism",
        Kind::Count,
        "4 for each processor",
        "How many containers may run at the same time",
    ),
    Setting::engine(
        "KUKRI_OCI_RUNTIME",
        "oci-runtime",
        Kind::Program,
        "the engine itself",
        "Let another OCI runtime run containers: crun, runc, or a path",
    ),
    Setting::engine(
        "KUKRI_NETWORK",
        "network",
        Kind::Choice(&["bridge", "host", "none"]),
        "`bridge`",
        "What containers see of the network: one of their own, from which they reach others (bridge), that of the machine \
         (host), or nothing (none)",
    ),
    Setting::engine(
        "KUKRI_REGISTRY_MIRRORS",
        "registry-mirrors",
        Kind::Text("HOST=URL"),
        "none",
        "Mirrors of registries, as in docker.io=http://mirror:5000; several separated by `;`",
    ),
    Setting::engine(
        "KUKRI_CA_BUNDLE",
        "ca-bundle",
        Kind::Path,
        "`$SSL_CERT_FILE`, else those of the system",
        "PEM file with the certificate authorities that registries and containers trust",
    ),
    Setting::engine(
        "KUKRI_PIDS_MAX",
        "pids-max",
        Kind::Count,
        "8192",
        "Most processes and threads in one exec; 0 means no limit",
    ),
    Setting::engine("KUKRI_MEMORY_MAX", "memory-max", Kind::Size, "no limit", "Most memory of one exec"),
    Setting::engine(
        "KUKRI_CONFIG",
        "config",
        Kind::Path,
        "`/etc/kukri/engine.json`, if there is one",
        "Settings file; one that is named must exist",
    ),
    Setting::variable(
        Reader::Engine,
        "KUKRI_LOG",
        Kind::Text("FILTER"),
        "`info`",
        "What the engine writes to its log: error, warn, info, debug, or a filter such as info,kukri_oci=debug",
    ),
];
