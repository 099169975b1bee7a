//! Expressions of Python, laid out as its formatters do: on one line, or else broken at calls and arguments.

/// Longest line of an example; there is room for the indent of a docstring.
pub const WIDTH: usize = 88;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Code {
    /// A literal or a name.
    Text(String),
    /// A list.
    List(Vec<Code>),
    /// A class with arguments by keyword.
    New(String, Vec<Arg>),
    /// Calls of methods, one after the other.
    Calls(Box<Calls>),
    /// `[item for item in items]`.
    Each {
        /// What is asked of each item.
        item: Box<Code>,
        /// The list.
        of: Box<Code>,
    },
}

/// An argument, with its name where it is passed by keyword.
pub type Arg = (Option<String>, Code);

/// Calls of methods on an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls {
    /// The object.
    pub on: Code,
    /// Methods with their arguments.
    pub calls: Vec<(String, Vec<Arg>)>,
    /// Whether the result is awaited.
    pub wait: bool,
}

impl Code {
    /// On one line.
    pub fn flat(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::flat).collect::<Vec<_>>().join(", "))
            }
            Self::New(name, args) => format!("{name}({})", flat_args(args)),
            Self::Calls(calls) => calls.flat(),
            Self::Each { item, of } => format!("[{} for item in {}]", item.flat(), of.flat()),
        }
    }

    /// On as many lines as it needs, of which the first begins after `taken` characters and the others are indented.
    /// `inside` brackets a line may end anywhere.
    pub fn lay(&self, indent: usize, taken: usize, inside: bool) -> String {
        let flat = self.flat();
        if taken + flat.len() <= WIDTH {
            return flat;
        }
        let (pad, deep) = (" ".repeat(indent), indent + 4);
        let open = " ".repeat(deep);
        match self {
            Self::Text(_) => flat,
            Self::List(items) => {
                let items = items.iter().map(|item| format!("{open}{},\n", item.lay(deep, deep + 1, true)));
                format!("[\n{}{pad}]", items.collect::<String>())
            }
            Self::New(name, args) => format!("{name}{}", lay_args(args, indent)),
            Self::Calls(calls) if inside && !calls.wait => calls.lay(indent),
            Self::Calls(calls) => {
                let wait = if calls.wait { "await " } else { "" };
                format!("{wait}(\n{open}{}\n{pad})", calls.lay(deep))
            }
            Self::Each { item, of } => {
                let (item, of) = (item.lay(deep, deep, false), of.lay(deep, deep + 12, false));
                format!("[\n{open}{item}\n{open}for item in {of}\n{pad}]")
            }
        }
    }
}

impl Calls {
    /// The object, in brackets where it has been waited for.
    fn base(&self) -> String {
        match &self.on {
            Code::Calls(inner) if inner.wait => format!("({})", inner.flat()),
            on => on.flat(),
        }
    }

    fn flat(&self) -> String {
        let calls = self.calls.iter().map(|(name, args)| format!(".{name}({})", flat_args(args)));
        let wait = if self.wait { "await " } else { "" };
        format!("{wait}{}{}", self.base(), calls.collect::<String>())
    }

    /// A call on each line, but the first, which stays with a plain object.
    fn lay(&self, indent: usize) -> String {
        let base = match &self.on {
            Code::Calls(inner) if inner.wait => Code::Calls(inner.clone()).lay(indent, indent + 2, false),
            on => on.flat(),
        };
        let mut out = if base.starts_with("await ") { format!("({base})") } else { base };
        let pad = " ".repeat(indent);
        for (at, (name, args)) in self.calls.iter().enumerate() {
            if at > 0 || out.len() > 8 {
                out.push('\n');
                out.push_str(&pad);
            }
            let flat = format!(".{name}({})", flat_args(args));
            if indent + flat.len() <= WIDTH {
                out.push_str(&flat);
            } else {
                out.push_str(&format!(".{name}{}", lay_args(args, indent)));
            }
        }
        out
    }
}

fn flat_args(args: &[Arg]) -> String {
    let arg = |(name, value): &Arg| match name {
        Some(name) => format!("{name}={}", value.flat()),
        None => value.flat(),
    };
    args.iter().map(arg).collect::<Vec<_>>().join(", ")
}

/// Arguments on lines of their own: on one if they fit.
fn lay_args(args: &[Arg], indent: usize) -> String {
    let (pad, deep) = (" ".repeat(indent), indent + 4);
    let open = " ".repeat(deep);
    let flat = flat_args(args);
    if deep + flat.len() <= WIDTH {
        return format!("(\n{open}{flat}\n{pad})");
    }
    let mut out = "(\n".to_owned();
    for (name, value) in args {
        let name = name.as_ref().map(|name| format!("{name}=")).unwrap_or_default();
        // The comma counts.
        out.push_str(&format!("{open}{name}{},\n", value.lay(deep, deep + name.len() + 1, true)));
    }
    format!("{out}{pad})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Code {
        Code::Text(text.to_owned())
    }

    fn calls(on: Code, calls: &[(&str, Vec<Arg>)], wait: bool) -> Code {
        let calls = calls.iter().map(|(name, args)| ((*name).to_owned(), args.clone())).collect();
        Code::Calls(Box::new(Calls { on, calls, wait }))
    }

    #[test]
    fn short_ones_stay_on_a_line() {
        let code = calls(text("dag"), &[("file", vec![(None, text("1"))]), ("digest", vec![])], true);
        assert_eq!(code.lay(0, 0, false), "await dag.file(1).digest()");
        let more = calls(code, &[("name", vec![])], true);
        assert_eq!(more.flat(), "await (await dag.file(1).digest()).name()");
    }

    #[test]
    fn long_ones_are_broken_at_calls_then_at_arguments() {
        let word = text(&format!("\"{}\"", "x".repeat(40)));
        let inner = calls(text("dag"), &[("directory", vec![]), ("file", vec![(None, word.clone())])], false);
        let args = vec![(None, word.clone()), (Some("source".to_owned()), inner)];
        let code =
            calls(text("dag"), &[("container", vec![]), ("with_file", args), ("stdout", vec![])], true);
        let x = word.flat();
        assert_eq!(
            code.lay(0, 0, false),
            format!(
                "await (\n    dag.container()\n    .with_file(\n        {x},\n        \
                 source=dag.directory().file({x}),\n    )\n    .stdout()\n)"
            )
        );
    }

    #[test]
    fn lists_of_objects() {
        let word = text(&format!("\"{}\"", "x".repeat(70)));
        let list = calls(text("dag"), &[("of", vec![(None, word.clone())])], true);
        let item = calls(text("item"), &[("name", vec![])], true);
        let code = Code::Each { item: Box::new(item), of: Box::new(list) };
        let expected = format!(
            "[\n    await item.name()\n    for item in await (\n        dag.of({})\n    )\n]",
            word.flat()
        );
        assert_eq!(code.lay(0, 0, false), expected);
    }
}
