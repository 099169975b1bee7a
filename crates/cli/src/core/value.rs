//! Arguments: from what is written to what the API takes.

use kukri_api::Schema;
use kukri_api::schema::{Arg, Scalar, Type, TypeDef, TypeKind};
use serde_json::Value as Json;

/// A value for the API.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// As GraphQL writes it.
    Literal(String),
    /// An object that has to be asked for first.
    Object(Reference),
    /// Several.
    List(Vec<Self>),
}

/// An object by a text that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The text: a path, the reference of an image, the URI of a secret, the key of a cache volume.
    pub text: String,
    /// Functions, as GraphQL writes them, that lead to the object; each within the one before.
    pub functions: Vec<String>,
}

/// The value of a parameter, from all texts that were given for it.
pub fn parse(schema: &Schema, parameter: &Arg, texts: &[String]) -> Result<Value, String> {
    match parameter.ty.nullable() {
        Type::List(inner) => {
            let mut items = Vec::new();
            for text in texts {
                items.extend(list(schema, parameter, inner, text)?);
            }
            Ok(Value::List(items))
        }
        ty => {
            let text = texts.last().map(String::as_str).unwrap_or_default();
            single(schema, parameter, ty, text)
        }
    }
}

/// Items of a list: JSON, or separated by commas, with quotes as in CSV.
fn list(schema: &Schema, parameter: &Arg, item: &Type, text: &str) -> Result<Vec<Value>, String> {
    let def = schema.get(item.base());
    let json = text.trim_start();
    if json.starts_with('[')
        && let Ok(Json::Array(items)) = serde_json::from_str(json)
    {
        let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        return items.iter().map(|json| single(schema, parameter, item, &text(json))).collect();
    }
    // The fields of an input have commas of their own.
    if matches!(def.kind, TypeKind::Input(_)) && json.starts_with('{') {
        return Ok(vec![single(schema, parameter, item, text)?]);
    }
    split(text)?.iter().map(|text| single(schema, parameter, item, text)).collect()
}

/// What to write where quotes and commas get in the way.
const AS_JSON: &str = r#"as JSON it is unambiguous: '["sh", "-c", "echo \"a, b\""]'"#;

/// Items between commas, one record of CSV. An item that has a comma, or begins with a quote, is in double quotes. Where commas
/// separate, a line break outside of quotes would be taken for the end of the list or for that of an item: it is refused, while
/// a single item has as many as it wants.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut items = Vec::new();
    let mut rest = (!text.is_empty()).then_some(text);
    let mut breaks = false;
    while let Some(text) = rest {
        let item;
        (item, rest) = match text.strip_prefix('"') {
            Some(quoted) => in_quotes(quoted)?,
            None => {
                let (item, rest) =
                    text.split_once(',').map_or((text, None), |(item, rest)| (item, Some(rest)));
                breaks |= item.contains(['\n', '\r']);
                (item.to_owned(), rest)
            }
        };
        items.push(item);
    }
    if breaks && items.len() > 1 {
        return Err(format!("a line break in a list with commas; {AS_JSON}"));
    }
    Ok(items)
}

/// An item whose quote has been opened, and what follows the comma behind it. A quote within it is written twice.
fn in_quotes(mut text: &str) -> Result<(String, Option<&str>), String> {
    let mut item = String::new();
    loop {
        let (part, rest) = text.split_once('"').ok_or_else(|| format!("a quote is not closed; {AS_JSON}"))?;
        item.push_str(part);
        text = match rest.strip_prefix('"') {
            Some(more) => {
                item.push('"');
                more
            }
            None if rest.is_empty() => return Ok((item, None)),
            None => {
                let next = rest.strip_prefix(',');
                let next = next.ok_or_else(|| format!("{rest:?} behind an item in quotes; {AS_JSON}"))?;
                return Ok((item, Some(next)));
            }
        };
    }
}

fn single(schema: &Schema, parameter: &Arg, ty: &Type, text: &str) -> Result<Value, String> {
    let def = schema.get(ty.base());
    let literal = match &def.kind {
        TypeKind::Scalar(Scalar::Id) => return object(schema, parameter, text),
        TypeKind::Input(fields) => input(schema, def, fields, text)?,
        _ => leaf(def, text)?,
    };
    Ok(Value::Literal(literal))
}

/// A scalar or the member of an enum.
fn leaf(def: &TypeDef, text: &str) -> Result<String, String> {
    match &def.kind {
        // With the base that it is written in, as the API reads such a text: modes of files are octal everywhere.
        TypeKind::Scalar(Scalar::Int) => kukri_api::integer(text.trim())
            .map(|number| number.to_string())
            .ok_or_else(|| format!("{text:?} is not a whole number")),
        TypeKind::Scalar(Scalar::Float) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number.to_string()),
            _ => Err(format!("{text:?} is not a number")),
        },
        TypeKind::Scalar(Scalar::Boolean) => match text {
            "true" | "false" => Ok(text.to_owned()),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
        TypeKind::Enum(members) => {
            let member = members.values().find(|member| member.name.eq_ignore_ascii_case(text));
            member.map(|member| member.name.to_string()).ok_or_else(|| {
                let names: Vec<&str> = members.values().map(|member| &*member.name).collect();
                format!("{text:?} is none of {}", names.join(", "))
            })
        }
        _ => Ok(quoted(text)),
    }
}

