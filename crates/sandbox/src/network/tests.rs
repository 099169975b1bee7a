//! The pool on a host of its own: a network namespace with an uplink to another one, which plays the outside world.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::dns::tests::query;
use super::namespace::{Maker, Plan};
use super::netlink::Socket;
use super::nft::tests::{drop_everything, rules_in};
use super::rtnl::{self, By};
use super::*;

const WORLD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PATIENCE: Duration = Duration::from_secs(3);

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        #[expect(clippy::print_stderr, reason = "tells the reader of the test's output")]
        {
            eprintln!("skipped: needs root");
        }
    }
    root
}

/// Runs `body` in a new network namespace.
fn on_new_host<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let run = || {
        // SAFETY: the file descriptor table is not unshared.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        Socket::open(libc::NETLINK_ROUTE).unwrap().request(rtnl::set_up(By::Index(1))).unwrap();
        body()
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// Runs `body` in this namespace.
fn inside<T: Send>(namespace: BorrowedFd<'_>, body: impl FnOnce() -> T + Send) -> T {
    let run = || {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network)).unwrap();
        body()
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// Gives the present namespace an uplink with an MTU of 1400 to a world behind its default route.
fn connect_to_world() -> OwnedFd {
    let mut socket = Socket::open(libc::NETLINK_ROUTE).unwrap();
    let subnet = Subnet::new(HOST, 24);
    socket.request(rtnl::new_bridge("up0", [2, 0, 0, 0, 0, 1], 1400)).unwrap();
    let link = rtnl::find_link(&mut socket, By::Name("up0")).unwrap().unwrap();
    socket
        .batch(vec![rtnl::new_address(link.index, HOST, subnet), rtnl::set_up(By::Index(link.index))])
        .unwrap();
    let plan = Plan { bridge_index: link.index, subnet, mtu: 1400, ipv6: false };
    let world = Maker::new(plan).unwrap().make("up0-0", WORLD).unwrap();
    socket.request(rtnl::new_default_route(WORLD)).unwrap();
    world
}

/// A server in the present namespace which tells each client what address it sees.
fn serve_peer_addresses(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let peer = stream.peer_addr().unwrap().ip().to_string();
            let _ = stream.write_all(peer.as_bytes());
        }
    });
}

/// A DNS server in the present namespace: answers every query with `answer`, over UDP truncated if so wished.
fn serve_dns(address: SocketAddr, answer: Ipv4Addr, truncate: bool) {
    let respond = move |query: &[u8], truncated: bool| {
        let question = dns::tests::question(query).unwrap();
        let mut response = dns::tests::local_response(query, &question, &[answer.into()]);
        if truncated {
            response[2] |= 2;
        }
        response
    };
    let udp = UdpSocket::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = udp.recv_from(&mut buffer) {
            udp.send_to(&respond(&buffer[..length], truncate), client).unwrap();
        }
    });
    let tcp = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let response = respond(&query, false);
            stream.write_all(&(response.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&response).unwrap();
        }
    });
}

/// What the server at `address` answers, as seen from the present namespace.
fn ask_peer_address(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn ask_udp(server: Ipv4Addr, name: &str) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE * 2))?;
    socket.send_to(&query(77, name, 1), (server, 53))?;
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer)?;
    Ok(buffer[..length].to_vec())
}

fn ask_tcp(server: Ipv4Addr, name: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&(server, 53).into(), PATIENCE)?;
    let query = query(78, name, 1);
    stream.write_all(&(query.len() as u16).to_be_bytes())?;
    stream.write_all(&query)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut response = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut response)?;
    Ok(response)
}

fn last_octets(response: &[u8]) -> [u8; 4] {
    response[response.len() - 4..].try_into().unwrap()
}

fn config(dns: &[IpAddr]) -> PoolConfig {
    PoolConfig { size: 2, dns: dns.to_vec(), ..PoolConfig::default() }
}

#[test]
fn privileged_a_container_reaches_the_world_by_the_hosts_address() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let world = connect_to_world();
        inside(world.as_fd(), || {
            serve_peer_addresses((WORLD, 8000).into());
            serve_dns((WORLD, 53).into(), WORLD, false);
        });
        let pool = Pool::start(config(&[WORLD.into()])).unwrap();
        assert_eq!((pool.bridge(), pool.mtu()), ("kukri0", 1400));
        assert_eq!(pool.warnings(), [""; 0]);
        let namespace = pool.take().unwrap();
        inside(namespace.fd(), || {
            let response = ask_udp(pool.gateway(), "web.example").unwrap();
            assert_eq!(response[..2], 77u16.to_be_bytes());
            let address = Ipv4Addr::from(last_octets(&response));
            let seen = ask_peer_address((address, 8000).into()).unwrap();
            assert_eq!(seen, HOST.to_string(), "the container's own address does not leave the host");
        });
        let link = inside(namespace.fd(), || {
            let mut socket = Socket::open(libc::NETLINK_ROUTE).unwrap();
            rtnl::find_link(&mut socket, By::Name("eth0")).unwrap().unwrap()
        });
        assert_eq!(link.mtu, 1400);
    });
}

