//! What the command line itself reads.

use super::{Kind, Reader, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::variable(
        Reader::Terminal,
        "NO_COLOR",
        Kind::Text("ANY"),
        "colours on a terminal",
        "No colours, if set and not empty; it wins over those below",
    ),
    Setting::variable(
        Reader::Terminal,
        "FORCE_COLOR",
        Kind::Text("ANY"),
        "colours on a terminal",
        "Colours also where the output is no terminal, if set and neither empty nor 0; `0`: none",
    ),
    Setting::variable(
        Reader::Terminal,
        "CLICOLOR_FORCE",
        Kind::Text("ANY"),
        "colours on a terminal",
        "The same as `FORCE_COLOR`, except that 0 says nothing",
    ),
    Setting::variable(
        Reader::Terminal,
        "CLICOLOR",
        Kind::Text("ANY"),
        "colours on a terminal",
        "No colours, if `0`",
    ),
    Setting::variable(
        Reader::Terminal,
        "KUKRI_COMPLETE",
        Kind::Text("SHELL"),
        "none",
        "Set by the scripts of `kukri completion` when a shell asks for words; the command then does nothing else",
    ),
];
