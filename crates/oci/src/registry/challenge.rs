//! The `WWW-Authenticate` header: what a registry wants to see.

/// One way to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// URL of the token server.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

/// Reads one header line, which may hold several challenges; unknown schemes are left out.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',']).unwrap_or(rest.len());
        let scheme = &rest[..end];
        let (parameters, after) = parameters(&rest[end..]);
        let get = |name: &str| {
            parameters
                .iter()
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            challenges.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = get("realm")
        {
            challenges.push(Challenge::Bearer { realm, service: get("service"), scope: get("scope") });
        }
        rest = after.trim_start_matches([' ', ',']);
    }
    challenges
}

/// `name=value, name="quoted value"` up to the next scheme, and what follows.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        let start = rest.trim_start_matches([' ', ',']);
        let Some(equals) = start.find(['=', ' ', ',']).filter(|&at| start[at..].starts_with('=')) else {
            return (found, start);
        };
        let (name, value) = (&start[..equals], &start[equals + 1..]);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = value.find([' ', ',']).unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            }
        };
        found.push((name.to_owned(), value));
        rest = after;
    }
}

fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn headers_of_real_registries() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull,push""#,
                vec![bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/alpine:pull,push"),
                )],
            ),
            (r#"Basic realm="Registry Realm""#, vec![Challenge::Basic]),
            (
                r#"basic realm=x, BEARER realm="https://t/""#,
                vec![Challenge::Basic, bearer("https://t/", None, None)],
            ),
            (
                r#"Negotiate, Bearer realm=https://t , service="a \" b""#,
                vec![bearer("https://t", Some("a \" b"), None)],
            ),
            ("Bearer", vec![]),
            ("", vec![]),
            (r#"Bearer realm="unclosed"#, vec![bearer("unclosed", None, None)]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
