//! From texts to what settings of the engine mean, where that is no size or time.

use std::io::ErrorKind;
use std::path::PathBuf;

use kukri_engine::engine::NetworkMode;
use kukri_session::socket;

/// What containers see of the network.
pub fn network(text: &str) -> Result<NetworkMode, String> {
    match text {
        "host" => Ok(NetworkMode::Host),
        "none" => Ok(NetworkMode::None),
        "bridge" => Ok(NetworkMode::Bridge),
        _ => Err(format!("{text:?} is no such network (expected bridge, host or none)")),
    }
}

/// Hosts of registries with URLs of their mirrors.
pub fn mirrors(text: &str) -> Result<Vec<(String, String)>, String> {
    let entries = text.split(';').filter(|entry| !entry.is_empty());
    let pairs = entries.map(|entry| {
        let pair = entry.split_once('=').filter(|(host, url)| !host.is_empty() && !url.is_empty());
        let (host, url) = pair.ok_or_else(|| {
            format!("{entry:?} is no mirror (expected HOST=URL, as in docker.io=http://mirror:5000)")
        })?;
        let place = match url.split_once("://") {
            Some(("http" | "https", place)) => place,
            Some((scheme, _)) => {
                return Err(format!("{entry:?}: {scheme} leads to no mirror (expected http or https)"));
            }
            // As the engine takes other registries: by TLS, unless they are on this machine.
            None => url,
        };
        if place.is_empty() || place.starts_with('/') {
            return Err(format!("{entry:?}: the URL has no host (expected for instance http://mirror:5000)"));
        }
        Ok((host.to_owned(), url.to_owned()))
    });
    pairs.collect()
}

/// A path, which counts from the present directory.
pub fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| error.to_string())
}

/// The path of a socket, which counts from the present directory.
pub fn socket(path: PathBuf) -> Result<PathBuf, String> {
    let path = absolute(path)?;
    if socket::fits(&path) { Ok(path) } else { Err(socket::TOO_LONG.to_owned()) }
}

/// A file that must be there. Whether the engine may read it, only the engine knows.
pub fn existing(path: PathBuf) -> Result<PathBuf, String> {
    match std::fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err("there is no such file".to_owned())
        }
        _ => absolute(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_present_directory() {
        let here = std::env::current_dir().unwrap();
        for read in [absolute, socket, existing] {
            // There when tests of this crate run.
            assert_eq!(read("src".into()), Ok(here.join("src")));
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        assert!(network("bridge").is_ok() && network("Bridge").is_err() && network("").is_err());
        let pair = |host: &str, url: &str| (host.to_owned(), url.to_owned());
        assert_eq!(mirrors("a=b;;c=d=e;"), Ok(vec![pair("a", "b"), pair("c", "d=e")]));
        assert!(mirrors("a=http://b:5000/c;a=https://b").is_ok());
        for text in ["a", "a=b;c", "=b", "a=", "a=ftp://x", "a=http://", "a=https:///x", "a=/x"] {
            assert!(mirrors(text).is_err(), "{text}");
        }
        assert!(existing("/dev/null".into()).is_ok());
        assert!(socket("/run/x".into()).is_ok() && socket(format!("/{}", "x".repeat(110)).into()).is_err());
        assert!(existing("/nope".into()).is_err() && existing("/dev/null/x".into()).is_err());
    }
}
