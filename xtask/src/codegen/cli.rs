//! The pages about the command line, which its own crate makes.

use kukri_cli::reference;

use super::files::Output;

/// Writes them.
pub fn write(out: &mut Output<'_>) -> Result<(), String> {
    out.file("docs/reference/cli.md", &reference::commands_page())?;
    out.file("docs/reference/exit-codes.md", &reference::exit_codes_page())?;
    out.file("docs/reference/settings.md", &reference::settings_page())
}
