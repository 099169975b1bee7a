//! A port on a container's own loopback interface that the engine listens on.
//!
//! Only what runs in that container's network reaches it: no firewall is in the way, and nothing is open on the
//! machine. Without a network of its own, the container shares the loopback interface of the engine.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;

use oci_spec::runtime::Spec;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;

use crate::native::empty_namespace;
use crate::{NetworkLease, NetworkMode, RunRequest, SandboxError};

/// Takes a listener on 127.0.0.1 of the container's network before anything runs there, and says to the container, by
/// its spec, where it listens. It is not blocking. Called once, inside the runtime of the caller.
pub type OnLoopback = Box<dyn FnOnce(TcpListener, &mut Spec) + Send + Sync>;

/// Opens the port where the request wants one. Gives the network back that the run has to use. Where no port can be
/// opened, the run goes on without.
pub(crate) async fn attach(
    request: &mut RunRequest,
    lease: Option<NetworkLease>,
) -> Result<Option<NetworkLease>, SandboxError> {
    let Some(on_loopback) = request.loopback.take() else { return Ok(lease) };
    let mode = request.network;
    let (reply, answer) = oneshot::channel();
    // A thread of its own: it stays in the container's network to its end.
    std::thread::Builder::new()
        .name("sandbox-loopback".to_owned())
        .spawn(move || {
            // Dropped if nobody waits any more, and the network with it.
            drop(reply.send(open(mode, lease)));
        })
        .map_err(|source| SandboxError::io("start a thread for a port of a container", source))?;
    let (lease, listener) = answer.await.map_err(|_| {
        SandboxError::io("open a port of a container", std::io::Error::other("the thread for it ended early"))
    })?;
    match listener {
        Ok(listener) => on_loopback(listener, &mut request.spec),
        Err(error) => tracing::warn!(%error, "cannot listen on the loopback interface of a container"),
    }
    Ok(lease)
}

fn open(
    mode: NetworkMode,
    lease: Option<NetworkLease>,
) -> (Option<NetworkLease>, std::io::Result<TcpListener>) {
    let lease = match (mode, lease) {
        // Else the namespace is made while the run starts, when it is too late to tell the port.
        (NetworkMode::None, None) => match empty_namespace() {
            Ok(namespace) => {
                Some(NetworkLease { namespace, address: None, counters: None, guard: Box::new(()) })
            }
            Err(error) => return (None, Err(error)),
        },
        (_, lease) => lease,
    };
    let listener = listen(lease.as_ref());
    (lease, listener)
}

fn listen(lease: Option<&NetworkLease>) -> std::io::Result<TcpListener> {
    if let Some(lease) = lease {
        move_into_link_name_space(lease.namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
