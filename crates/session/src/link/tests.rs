//! Links over an in-memory connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::timeout;

use super::*;
use crate::{EngineHello, ErrorCode};

/// Answers "echo"; streams "count" to the caller; counts how often "hang" was dropped; swallows "sink" slowly.
#[derive(Default)]
struct Toy {
    dropped: Arc<AtomicUsize>,
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler for Toy {
    fn handle(&self, request: Request) -> Answer {
        let dropped = CountDrop(Arc::clone(&self.dropped));
        Box::pin(async move {
            match request.kind.as_str() {
                "echo" => {
                    std::mem::forget(dropped);
                    Ok(request.message)
                }
                "flood" => {
                    std::mem::forget(dropped);
                    for _ in 0..request.message.body.as_u64().unwrap_or(0) {
                        request
                            .channel
                            .send(&0, vec![7; CHUNK].into())
                            .await
                            .map_err(|_| RemoteError::new(ErrorCode::Other, "x"))?;
                    }
                    Ok(Message::json(&"done"))
                }
                "hang" => {
                    let _dropped = dropped;
                    std::future::pending().await
                }
                kind => Err(RemoteError::new(ErrorCode::Unsupported, format!("unknown request {kind}"))),
            }
        })
    }
}

/// A client's link and the engine's, and how often "hang" was dropped at the engine.
fn pair() -> (Link, Link, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let (left, right) = tokio::io::duplex(64 << 10);
    let (events, _) = mpsc::unbounded_channel();
    let toy = Toy::default();
    let dropped = Arc::clone(&toy.dropped);
    let (client, client_driver) = drive(left, Peer::Client { events }, Arc::new(Toy::default()));
    let (engine, engine_driver) = drive(right, Peer::Engine(EngineHello::new("")), Arc::new(toy));
    tokio::spawn(client_driver);
    let driver = tokio::spawn(engine_driver);
    (client, engine, dropped, driver)
}

#[tokio::test]
async fn an_end_in_order_waits_for_last_words() {
    let (left, right) = tokio::io::duplex(64 << 10);
    let (events, mut told) = mpsc::unbounded_channel();
    let (client, client_driver) = drive(left, Peer::Client { events }, Arc::new(Toy::default()));
    let (engine, driver) = drive(right, Peer::Engine(EngineHello::new("")), Arc::new(Toy::default()));
    tokio::spawn(client_driver);
    let driver = tokio::spawn(driver);
    let last_word = engine.last_word().unwrap();
    client.finish();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!driver.is_finished() && engine.emit(Bytes::from_static(b"late")));
    drop(last_word);
    let (event, _) = timeout(Duration::from_secs(5), told.recv()).await.unwrap().unwrap();
    assert_eq!(event, "late");
    timeout(Duration::from_secs(4), driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_run_in_both_directions_at_once() {
    let (client, engine, ..) = pair();
    let calls = (0..200_u32).map(|n| {
        let link = if n % 2 == 0 { client.clone() } else { engine.clone() };
        tokio::spawn(async move { link.ask("echo", &n).await.unwrap().parse::<u32>().unwrap() })
    });
    for (n, call) in calls.enumerate() {
        assert_eq!(call.await.unwrap(), n as u32);
    }
}

#[tokio::test]
async fn unknown_requests_are_errors_not_ends() {
    let (client, ..) = pair();
    let error = client.ask("from-the-future", &()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Unsupported));
    client.ask("echo", &()).await.unwrap();
}

#[tokio::test]
async fn dropping_a_call_stops_the_other_side() {
    let (client, _engine, dropped, _) = pair();
    let call = client.call("hang", &()).unwrap();
    client.ask("echo", &()).await.unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(call);
    for _ in 0..200 {
        if dropped.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the handler still runs");
}

#[tokio::test]
async fn a_transfer_nobody_takes_does_not_block_others() {
    let (client, ..) = pair();
    // 64 MiB, of which only a window may be on its way while nobody takes it.
    let mut flood = client.call("flood", &256).unwrap();
    for _ in 0..50 {
        timeout(Duration::from_secs(5), client.ask("echo", &1)).await.expect("blocked by the flood").unwrap();
    }
    let mut bytes = 0;
    let mut next = async || timeout(Duration::from_secs(5), flood.next()).await.expect("stalled").unwrap();
    while let Step::Message(message) = next().await {
        bytes += message.payload.len();
    }
    assert_eq!(bytes, 256 * CHUNK);
}

#[tokio::test]
async fn the_end_of_the_connection_ends_every_call() {
    let (client, engine, dropped, driver) = pair();
    let mut call = client.call("hang", &()).unwrap();
    client.ask("echo", &()).await.unwrap();
    driver.abort();
    let result = timeout(Duration::from_secs(5), call.next()).await.expect("never ends");
    assert!(matches!(result, Err(SessionError::Closed)), "{result:?}");
    timeout(Duration::from_secs(5), client.closed()).await.unwrap();
    assert!(engine.is_closed());
    assert!(matches!(client.call("echo", &()), Err(SessionError::Closed)));
    let _ = driver.await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

async fn write_frame(io: &mut DuplexStream, header: &Header, payload: &[u8]) {
    use tokio::io::AsyncWriteExt;
    io.write_all(&frame::encode(header, payload.len())).await.unwrap();
    io.write_all(payload).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_sends_more_than_the_window_is_cut_off() {
    let (mut raw, io) = tokio::io::duplex(64 << 20);
    let (link, driver) = drive(io, Peer::Engine(EngineHello::new("")), Arc::new(Toy::default()));
    tokio::spawn(driver);
    write_frame(&mut raw, &Header::Request { id: 1, kind: "hang".into(), body: Value::Null }, b"").await;
    for _ in 0..20 {
        write_frame(&mut raw, &Header::Message { id: 1, body: Value::Null }, &vec![0; CHUNK]).await;
    }
    timeout(Duration::from_secs(5), link.closed()).await.expect("tolerated");
}

#[tokio::test]
async fn hostile_ids_and_credits_do_not_break_the_link() {
    let (mut raw, io) = tokio::io::duplex(1 << 20);
    let (link, driver) = drive(io, Peer::Engine(EngineHello::new("")), Arc::new(Toy::default()));
    tokio::spawn(driver);
    for id in [0, 2, u64::MAX - 1] {
        write_frame(&mut raw, &Header::Request { id, kind: "echo".into(), body: Value::Null }, b"").await;
        write_frame(&mut raw, &Header::Cancel { id }, b"").await;
        write_frame(&mut raw, &Header::Reply { id, body: Value::Null }, b"").await;
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let frame = timeout(Duration::from_secs(5), frame::read(&mut raw)).await.unwrap().unwrap().unwrap();
        if let Header::Error { id, .. } = frame.header {
            seen.push(id);
        }
    }
    assert_eq!(seen, [0, 2, u64::MAX - 1]);
    assert!(!link.is_closed());
    write_frame(&mut raw, &Header::Credit { id: 0, bytes: u64::MAX }, b"").await;
    timeout(Duration::from_secs(5), link.closed()).await.expect("an overflowing credit was taken");
}

#[tokio::test]
async fn events_that_nobody_takes_are_dropped_and_nothing_waits() {
    let (_raw, io) = tokio::io::duplex(1 << 10);
    let (link, driver) = drive(io, Peer::Engine(EngineHello::new("")), Arc::new(Toy::default()));
    tokio::spawn(driver);
    let event = Bytes::from(vec![1; 100 << 10]);
    let sent = (0..1000).filter(|_| link.emit(event.clone())).count();
    assert!((60..200).contains(&sent), "{sent} events of 100 KiB were queued");
    let short = (0..1000).filter(|_| link.emit(vec![2; 4 << 10].into())).count();
    assert!((500..600).contains(&short), "{short} short events had room behind them");
    assert!(!link.emit(vec![0; 2 << 20].into()), "an event above the payload limit");
}