#[test]
fn privileged_two_engines_do_not_disturb_each_other() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let world = connect_to_world();
        inside(world.as_fd(), || serve_peer_addresses((WORLD, 8000).into()));
        let first = Pool::start(config(&[])).unwrap();
        let second = Pool::start(config(&[])).unwrap();
        assert_eq!((first.bridge(), second.bridge()), ("kukri0", "kukri1"));
        assert_ne!(first.subnet(), second.subnet());
        let (one, other) = (first.take().unwrap(), second.take().unwrap());
        inside(one.fd(), || serve_peer_addresses((one.address(), 8000).into()));
        let from_other = inside(other.fd(), || {
            TcpStream::connect_timeout(&(one.address(), 8000).into(), Duration::from_millis(300))
        });
        assert!(from_other.is_err(), "one engine's containers reach another's");
        let from_world = inside(world.as_fd(), || {
            TcpStream::connect_timeout(&(one.address(), 8000).into(), Duration::from_millis(300))
        });
        assert!(from_world.is_err(), "the world reaches a container which published nothing");
        assert_eq!(ask_peer_address((one.address(), 8000).into()).unwrap(), first.gateway().to_string());
        drop((one, first));
        inside(other.fd(), || ask_peer_address((WORLD, 8000).into()).unwrap());
        assert_eq!(Pool::start(config(&[])).unwrap().bridge(), "kukri0", "the name is free again");
    });
}

#[test]
fn privileged_what_a_killed_engine_left_is_cleared_away() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let mut socket = Socket::open(libc::NETLINK_ROUTE).unwrap();
        socket.request(rtnl::new_bridge("kukri0", [2, 0, 0, 0, 0, 9], 1500)).unwrap();
        let old = rtnl::find_link(&mut socket, By::Name("kukri0")).unwrap().unwrap();
        let subnet = Subnet::default();
        socket
            .batch(vec![
                rtnl::new_address(old.index, subnet.gateway(), subnet),
                rtnl::set_up(By::Index(old.index)),
            ])
            .unwrap();
        let pool = Pool::start(config(&[])).unwrap();
        assert_eq!(pool.subnet(), subnet, "the old bridge's route does not count");
        drop(pool.take().unwrap());
        drop(pool);
        assert_eq!(rtnl::find_link(&mut socket, By::Name("kukri0")).unwrap(), None);
    });
}

#[test]
fn privileged_an_address_is_used_again_when_its_namespace_is_gone() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let subnet: Subnet = "10.87.5.0/29".parse().unwrap();
        let pool = Pool::start(PoolConfig { subnet, ..config(&[]) }).unwrap();
        let mut taken: Vec<NetNs> = (0..5).map(|_| pool.take().unwrap()).collect();
        let mut addresses: Vec<Ipv4Addr> = taken.iter().map(NetNs::address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 5, "five different ones");
        assert!(pool.try_take().is_none(), "a /29 has no sixth");

        let last = taken.pop().unwrap();
        inside(last.fd(), send_one);
        let (address, alive) = (last.address(), last.fd().try_clone_to_owned().unwrap());
        drop(last);
        std::thread::sleep(Duration::from_millis(200));
        assert!(pool.try_take().is_none(), "the namespace lives on in a descriptor");
        drop(alive);
        assert_eq!(pool.take().unwrap().address(), address);
    });
}

#[test]
fn privileged_firewalls_which_drop_are_passed_and_left_as_they_were() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let world = connect_to_world();
        inside(world.as_fd(), || serve_peer_addresses((WORLD, 8000).into()));
        drop_everything();
        let pool = Pool::start(PoolConfig { local_names: Some(Arc::new(Names)), ..config(&[]) }).unwrap();
        assert_eq!(pool.warnings(), [""; 0]);
        let namespace = pool.take().unwrap();
        inside(namespace.fd(), || {
            assert_eq!(ask_peer_address((WORLD, 8000).into()).unwrap(), HOST.to_string());
            assert_eq!(last_octets(&ask_udp(pool.gateway(), "db").unwrap()), [10, 0, 0, 9]);
            assert_eq!(last_octets(&ask_tcp(pool.gateway(), "db").unwrap()), [10, 0, 0, 9]);
        });
        assert_eq!((rules_in("FORWARD"), rules_in("INPUT")), (2, 2));
        drop((namespace, pool));
        assert_eq!((rules_in("FORWARD"), rules_in("INPUT")), (0, 0));
    });
}

struct Names;

impl LocalNames for Names {
    fn lookup(&self, name: &str) -> Option<Vec<IpAddr>> {
        (name == "db").then(|| vec![IpAddr::from([10, 0, 0, 9])])
    }
}

