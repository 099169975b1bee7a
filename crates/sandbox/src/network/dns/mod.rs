//! Answers containers' DNS queries on the gateway's address.
//!
//! Queries are relayed to the host's resolvers from the host's own network, so resolvers on loopback
//! (systemd-resolved, dnsmasq, a VPN client) work for containers too. Answers pass through as they are, truncated ones
//! included: clients then ask again over TCP, which is relayed as TCP. One thread does all of it.

mod message;
mod relay;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, net};

use tokio::sync::oneshot;

use super::{NetworkError, Subnet};

/// Where clients ask.
pub(super) const PORT: u16 = 53;

/// Names which the engine itself can answer, such as those of services.
pub trait LocalNames: Send + Sync {
    /// The addresses of a name (lower case, no dot at its end); `None` for names that others answer. An empty list
    /// means that the name exists but has no address. Must not block.
    fn lookup(&self, name: &str) -> Option<Vec<IpAddr>>;
}

/// Where a forwarder listens: 53, unless somebody on the host already listens there on all addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ports {
    pub(super) udp: u16,
    pub(super) tcp: u16,
}

/// What the forwarder needs to know.
pub(super) struct Config {
    pub(super) bridge: String,
    pub(super) subnet: Subnet,
    pub(super) gateway: Ipv4Addr,
    pub(super) upstreams: Vec<SocketAddr>,
    pub(super) local: Option<Arc<dyn LocalNames>>,
}

/// A running forwarder; dropping it ends its thread.
pub(super) struct Forwarder {
    /// Where it listens.
    pub(super) ports: Ports,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Binds the sockets in the calling thread's network namespace and starts the thread.
    pub(super) fn start(config: Config) -> Result<Self, NetworkError> {
        let address = SocketAddr::from((config.gateway, PORT));
        let failed = |source| NetworkError::Dns { address, source };
        let udp: net::UdpSocket = bind(address, &config.bridge).map_err(failed)?;
        let tcp: net::TcpListener = bind(address, &config.bridge).map_err(failed)?;
        let ports = Ports { udp: udp.port().map_err(failed)?, tcp: tcp.port().map_err(failed)? };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("kukri-dns".into())
            .spawn(move || serve(udp, tcp, config, stopped))
            .map_err(failed)?;
        Ok(Self { ports, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(udp: net::UdpSocket, tcp: net::TcpListener, config: Config, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "cannot start the DNS forwarder"),
    };
    runtime.block_on(async move {
        let (udp, tcp) = match (tokio::net::UdpSocket::from_std(udp), tokio::net::TcpListener::from_std(tcp))
        {
            (Ok(udp), Ok(tcp)) => (udp, tcp),
            (Err(error), _) | (_, Err(error)) => {
                return tracing::error!(%error, "cannot start the DNS forwarder");
            }
        };
        let relay = Arc::new(relay::Relay::new(config));
        tokio::select! {
            () = relay::serve_udp(Arc::clone(&relay), Arc::new(udp)) => {}
            () = relay::serve_tcp(relay, tcp) => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

/// What is common to the two kinds of sockets.
trait Listening: AsFd + Sized {
    fn listen(address: SocketAddr) -> io::Result<Self>;
    fn port(&self) -> io::Result<u16>;
    fn set_nonblocking(&self) -> io::Result<()>;
}

impl Listening for net::UdpSocket {
    fn listen(address: SocketAddr) -> io::Result<Self> {
        Self::bind(address)
    }

    fn port(&self) -> io::Result<u16> {
        Ok(self.local_addr()?.port())
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

impl Listening for net::TcpListener {
    fn listen(address: SocketAddr) -> io::Result<Self> {
        Self::bind(address)
    }

    fn port(&self) -> io::Result<u16> {
        Ok(self.local_addr()?.port())
    }

    fn set_nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

/// Listens at the address, or on another port of it where that one is taken; the firewall then redirects.
fn bind<S: Listening>(address: SocketAddr, bridge: &str) -> io::Result<S> {
    let socket = match S::listen(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => S::listen((address.ip(), 0).into())?,
        outcome => outcome?,
    };
    // The host answers on all its addresses whatever interface a packet comes by; the forwarder must not become an
    // open resolver for the networks around the host.
    bind_to_device(socket.as_fd(), bridge)?;
    socket.set_nonblocking()?;
    Ok(socket)
}

fn bind_to_device(socket: BorrowedFd<'_>, device: &str) -> io::Result<()> {
    // SAFETY: pointer and length describe the name, which outlives the call.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            device.as_ptr().cast(),
            device.len() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
pub(super) mod tests {
    pub(in super::super) use super::message::tests::query;
    pub(in super::super) use super::message::{local_response, question};
}
