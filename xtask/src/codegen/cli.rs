//! The pages about the command line and the manual, which its own crate makes.

use kukri_cli::reference;

use super::files::Output;

/// What goes into the wheel beside package and program: `data` of maturin's settings.
const MANUAL: &str = "crates/cli/wheel/data/share/man/man1";

/// Writes them.
pub fn write(out: &mut Output<'_>) -> Result<(), String> {
    out.file("docs/reference/cli.md", &reference::commands_page())?;
    out.file("docs/reference/exit-codes.md", &reference::exit_codes_page())?;
    out.file("docs/reference/settings.md", &reference::settings_page())?;
    let pages = reference::manual_pages().map_err(|error| format!("the manual: {error}"))?;
    for (name, page) in &pages {
        out.file(&format!("{MANUAL}/{name}"), &String::from_utf8_lossy(page))?;
    }
    out.only(MANUAL, "1")
}
