//! The input objects of the API.

use kukri_engine_macros::ApiInput;

use super::port::NetworkProtocol;

/// A build argument of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, ApiInput)]
pub struct BuildArg {
    /// Name, as after `ARG`.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A label. Nothing of the API takes one, so there is no example.
#[derive(Clone, Debug, PartialEq, Eq, ApiInput)]
pub struct PipelineLabel {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A port that is passed on to another.
#[derive(Clone, Debug, PartialEq, Eq, ApiInput)]
pub struct PortForward {
    /// Port to listen on; without it, any that is free.
    pub frontend: Option<i64>,
    /// Port to pass connections on to.
    pub backend: i64,
    /// Transport protocol.
    #[arg(default = "TCP")]
    pub protocol: NetworkProtocol,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{ApiInput, ArgValue, FromArg};

    #[test]
    fn fields_and_defaults() {
        let types: Vec<String> =
            PortForward::DEF.fields.iter().map(|field| format!("{}: {}", field.name, field.ty)).collect();
        assert_eq!(types, ["frontend: Int", "backend: Int!", "protocol: NetworkProtocol"]);
        let forward = PortForward::from_arg(ArgValue::Object(vec![("backend", ArgValue::Int(80))])).unwrap();
        assert_eq!(forward, PortForward { frontend: None, backend: 80, protocol: NetworkProtocol::Tcp });
        let error = PortForward::from_arg(ArgValue::Int(1)).unwrap_err();
        assert!(error.to_string().contains("PortForward"), "{error}");
    }
}
