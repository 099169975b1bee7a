//! A port that a container exposes.

use kukri_engine_macros::ApiEnum;
use kukri_model::schema::ObjectDef;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "Port", doc: "A port that a container exposes.", interfaces: &[] };

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum NetworkProtocol {
    /// TCP.
    #[member(name = "TCP")]
    Tcp,
    /// UDP.
    #[member(name = "UDP")]
    Udp,
}

/// What is known about a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortDetail {
    /// 1 to 65535.
    pub port: u16,
    /// Transport protocol.
    pub protocol: NetworkProtocol,
    /// What is behind it.
    pub description: Option<String>,
    /// Do not wait for it to accept connections.
    pub skip_healthcheck: bool,
}

/// A port.
#[derive(Clone, Debug)]
pub struct Port {
    /// What is known about it.
    pub detail: PortDetail,
}

impl ObjectType for Port {
    const NAME: &'static str = "Port";
}
