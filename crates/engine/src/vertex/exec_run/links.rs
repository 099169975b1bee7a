//! Links that lead to what is not there yet, as `/var/run` does in an image without `/run`. The kernel follows links, but
//! makes nothing behind them, so what is mounted below such a link has to be mounted where it leads.

use kukri_store::Store;
use kukri_tree::{EntryKind, Follow, FoundKind, TreeId, lookup, try_exists};

/// Most links that a path may lead through, as for the kernel.
const LINKS: usize = 40;

/// Where an absolute path leads in a tree, if a link on the way leads to what is not there; `None` where the path can
/// be used as it is.
pub fn behind_dangling(store: &Store, tree: &TreeId, path: &str) -> Option<String> {
    if !matches!(try_exists(store, tree, path, Follow::All), Ok(false)) {
        return None;
    }
    let (target, links) = followed(store, path, |path| Some((*tree, path.to_owned())))?;
    (links > 0).then_some(target)
}

/// Where an absolute path leads, also if nothing is there, and through how many links. `tree_at` gives the tree in which a
/// path without links lies, and the path there; `None` where no links are looked for. Nothing if there are too many links.
pub fn followed(
    store: &Store,
    path: &str,
    tree_at: impl Fn(&str) -> Option<(TreeId, String)>,
) -> Option<(String, usize)> {
    let (mut way, mut links): (Vec<String>, usize) = (Vec::new(), 0);
    let names = |text: &str| text.split('/').rev().map(str::to_owned).collect::<Vec<_>>();
    let mut todo = names(path);
    while let Some(name) = todo.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                way.pop();
                continue;
            }
            _ => way.push(name),
        }
        let Some((tree, inner)) = tree_at(&format!("/{}", way.join("/"))) else { continue };
        // What is missing has no links.
        let Ok(found) = lookup(store, &tree, inner, Follow::Parents) else { continue };
        let FoundKind::Entry(EntryKind::Symlink { target, .. }) = found.kind else { continue };
        let target = std::str::from_utf8(&target).ok()?;
        links += 1;
        if links > LINKS {
            return None;
        }
        way.pop();
        if target.starts_with('/') {
            way.clear();
        }
        todo.extend(names(target));
    }
    Some((format!("/{}", way.join("/")), links))
}
