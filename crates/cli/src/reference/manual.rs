//! Manual pages: one for each command.

use std::io;

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use crate::args;
use crate::exit::{Dialect, TABLE};
use crate::settings::registry;

/// File names and contents.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = args::command(Dialect::Kukri);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        add(below, pages)?;
    }
    let whole = command.get_name() == "kukri";
    let man = Man::new(command.clone()).manual("Kukri").source(concat!("kukri ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render(&mut page)?;
    if whole {
        environment().to_writer(&mut page)?;
    }
    statuses(whole).to_writer(&mut page)?;
    pages.push((man.get_filename(), page));
    Ok(())
}

fn environment() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    for setting in registry::all() {
        roff.control("TP", []);
        roff.text([bold(setting.name)]);
        let text = format!("{} (default: {})", setting.doc, setting.default);
        roff.text([roman(text.replace('`', ""))]);
    }
    roff
}

fn statuses(whole: bool) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    if !whole {
        roff.text([roman("As in "), bold("kukri"), roman("(1).")]);
        return roff;
    }
    for (number, _, when) in TABLE {
        roff.control("TP", []);
        roff.text([bold(*number)]);
        roff.text([roman(when.replace('`', ""))]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let pages = pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(page, _)| page == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("no {name}")).1.clone()).unwrap()
        };
        let whole = page("kukri.1");
        assert!(whole.contains("KUKRI_ROOT") && whole.contains("EXIT STATUS") && whole.contains("127"));
        assert!(page("kukri-cache-verify.1").contains("deep"));
        assert!(!pages.iter().any(|(name, _)| name.contains("session")));
    }
}
