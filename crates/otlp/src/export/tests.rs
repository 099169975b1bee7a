//! Against servers that answer as they are told.

use std::time::Instant as Clock;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that answers each request with the next of `answers`, and counts.
async fn server(answers: Vec<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(&answer).await;
        }
        std::future::pending::<()>().await;
    });
    (url, count)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn exporter(url: &str, more: &[(&str, &str)]) -> Exporter {
    let get = |name: &str| {
        let known = more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        known.or_else(|| (name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").then(|| url.to_owned()))
    };
    Exporter::start(&Settings::read(&get).settings.unwrap())
}

fn batch() -> Batch {
    Batch::Traces(ExportTraceServiceRequest { resource_spans: vec![Default::default()] })
}

async fn sent(url: &str, more: &[(&str, &str)]) -> Option<String> {
    let exporter = exporter(url, more);
    exporter.outlet().send(batch());
    exporter.close().await
}

#[tokio::test]
async fn a_batch_that_is_refused_for_now_is_sent_again() {
    let (url, count) = server(vec![
        answer("503 Busy\r\nretry-after: 0", b""),
        answer("429 Slow", b""),
        answer("200 OK", b""),
    ])
    .await;
    assert_eq!(sent(&url, &[]).await, None);
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_batch_that_is_refused_is_not_sent_again() {
    let (url, count) = server(vec![answer("401 No", b""), answer("200 OK", b"")]).await;
    let told = sent(&url, &[]).await.unwrap();
    assert!(told.contains("HTTP 401"), "{told}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_a_collector_takes_only_in_part_is_told() {
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".into() };
    let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let (url, _) = server(vec![answer("200 OK", &body)]).await;
    let told = sent(&url, &[]).await.unwrap();
    assert!(told.contains("refused 2 spans: too old"), "{told}");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_timeout_however_much_there_is() {
    let (url, _) = server(Vec::new()).await;
    let exporter = exporter(&url, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "300")]);
    for _ in 0..QUEUE * 2 {
        exporter.outlet().send(batch());
    }
    let began = Clock::now();
    assert!(exporter.close().await.is_some());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes() {
    let (url, _) = server(Vec::new()).await;
    let exporter = exporter(&url, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "200")]);
    let resource = opentelemetry_proto::tonic::trace::v1::ResourceSpans {
        schema_url: "x".repeat(QUEUE_BYTES / 4),
        ..Default::default()
    };
    let large = Batch::Traces(ExportTraceServiceRequest { resource_spans: vec![resource] });
    for _ in 0..8 {
        exporter.outlet().send(large.clone());
    }
    let lost = exporter.outlet().trouble.lost.load(Ordering::Relaxed);
    assert!((4..8).contains(&lost), "{lost}");
    let told = exporter.close().await.unwrap();
    assert!(told.contains("too slow"), "{told}");
}

#[tokio::test]
async fn files_that_cannot_be_read_are_told() {
    for protocol in ["http/protobuf", "grpc"] {
        let told = sent(
            "https://127.0.0.1:1/v1/traces",
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/does/not/exist.pem"),
            ],
        )
        .await
        .unwrap();
        assert!(told.contains("/does/not/exist.pem"), "{told}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (url, _) = server(vec![answer("307 Elsewhere\r\nlocation: http://127.0.0.1:1/", b"")]).await;
    let told = sent(&url, &[]).await.unwrap();
    assert!(told.contains("HTTP 307"), "{told}");
}
