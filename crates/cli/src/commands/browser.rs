//! Shows a page in the user's browser.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fail::Failure;
use crate::settings::variable;

/// Opens it with the first command of `BROWSER` that can; where that is not set, with that of the desktop. False if there is
/// neither: then the path is what the user needs.
pub fn open(page: &Path) -> Result<bool, Failure> {
    if let Some(commands) = variable("BROWSER") {
        let url = url(page);
        // It may be one for terminals.
        let opened = commands
            .split(':')
            .filter_map(|command| of_words(command, &url))
            .any(|mut command| command.status().is_ok_and(|status| status.success()));
        return match opened {
            true => Ok(true),
            false => Err(Failure::new(format!("no command of BROWSER={commands} opens the page"))
                .hint(format!("the page is {}; unset BROWSER to let the desktop choose", page.display()))),
        };
    }
    if ["DISPLAY", "WAYLAND_DISPLAY"].map(variable).iter().all(Option::is_none) {
        return Ok(false);
    }
    let mut command = Command::new("xdg-open");
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().is_ok_and(|status| status.success()))
}

/// One of the commands: `%s` in it is the page, `%%` a percent sign; without, the page is the last word.
fn of_words(command: &str, url: &str) -> Option<Command> {
    let mut words = command.split_whitespace();
    let mut found = Command::new(words.next()?);
    let mut has_page = false;
    for word in words {
        has_page |= word.replace("%%", "").contains("%s");
        let parts: Vec<String> = word.split("%%").map(|part| part.replace("%s", url)).collect();
        found.arg(parts.join("%"));
    }
    if !has_page {
        found.arg(url);
    }
    Some(found)
}

/// The path as browsers want it.
fn url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn words(command: &str) -> Option<Vec<String>> {
        let found = of_words(command, "file:///a%20b")?;
        let words = std::iter::once(found.get_program()).chain(found.get_args());
        Some(words.map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn the_page_stands_where_it_is_wanted() {
        for (command, expected) in [
            ("firefox", &["firefox", "file:///a%20b"][..]),
            (" firefox  --new-tab ", &["firefox", "--new-tab", "file:///a%20b"]),
            ("w3m -T text/html %s -x", &["w3m", "-T", "text/html", "file:///a%20b", "-x"]),
            ("x --u=%s --p=5%%", &["x", "--u=file:///a%20b", "--p=5%"]),
            ("x %%s", &["x", "%s", "file:///a%20b"]),
        ] {
            assert_eq!(words(command).unwrap(), expected, "{command}");
        }
        assert!(words("").is_none() && words("  ").is_none());
    }

    #[test]
    fn paths_become_addresses() {
        let path = OsString::from_vec(b"/a b/%#?\xff-\xc3\xa9.html".to_vec());
        assert_eq!(url(Path::new(&path)), "file:///a%20b/%25%23%3F%FF-%C3%A9.html");
    }
}