/// A text as GraphQL writes it, which is as JSON does.
pub fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// An input object: JSON, or for two of them the form in which they are usually written.
fn input(schema: &Schema, def: &TypeDef, fields: &[Arg], text: &str) -> Result<String, String> {
    let names = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
    if !text.trim_start().starts_with('{') {
        return short_form(&def.name, text)
            .ok_or_else(|| format!("{text:?}: expected a JSON object with {}", names()));
    }
    let json: Json = serde_json::from_str(text).map_err(|error| format!("{text:?} is not JSON: {error}"))?;
    let mut parts = Vec::new();
    for (key, value) in json.as_object().into_iter().flatten() {
        let field = fields
            .iter()
            .find(|field| field.name == key)
            .ok_or_else(|| format!("{text:?}: {} has no {key:?}, but {}", def.name, names()))?;
        if value.is_null() && field.ty.is_nullable() {
            continue;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let literal = leaf(schema.get(field.ty.base()), &text).map_err(|error| format!("{key}: {error}"))?;
        parts.push(format!("{key}: {literal}"));
    }
    if let Some(missing) =
        fields.iter().find(|field| field.is_required() && json.get(field.name).is_none_or(Json::is_null))
    {
        return Err(format!("{text:?}: {:?} is missing", missing.name));
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

/// `NAME=VALUE`, and `FRONTEND:BACKEND[/PROTOCOL]`.
fn short_form(type_name: &str, text: &str) -> Option<String> {
    if type_name != "PortForward" {
        let (name, value) = text.split_once('=')?;
        return Some(format!("{{name: {}, value: {}}}", quoted(name), quoted(value)));
    }
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol)) => (ports, format!(", protocol: {}", protocol.to_uppercase())),
        None => (text, String::new()),
    };
    let (frontend, backend) = ports.split_once(':').map_or((None, ports), |(a, b)| (Some(a), b));
    let backend: u16 = backend.parse().ok()?;
    let frontend = match frontend {
        Some(port) => format!("frontend: {}, ", port.parse::<u16>().ok()?),
        None => String::new(),
    };
    Some(format!("{{{frontend}backend: {backend}{protocol}}}"))
}

