//! Mount options in the words of `fstab`, as the OCI spec has them.

/// What a list of options means.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MountOptions {
    /// Mount attributes to set.
    pub set: u64,
    /// Mount attributes to clear.
    pub clear: u64,
    /// Propagation of the mount point, with `MS_REC` for the `r` forms; 0 for private.
    pub propagation: u64,
    /// Whether a bind takes what is mounted below along.
    pub recursive: bool,
    /// Whether it is a bind at all, whatever the type says.
    pub bind: bool,
    /// The rest, for the file system: name, and value if it has one.
    pub data: Vec<(String, Option<String>)>,
}

impl MountOptions {
    /// Reads a list of options; later ones win.
    #[must_use]
    pub fn parse(options: &[String]) -> Self {
        let mut parsed = Self::default();
        for option in options {
            parsed.take(option);
        }
        parsed
    }

    fn take(&mut self, option: &str) {
        let atime = |value| (value, libc::MOUNT_ATTR__ATIME);
        let (set, clear) = match option {
            "defaults" | "async" => (0, 0),
            "rw" => (0, libc::MOUNT_ATTR_RDONLY),
            "ro" | "rro" => (libc::MOUNT_ATTR_RDONLY, 0),
            "suid" => (0, libc::MOUNT_ATTR_NOSUID),
            "nosuid" => (libc::MOUNT_ATTR_NOSUID, 0),
            "dev" => (0, libc::MOUNT_ATTR_NODEV),
            "nodev" => (libc::MOUNT_ATTR_NODEV, 0),
            "exec" => (0, libc::MOUNT_ATTR_NOEXEC),
            "noexec" => (libc::MOUNT_ATTR_NOEXEC, 0),
            "diratime" => (0, libc::MOUNT_ATTR_NODIRATIME),
            "nodiratime" => (libc::MOUNT_ATTR_NODIRATIME, 0),
            "symfollow" => (0, libc::MOUNT_ATTR_NOSYMFOLLOW),
            "nosymfollow" => (libc::MOUNT_ATTR_NOSYMFOLLOW, 0),
            "relatime" | "atime" | "nostrictatime" => atime(libc::MOUNT_ATTR_RELATIME),
            "noatime" => atime(libc::MOUNT_ATTR_NOATIME),
            "strictatime" | "norelatime" => atime(libc::MOUNT_ATTR_STRICTATIME),
            "bind" => {
                self.bind = true;
                (0, 0)
            }
            "rbind" => {
                self.bind = true;
                self.recursive = true;
                (0, 0)
            }
            _ => match propagation(option) {
                Some(flags) => {
                    self.propagation = flags;
                    (0, 0)
                }
                None => {
                    let (name, value) = match option.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (option, None),
                    };
                    self.data.push((name.to_owned(), value));
                    (0, 0)
                }
            },
        };
        self.set = self.set & !clear | set;
        self.clear = self.clear & !set | clear;
    }

    /// The value of an option for the file system.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.data.iter().rev().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref())
    }
}

/// Flags for `mount` of a propagation option.
pub fn propagation(option: &str) -> Option<u64> {
    let (name, recursive) = match option.strip_prefix('r') {
        Some(rest) => (rest, libc::MS_REC),
        None => (option, 0),
    };
    let flag = match name {
        "private" => libc::MS_PRIVATE,
        "shared" => libc::MS_SHARED,
        "slave" => libc::MS_SLAVE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    };
    Some(flag | recursive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> MountOptions {
        MountOptions::parse(&options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn later_options_win() {
        let options = parse(&["ro", "nosuid", "rw"]);
        assert_eq!(options.set, libc::MOUNT_ATTR_NOSUID);
        assert_eq!(options.clear, libc::MOUNT_ATTR_RDONLY);
        let options = parse(&["noatime", "strictatime"]);
        assert_eq!(options.set & libc::MOUNT_ATTR__ATIME, libc::MOUNT_ATTR_STRICTATIME);
    }

    #[test]
    fn words_of_the_file_system_stay() {
        let options = parse(&["rbind", "rprivate", "size=1m", "userxattr", "lowerdir=/a:/b"]);
        assert!(options.bind && options.recursive);
        assert_eq!(options.propagation, libc::MS_PRIVATE | libc::MS_REC);
        assert_eq!(options.value("lowerdir"), Some("/a:/b"));
        assert_eq!(options.data[1], ("userxattr".to_owned(), None));
    }
}
