//! Takes queries in, answers local names, relays the rest.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::message::{self, Question};
use super::{Config, LocalNames};
use crate::network::Subnet;

/// How long one server may take; resolver libraries wait five seconds in all.
const UPSTREAM_PATIENCE: Duration = Duration::from_secs(2);
/// How many servers are asked, one after another, for one query.
const UPSTREAMS_PER_QUERY: usize = 3;
/// How long a TCP client may stay silent.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// Queries in flight; more are dropped, as a full queue would.
const MAX_QUERIES: usize = 1024;
/// TCP clients at once.
const MAX_CLIENTS: usize = 128;
const MAX_DATAGRAM: usize = 65_535;
/// Pause after an error of the listening socket (no more file descriptors, for instance).
const RECOVERY: Duration = Duration::from_millis(50);

/// Whether a query came, and goes on, over UDP or TCP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// What is common to all queries.
pub(super) struct Relay {
    subnet: Subnet,
    upstreams: Vec<SocketAddr>,
    /// The server which answered last; it is asked first.
    favourite: AtomicUsize,
    local: Option<Arc<dyn LocalNames>>,
    queries: Arc<Semaphore>,
    clients: Arc<Semaphore>,
}

impl Relay {
    pub(super) fn new(config: Config) -> Self {
        Self {
            subnet: config.subnet,
            upstreams: config.upstreams,
            favourite: AtomicUsize::new(0),
            local: config.local,
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
            clients: Arc::new(Semaphore::new(MAX_CLIENTS)),
        }
    }

    fn is_container(&self, client: SocketAddr) -> bool {
        matches!(client.ip(), IpAddr::V4(address) if self.subnet.contains(address))
    }

    /// The response to a query; `None` for what is not a query.
    async fn answer(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let question = message::question(query)?;
        if let Some(addresses) = self.local.as_ref().and_then(|local| local.lookup(&question.name)) {
            return Some(message::local_response(query, &question, &addresses));
        }
        Some(self.relay(query, &question, transport).await)
    }

    async fn relay(&self, query: &[u8], question: &Question, transport: Transport) -> Vec<u8> {
        let mut refusal = None;
        let count = self.upstreams.len();
        let first = self.favourite.load(Ordering::Relaxed);
        for offset in 0..count.min(UPSTREAMS_PER_QUERY) {
            let index = (first + offset) % count;
            let upstream = self.upstreams[index];
            let asked = async {
                match transport {
                    Transport::Udp => ask_udp(upstream, query).await,
                    Transport::Tcp => ask_tcp(upstream, query).await,
                }
            };
            match timeout(UPSTREAM_PATIENCE, asked).await {
                Ok(Ok(response)) => {
                    if matches!(message::code(&response), Some(message::SERVER_FAILURE | message::REFUSED)) {
                        refusal = Some(response);
                        continue;
                    }
                    self.favourite.store(index, Ordering::Relaxed);
                    return response;
                }
                Ok(Err(error)) => tracing::debug!(%upstream, %error, "DNS server failed"),
                Err(_) => tracing::debug!(%upstream, "DNS server did not answer in time"),
            }
        }
        refusal.unwrap_or_else(|| message::empty_response(query, question, message::SERVER_FAILURE))
    }
}

/// Answers queries over UDP for ever.
pub(super) async fn serve_udp(relay: Arc<Relay>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // An unreachable client's ICMP message arrives here too.
                tracing::debug!(%error, "DNS socket");
                tokio::time::sleep(RECOVERY).await;
                continue;
            }
        };
        if !relay.is_container(client) {
            continue;
        }
        let Ok(permit) = Arc::clone(&relay.queries).try_acquire_owned() else { continue };
        let query = buffer[..length].to_vec();
        let (relay, socket) = (Arc::clone(&relay), Arc::clone(&socket));
        tokio::spawn(async move {
            let _permit = permit;
            if let Some(response) = relay.answer(&query, Transport::Udp).await {
                let _ = socket.send_to(&response, client).await;
            }
        });
    }
}

/// Answers queries over TCP for ever.
pub(super) async fn serve_tcp(relay: Arc<Relay>, listener: TcpListener) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "DNS listener");
                tokio::time::sleep(RECOVERY).await;
                continue;
            }
        };
        if !relay.is_container(client) {
            continue;
        }
        let Ok(permit) = Arc::clone(&relay.clients).try_acquire_owned() else { continue };
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            let _permit = permit;
            let _ = converse(&relay, stream).await;
        });
    }
}

async fn converse(relay: &Relay, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let query = timeout(CLIENT_PATIENCE, read_framed(&mut stream)).await??;
        let Some(response) = relay.answer(&query, Transport::Tcp).await else { return Ok(()) };
        timeout(CLIENT_PATIENCE, write_framed(&mut stream, &response)).await??;
    }
}

async fn ask_udp(upstream: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = match upstream {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A fresh port for each query, and only that server's packets: hard to forge an answer.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(upstream).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if length >= message::HEADER && buffer[..2] == query[..2] {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn ask_tcp(upstream: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await?;
    write_framed(&mut stream, query).await?;
    let response = read_framed(&mut stream).await?;
    if response.len() < message::HEADER || response[..2] != query[..2] {
        return Err(io::Error::other("not an answer to the query"));
    }
    Ok(response)
}

/// Over TCP a message is preceded by its length.
async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length =
        u16::try_from(message.len()).map_err(|_| io::Error::other("a DNS message of more than 64 KiB"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}
