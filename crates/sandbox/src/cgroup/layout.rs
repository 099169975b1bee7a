//! Where control groups can be made on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::limits::Controller;

/// Controllers worth having on v2.
const V2_CONTROLLERS: [&str; 4] = ["pids", "memory", "cpu", "io"];
const V1_CONTROLLERS: [Controller; 4] =
    [Controller::Memory, Controller::Pids, Controller::Cpu, Controller::CpuAccounting];
/// The controller that counts what goes to and comes from disks on v1.
pub(super) const BLOCK_IO: &str = "blkio";
/// Stands for the v2 tree of hybrid machines: without controllers it counts processor time and pressure all the same.
pub(super) const UNIFIED: &str = "cgroup2";
/// Hierarchies of v1 and hybrid machines that count something.
pub(super) const COUNTING: [&str; 4] = ["memory", "cpuacct", BLOCK_IO, UNIFIED];
const PREFIX: &str = "kukri-";
const ENGINE_SUFFIX: &str = ".engine";

/// Which generation of control groups is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// One tree for all controllers.
    V2,
    /// A tree for each controller, or for a few of them.
    V1,
}

/// A tree of control groups, and the engine's own group in it, below which runs get theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hierarchy {
    pub(super) controllers: Vec<String>,
    pub(super) dir: PathBuf,
}

/// What this machine offers.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) version: Option<Version>,
    pub(super) hierarchies: Vec<Hierarchy>,
    pub(super) reason: Option<String>,
}

/// A mounted tree, and the group in it that this process is in.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mounted {
    version: Version,
    /// v1 only.
    controllers: Vec<String>,
    root: PathBuf,
    own: PathBuf,
}

impl Layout {
    pub(super) fn none(reason: String) -> Self {
        Self { version: None, hierarchies: Vec::new(), reason: Some(reason) }
    }

    pub(super) fn detect() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounted = mounted(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        Self::choose(&mounted, std::process::id())
    }

    fn choose(mounted: &[Mounted], pid: u32) -> Self {
        let mut reasons = Vec::new();
        for tree in mounted.iter().filter(|tree| tree.version == Version::V2) {
            match set_up_v2(tree, pid) {
                Ok(hierarchy) => {
                    return Self { version: Some(Version::V2), hierarchies: vec![hierarchy], reason: None };
                }
                Err(reason) => reasons.push(reason),
            }
        }
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        for tree in mounted.iter().filter(|tree| tree.version == Version::V1) {
            match set_up_v1(tree, pid) {
                Ok(Some(hierarchy)) => hierarchies.push(hierarchy),
                Ok(None) => {}
                Err(reason) => reasons.push(reason),
            }
        }
        if !hierarchies.is_empty() {
            hierarchies.extend(only_counting(mounted, &hierarchies));
            return Self { version: Some(Version::V1), hierarchies, reason: None };
        }
        if reasons.is_empty() {
            reasons.push("no control groups are mounted; mount cgroup2 on /sys/fs/cgroup".into());
        }
        Self::none(reasons.join("; "))
    }

    /// Uses the v2 tree with the controllers it has, be they of use or not.
    #[cfg(test)]
    pub(super) fn any_v2() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounted = mounted(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let tree = mounted.iter().find(|tree| tree.version == Version::V2)?;
        let controllers = words(&tree.root.join("cgroup.controllers"));
        let hierarchy = set_up_v2_in(&tree.root, &controllers, std::process::id()).ok()?;
        Some(Self { version: Some(Version::V2), hierarchies: vec![hierarchy], reason: None })
    }

    /// The hierarchy which has this controller.
    pub(super) fn find(&self, controller: Controller) -> Option<usize> {
        self.find_name(match (self.version?, controller) {
            (Version::V2, Controller::CpuAccounting) => Controller::Cpu.name(),
            (_, controller) => controller.name(),
        })
    }

    /// The hierarchy of a controller, by its name on v1.
    pub(super) fn find_name(&self, name: &str) -> Option<usize> {
        self.hierarchies.iter().position(|hierarchy| hierarchy.controllers.iter().any(|known| known == name))
    }

    /// Makes the engine's own group anew, should somebody have removed it while it was empty.
    pub(super) fn restore(&self, hierarchy: &Hierarchy) -> io::Result<()> {
        fs::create_dir_all(&hierarchy.dir)?;
        if self.version == Some(Version::V2) {
            enable(&hierarchy.dir, &hierarchy.controllers)?;
        }
        Ok(())
    }

