//! The page.

use super::Trace;

const TEMPLATE: &str = include_str!("viewer.html");
const STYLE: &str = include_str!("viewer.css");
const SCRIPTS: [&str; 4] = [
    include_str!("text.js"),
    include_str!("timeline.js"),
    include_str!("graph.js"),
    include_str!("viewer.js"),
];

/// Fills in the template.
pub(super) fn page(trace: &Trace) -> String {
    let json = serde_json::to_string(trace).unwrap_or_default();
    let title = if trace.run.command.is_empty() { "kukri" } else { &trace.run.command };
    let mut page = String::with_capacity(TEMPLATE.len() + STYLE.len() + json.len() + (64 << 10));
    for part in TEMPLATE.split_inclusive("}}") {
        let Some((before, name)) = part.strip_suffix("}}").and_then(|part| part.rsplit_once("{{")) else {
            page.push_str(part);
            continue;
        };
        page.push_str(before);
        match name {
            "title" => page.push_str(&escape(title)),
            "style" => page.push_str(STYLE),
            "script" => SCRIPTS.iter().for_each(|script| page.push_str(script)),
            "data" => page.push_str(&quote(&json)),
            _ => {}
        }
    }
    page
}

/// As text between tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// JSON within a `script` element: nothing in it may end that, or begin a comment.
fn quote(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use crate::event::Stream;
    use crate::testing::{log, span};
    use crate::trace::{Run, Trace};

    #[test]
    fn what_commands_write_is_never_markup() {
        let command = "</title><script>alert(1)</script>\u{2028}".to_owned();
        let mut trace = Trace::new(Run { command, ..Run::default() });
        trace.apply(&span(1, None, "<!--<script>", crate::SpanKind::Exec, 0.0));
        trace.apply(&log(1, Stream::Stdout, "</script><b>{{style}}\n", 0.0));
        let page = trace.html();
        assert_eq!(page.matches("</script>").count(), 2, "the data and the program");
        assert_eq!(page.matches("</title>").count(), 1);
        assert!(page.contains("&lt;/title&gt;") && page.contains("\\u003c/script>\\u003cb>{{style}}\""));
        let data = page.split_once("id=\"run\">").unwrap().1.split_once("</script>").unwrap().0;
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["steps"][0]["label"], "<!--<script>");
        assert_eq!(data["steps"][0]["log"][0][2], "</script><b>{{style}}");
        assert_eq!(data["run"]["command"], "</title><script>alert(1)</script>\u{2028}");
        assert!(page.contains("\\u2028\""));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = Trace::default().html();
        for outside in ["src=", "href=\"http", "url(", "@import", "fetch(", "XMLHttpRequest", "{{"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