#[test]
fn privileged_dns_is_relayed_to_a_resolver_on_loopback() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let resolver = Ipv4Addr::new(127, 0, 0, 53);
        serve_dns((resolver, 53).into(), Ipv4Addr::new(203, 0, 113, 7), true);
        // The first server does not exist; its refusal must not stop the second from being asked.
        let pool = Pool::start(PoolConfig {
            search: vec!["corp.example".into()],
            ..config(&[IpAddr::from([127, 0, 0, 99]), resolver.into()])
        })
        .unwrap();
        assert_eq!(pool.resolv_conf(), "nameserver 10.87.0.1\nsearch corp.example\n");
        let namespace = pool.take().unwrap();
        inside(namespace.fd(), || {
            let response = ask_udp(pool.gateway(), "big.example").unwrap();
            assert_eq!(response[2] & 2, 2, "the mark of a truncated answer passes through");
            let response = ask_tcp(pool.gateway(), "big.example").unwrap();
            assert_eq!(last_octets(&response), [203, 0, 113, 7]);
        });
    });
}

#[test]
fn privileged_dns_works_beside_a_server_on_all_addresses_of_the_host() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let _udp = UdpSocket::bind("0.0.0.0:53").unwrap();
        let _tcp = TcpListener::bind("0.0.0.0:53").unwrap();
        drop_everything();
        let pool = Pool::start(PoolConfig { local_names: Some(Arc::new(Names)), ..config(&[]) }).unwrap();
        let namespace = pool.take().unwrap();
        inside(namespace.fd(), || {
            assert_eq!(last_octets(&ask_udp(pool.gateway(), "db").unwrap()), [10, 0, 0, 9]);
            assert_eq!(last_octets(&ask_tcp(pool.gateway(), "db").unwrap()), [10, 0, 0, 9]);
        });
    });
}

#[test]
fn privileged_dns_fails_soon_when_no_server_answers() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let silent = UdpSocket::bind("127.0.0.53:53").unwrap();
        let pool = Pool::start(config(&[silent.local_addr().unwrap().ip()])).unwrap();
        let namespace = pool.take().unwrap();
        let begun = Instant::now();
        let response = inside(namespace.fd(), || ask_udp(pool.gateway(), "web.example").unwrap());
        assert_eq!(response[3] & 0xf, 2, "server failure");
        assert!(begun.elapsed() < Duration::from_secs(4));
        drop(silent);
    });
}

/// Sends a packet to where nobody listens.
fn send_one() {
    let sent = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.1:9").unwrap();
    assert_eq!(sent, 1);
}

/// How many different namespaces are given out when `count` are taken one after the other; their addresses tell.
fn different(count: usize, mut take: impl FnMut() -> IpAddr) -> usize {
    let taken: Vec<IpAddr> = (0..count).map(|_| take()).collect();
    taken.into_iter().collect::<std::collections::HashSet<_>>().len()
}

#[test]
fn privileged_a_namespace_in_which_nothing_was_sent_is_given_out_again() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let pool = Pool::start(config(&[])).unwrap();
        let taken = different(20, || pool.take().unwrap().address().into());
        assert!(taken < 10, "{taken} of 20 were new");
        let sending = |send: &(dyn Fn() + Sync)| {
            different(6, || {
                let namespace = pool.take().unwrap();
                inside(namespace.fd(), send);
                namespace.address().into()
            })
        };
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = sending(&|| drop(listen()));
        assert!(taken < 6, "listening alone leaves nothing");
        let udp = send_one;
        assert_eq!(sending(&udp), 6);
        let tcp = || {
            let listener = listen();
            drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        };
        assert_eq!(sending(&tcp), 6);
        let ipv6 = || {
            if let Ok(listener) = TcpListener::bind("[::1]:0") {
                drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            } else {
                udp();
            }
        };
        assert_eq!(sending(&ipv6), 6);
    });
}

#[test]
fn privileged_a_namespace_that_may_have_been_configured_is_not_given_out_again() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let pool = Pool::start(config(&[])).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let lease = |may_configure| {
            runtime.block_on(crate::Networks::lease(&pool, may_configure)).unwrap().address.unwrap()
        };
        assert_eq!(different(8, || lease(true)), 8);
        assert!(different(20, || lease(false)) < 10);
    });
}

/// Not a benchmark, but a guard: handing out must stay far from the cost of making one.
#[test]
fn privileged_taking_a_ready_namespace_is_quick() {
    if !is_root() {
        return;
    }
    on_new_host(|| {
        let pool = Pool::start(PoolConfig { size: 32, ..config(&[]) }).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while pool.ready() < 32 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut times: Vec<Duration> = (0..15)
            .map(|_| {
                let begun = Instant::now();
                let namespace = pool.try_take();
                let time = begun.elapsed();
                assert!(namespace.is_some());
                time
            })
            .collect();
        times.sort_unstable();
        assert!(times[7] < Duration::from_micros(200), "median {:?}", times[7]);
    });
}