    /// Removes the engine's own groups. The one that this process may be in stays until the next engine looks.
    pub(super) fn remove(&self) {
        for hierarchy in &self.hierarchies {
            let _ = fs::remove_dir(&hierarchy.dir);
        }
    }
}

impl Hierarchy {
    /// Removes what killed engines left beside the engine's own group.
    pub(super) fn clear_leftovers(&self) {
        if let Some(base) = self.dir.parent() {
            clear_leftovers(base);
        }
    }
}

/// Hierarchies that limit nothing. The engine's group in them is made when something is to be counted for the first time.
fn only_counting(mounted: &[Mounted], others: &[Hierarchy]) -> Vec<Hierarchy> {
    let Some(name) = others.first().and_then(|first| first.dir.file_name()) else { return Vec::new() };
    let mut found: Vec<Hierarchy> = Vec::new();
    for tree in mounted {
        let controllers = match tree.version {
            Version::V1 if tree.controllers.iter().any(|name| name == BLOCK_IO) => tree.controllers.clone(),
            Version::V2 => vec![UNIFIED.to_owned()],
            Version::V1 => continue,
        };
        if others.iter().chain(&found).all(|known| known.controllers != controllers) {
            found.push(Hierarchy { controllers, dir: tree.own.join(name) });
        }
    }
    found
}

fn set_up_v2(tree: &Mounted, pid: u32) -> Result<Hierarchy, String> {
    let available = words(&tree.own.join("cgroup.controllers"));
    let wanted: Vec<String> = V2_CONTROLLERS
        .iter()
        .filter(|name| available.iter().any(|have| have == *name))
        .map(|name| (*name).to_owned())
        .collect();
    if !wanted.iter().any(|name| name == "pids" || name == "memory") {
        return Err(format!(
            "the control group {} has no controllers for memory and processes; let the service manager delegate them \
             (systemd: Delegate=yes)",
            tree.own.display()
        ));
    }
    let inside_own = set_up_v2_in(&tree.own, &wanted, pid);
    let outcome = match inside_own {
        // Other processes share our group, so it cannot have children with controllers: go beside it, at the top.
        Err(_) if tree.own != tree.root => set_up_v2_in(&tree.root, &wanted, pid).or(inside_own),
        outcome => outcome,
    };
    outcome.map_err(|error| {
        format!(
            "no control group can be made in {} ({error}); run the engine as root or in a group delegated to it \
             (systemd: Delegate=yes)",
            tree.own.display()
        )
    })
}

fn set_up_v2_in(base: &Path, wanted: &[String], pid: u32) -> io::Result<Hierarchy> {
    clear_leftovers(base);
    let dir = make_engine_dir(base, pid)?;
    let enabled = match enable(base, wanted) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) && alone_in(base, pid) => {
            let leaf = base.join(format!("{PREFIX}{pid}{ENGINE_SUFFIX}"));
            make_dir(&leaf)
                .and_then(|()| fs::write(leaf.join("cgroup.procs"), pid.to_string()))
                .and_then(|()| enable(base, wanted))
        }
        outcome => outcome,
    };
    match enabled.and_then(|()| enable(&dir, wanted)) {
        Ok(()) => Ok(Hierarchy { controllers: wanted.to_vec(), dir }),
        Err(error) => {
            let _ = fs::remove_dir(&dir);
            Err(error)
        }
    }
}

/// Lets the children of a group use these controllers.
fn enable(dir: &Path, controllers: &[String]) -> io::Result<()> {
    let file = dir.join("cgroup.subtree_control");
    let have = words(&file);
    let missing: Vec<String> =
        controllers.iter().filter(|name| !have.contains(name)).map(|name| format!("+{name}")).collect();
    if missing.is_empty() { Ok(()) } else { fs::write(file, missing.join(" ")) }
}

fn alone_in(dir: &Path, pid: u32) -> bool {
    let pid = pid.to_string();
    words(&dir.join("cgroup.procs")).iter().all(|inside| *inside == pid)
}

fn set_up_v1(tree: &Mounted, pid: u32) -> Result<Option<Hierarchy>, String> {
    let useful = |name: &String| V1_CONTROLLERS.iter().any(|controller| controller.name() == name);
    if !tree.controllers.iter().any(useful) {
        return Ok(None);
    }
    clear_leftovers(&tree.own);
    let dir = make_engine_dir(&tree.own, pid).map_err(|error| {
        format!("no control group can be made in {} ({error}); run the engine as root", tree.own.display())
    })?;
    Ok(Some(Hierarchy { controllers: tree.controllers.clone(), dir }))
}

fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// Makes a directory that nobody else uses, in this process or in others.
fn make_engine_dir(base: &Path, pid: u32) -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let dir = base.join(format!("{PREFIX}{pid}-{number}"));
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            outcome => return outcome.map(|()| dir),
        }
    }
}

/// Removes groups which killed engines left. Only empty groups can be removed, so a live one loses nothing but a
/// directory, which it makes again.
fn clear_leftovers(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let pid = pid.split(['-', '.']).next().unwrap_or(pid);
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            for run in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(run.path());
            }
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The words of a file; none where it cannot be read.
pub(super) fn words(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Reads which trees are mounted, and where this process is in them.
fn mounted(mountinfo: &str, own: &str) -> Vec<Mounted> {
    let mut trees: Vec<Mounted> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let (Some(mount_root), Some(mount_point)) = (left.get(3), left.get(4)) else { continue };
        let version = match right.first() {
            Some(&"cgroup2") => Version::V2,
            Some(&"cgroup") => Version::V1,
            _ => continue,
        };
        let options: Vec<&str> = right.get(2).unwrap_or(&"").split(',').collect();
        let Some((controllers, path)) = own.lines().find_map(|line| membership(line, version, &options))
        else {
            continue;
        };
        let root = PathBuf::from(unescape(mount_point));
        // In a container the tree may be mounted from our group on, or the group's path may lie outside of it.
        let relative = Path::new(path).strip_prefix(unescape(mount_root)).unwrap_or(Path::new(""));
        let tree = Mounted { version, controllers, own: root.join(relative), root };
        if !trees.iter().any(|known| known.version == version && known.controllers == tree.controllers) {
            trees.push(tree);
        }
    }
    trees
}

/// Reads one line of `/proc/self/cgroup` if it is about the tree that is mounted with these options.
fn membership<'a>(line: &'a str, version: Version, options: &[&str]) -> Option<(Vec<String>, &'a str)> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let matches = match version {
        Version::V2 => number == "0" && controllers.is_empty(),
        Version::V1 => {
            !controllers.is_empty() && controllers.split(',').all(|controller| options.contains(&controller))
        }
    };
    let controllers = controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    matches.then_some((controllers, path.trim_end_matches(" (deleted)")))
}

/// Mount points are written with spaces and the like in octal.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_machine_is_read() {
        let mountinfo = "\
25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
29 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate";
        let own = "3:memory:/a/b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/x";
        let trees = mounted(mountinfo, own);
        let dirs: Vec<String> = trees.iter().map(|tree| tree.own.display().to_string()).collect();
        assert_eq!(
            dirs,
            [
                "/sys/fs/cgroup/cpu,cpuacct/",
                "/sys/fs/cgroup/memory/a/b",
                "/sys/fs/cgroup/systemd/x",
                "/sys/fs/cgroup/unified/x"
            ]
        );
        assert_eq!(trees[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(trees[3].version, Version::V2);
    }

    #[test]
    fn a_tree_mounted_from_our_group_on_is_read() {
        let mountinfo = "29 25 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";
        let own = |path: &str| mounted(mountinfo, &format!("0::{path}"))[0].own.clone();
        assert_eq!(own("/docker/abc/engine"), Path::new("/sys/fs/cgroup/engine"));
        assert_eq!(own("/elsewhere"), Path::new("/sys/fs/cgroup/"), "outside of what is mounted");
    }

    #[test]
    fn without_control_groups_there_is_a_reason() {
        let layout = Layout::choose(&mounted("", ""), 1);
        assert_eq!(layout.version, None);
        assert!(layout.reason.unwrap().contains("mount cgroup2"));
    }

    /// The shape of a delegated v2 group, in plain files.
    #[test]
    fn v2_controllers_are_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().to_path_buf();
        fs::write(own.join("cgroup.controllers"), "cpuset cpu memory pids\n").unwrap();
        fs::write(own.join("cgroup.subtree_control"), "memory\n").unwrap();
        let tree =
            Mounted { version: Version::V2, controllers: Vec::new(), root: own.clone(), own: own.clone() };
        let layout = Layout::choose(&[tree], 77);
        assert_eq!(layout.version, Some(Version::V2));
        assert_eq!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap(), "+pids +cpu");
        assert_eq!(
            fs::read_to_string(own.join("kukri-77-0/cgroup.subtree_control")).unwrap(),
            "+pids +memory +cpu"
        );
        assert_eq!(layout.find(Controller::CpuAccounting), Some(0), "a part of cpu");
    }
}