/// An object by its ID, or by a text that stands for it.
fn object(schema: &Schema, parameter: &Arg, text: &str) -> Result<Value, String> {
    let expected = parameter.expected_type.as_deref();
    if let Ok((found, _)) = kukri_api::ids::decode(text) {
        let fits = match (expected.and_then(|name| schema.find(name)), schema.find(found)) {
            (Some(expected), Some(found)) => schema.is_a(found, expected),
            _ => true,
        };
        return if fits {
            Ok(Value::Literal(quoted(text)))
        } else {
            Err(format!("the ID is that of a {found}, not of a {}", expected.unwrap_or_default()))
        };
    }
    let Some(expected) = expected else { return Ok(Value::Literal(quoted(text))) };
    if expected == "CacheVolume" {
        let functions = vec![format!("cacheVolume(key: {})", quoted(text))];
        return Ok(Value::Object(Reference { text: text.to_owned(), functions }));
    }
    let by_address =
        schema.find("Address").and_then(|address| schema.composite(address)).and_then(|address| {
            address.fields.values().find(|field| schema.get(field.ty.base()).name == expected)
        });
    match by_address {
        Some(field) => {
            let functions = vec![format!("address(value: {})", quoted(text)), field.name.to_string()];
            Ok(Value::Object(Reference { text: text.to_owned(), functions }))
        }
        None => {
            Err(format!("{text:?} is not the ID of a {expected}; a chain that ends with `id` prints one"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::api;

    fn parse(field: &str, argument: &str, texts: &[&str]) -> Result<Value, String> {
        let schema = api();
        let (on, name) = field.split_once('.').unwrap();
        let field = &schema.composite(schema.find(on).unwrap()).unwrap().fields[name];
        let parameter = field.args.iter().find(|parameter| parameter.name == argument).unwrap();
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        super::parse(&schema, parameter, &texts)
    }

    fn literal(field: &str, argument: &str, texts: &[&str]) -> String {
        match parse(field, argument, texts) {
            Ok(Value::Literal(literal)) => literal,
            Ok(Value::List(items)) => {
                items
                    .iter()
                    .map(|item| {
                        if let Value::Literal(literal) = item { literal.clone() } else { format!("{item:?}") }
                    })
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn lists_are_csv_or_json() {
        let args = |texts: &[&str]| literal("Container.withExec", "args", texts);
        assert_eq!(args(&["echo,hi"]), r#""echo" "hi""#);
        assert_eq!(args(&["sh", "-c", r#""echo a, b""#]), r#""sh" "-c" "echo a, b""#);
        assert_eq!(args(&[r#"["sh", "-c", "echo \"a\", b"]"#]), r#""sh" "-c" "echo \"a\", b""#);
        assert_eq!(args(&["[", "a", "]"]), r#""[" "a" "]""#);
        assert_eq!(args(&["a,,b"]), r#""a" "" "b""#);
        assert_eq!(args(&["a,"]), r#""a" """#);
        assert_eq!(args(&[r#"echo "a" b,"say ""c, d""""#]), r#""echo \"a\" b" "say \"c, d\"""#);
        assert_eq!(args(&["sh", "-c", "two\nlines\r\n"]), r#""sh" "-c" "two\nlines\r\n""#);
        assert_eq!(
            args(&[r#""two
lines""#]),
            r#""two\nlines""#
        );
        assert_eq!(args(&["sh,-c,\"two\nlines\""]), r#""sh" "-c" "two\nlines""#);
        assert_eq!(args(&[""]), "");
        for (text, part) in [
            ("a,b\nc", "a line break"),
            ("echo 1, 2\necho 3", "a line break"),
            ("\"a\"\nb", "behind an item in quotes"),
            ("\"$A\" b", "behind an item in quotes"),
            ("\"a", "not closed"),
            // No JSON, which has no line breaks in texts.
            ("[\"sh\", \"-c\", \"a\nb\"]", "a line break"),
        ] {
            let error = parse("Container.withExec", "args", &[text]).unwrap_err();
            assert!(error.contains(part) && error.contains("JSON"), "{text}: {error}");
        }
    }

    #[test]
    fn leaves() {
        assert_eq!(literal("Container.withExec", "expect", &["any"]), "ANY");
        assert!(parse("Container.withExec", "expect", &["most"]).unwrap_err().contains("SUCCESS"));
        assert_eq!(literal("Directory.withNewFile", "permissions", &["420"]), "420");
        for text in ["0755", "0o755", "0x1ed", "0b111101101", "493", "0_755"] {
            assert_eq!(literal("Directory.withNewFile", "permissions", &[text]), "493", "{text}");
        }
        for text in ["0o9", "rwx", "", "1__0", "1.5"] {
            assert!(parse("Directory.withNewFile", "permissions", &[text]).is_err(), "{text}");
        }
        assert_eq!(literal("Query.container", "platform", &["linux/arm64"]), "\"linux/arm64\"");
        assert_eq!(literal("Directory.withNewFile", "contents", &["a\n\"\u{1}é"]), r#""a\n\"\u0001é""#);
    }

    #[test]
    fn inputs() {
        let build = |texts: &[&str]| literal("Directory.dockerBuild", "buildArgs", texts);
        assert_eq!(build(&[r#"{"name": "A", "value": "b, c"}"#]), r#"{name: "A", value: "b, c"}"#);
        assert_eq!(build(&["A=b=c,D=e"]), r#"{name: "A", value: "b=c"} {name: "D", value: "e"}"#);
        assert_eq!(build(&[r#"[{"name": "A", "value": "b"}]"#]), r#"{name: "A", value: "b"}"#);
        for (text, part) in [
            ("A", "a JSON object with name, value"),
            (r#"{"name": "A"}"#, "\"value\" is missing"),
            (r#"{"name": "A", "value": "b", "more": 1}"#, "no \"more\""),
            ("{", "not JSON"),
        ] {
            let error = parse("Directory.dockerBuild", "buildArgs", &[text]).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(
            short_form("PortForward", "8080:80/udp").unwrap(),
            "{frontend: 8080, backend: 80, protocol: UDP}"
        );
        assert_eq!(short_form("PortForward", "80").unwrap(), "{backend: 80}");
        assert_eq!(short_form("PortForward", "http"), None);
    }

    #[test]
    fn objects() {
        let id = "Container.JnCVDh-brR4a0gbcIyqEVkk0ePuyQLB9reErZjm-890.DQP3";
        let directory = |text| parse("Container.withDirectory", "source", &[text]);
        assert!(directory(id).unwrap_err().contains("ID is that of a Container, not of a Directory"));
        let Ok(Value::Object(reference)) = directory("./a \"b\"") else { panic!("no object") };
        assert_eq!(reference.functions, [r#"address(value: "./a \"b\"")"#, "directory"]);
        let Ok(Value::Object(volume)) = parse("Container.withMountedCache", "cache", &["pip"]) else {
            panic!()
        };
        assert_eq!(volume.functions, ["cacheVolume(key: \"pip\")"]);
        assert!(parse("Directory.withChanges", "changes", &["x"]).unwrap_err().contains("ends with `id`"));
    }
}
