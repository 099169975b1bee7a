//! Contents in, contents out.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};

use kukri_model::Digest;
use kukri_store::{Spare, StoreError};
use kukri_tree::{Node, NodeReader};

use crate::fixture::new_store;

fn sizes() -> Vec<Vec<u8>> {
    [0, 1, 100, 32 << 10, (32 << 10) + 1, 300_000, 3_000_000]
        .into_iter()
        .map(|len: u32| (0..len).map(|at| (at % 251 + len % 7) as u8).collect())
        .collect()
}

#[test]
fn every_size_comes_back_also_after_a_restart() {
    let store = new_store();
    let contents = sizes();
    let digests: Vec<Digest> = contents.iter().map(|content| store.put_blob(content).unwrap()).collect();
    let store = store.reopen();
    assert_eq!(store.has_blobs(&digests).unwrap(), vec![true; digests.len()]);
    for (digest, content) in digests.iter().zip(&contents) {
        assert_eq!(*digest, Digest::of(content));
        assert_eq!(&store.read_blob(digest).unwrap(), content);
        assert_eq!(store.blob_size(digest).unwrap(), content.len() as u64);
        let mut reader = store.open_blob(digest).unwrap();
        assert_eq!(reader.len(), content.len() as u64);
        let mut tail = Vec::new();
        let at = content.len() as u64 / 2;
        reader.seek(SeekFrom::Start(at)).unwrap();
        reader.read_to_end(&mut tail).unwrap();
        assert_eq!(tail, &content[at as usize..]);
    }
}

#[test]
fn pieces_make_the_same_content() {
    let store = new_store();
    for content in sizes() {
        for piece in [1000, 40_000, 500_000] {
            let mut writer = store.blob_writer();
            content.chunks(piece).for_each(|piece| writer.write_all(piece).unwrap());
            assert_eq!(writer.finish().unwrap(), (Digest::of(&content), content.len() as u64));
            assert_eq!(store.read_blob(&Digest::of(&content)).unwrap(), content);
        }
    }
}

#[test]
fn many_at_once() {
    let store = new_store();
    // More than one thread takes at once, some twice, some large.
    let contents: Vec<Vec<u8>> = (0..3000_u32).map(|n| n.to_le_bytes().repeat(600)).chain(sizes()).collect();
    let blobs: Vec<_> = contents.iter().chain(&contents[..10]).map(|c| (Digest::of(c), c.clone())).collect();
    store.put_blobs(blobs.clone()).unwrap();
    store.put_blobs(blobs).unwrap();
    for content in &contents {
        assert_eq!(&store.read_blob(&Digest::of(content)).unwrap(), content);
    }
    let bytes: usize = contents.iter().map(Vec::len).filter(|len| *len <= 32 << 10).sum();
    assert_eq!(store.du(Spare::Nothing).unwrap().packed.bytes, bytes as u64, "stored once");
}

#[test]
fn a_wrong_digest_is_refused() {
    let store = new_store();
    let good = (Digest::of(b"good"), b"good".to_vec());
    let error = store.put_blobs(vec![good.clone(), (Digest::of(b"x"), b"y".to_vec())]).unwrap_err();
    assert!(matches!(error, StoreError::DigestMismatch { .. }), "{error}");
    assert_eq!(store.has_blobs(&[good.0, Digest::of(b"x")]).unwrap(), [false, false]);
    assert!(store.put_nodes(vec![(Digest::of(b"x"), Node::empty().encode())]).is_err());
}

#[test]
fn what_is_missing_is_said() {
    let store = new_store();
    let digest = Digest::of(b"nowhere");
    for error in [store.read_blob(&digest).unwrap_err(), store.blob_size(&digest).unwrap_err()] {
        assert!(error.is_missing() && error.to_string().contains(&digest.hex()), "{error}");
    }
    assert!(store.node(&digest).is_err());
}

#[test]
fn damage_becomes_a_miss() {
    let store = new_store();
    let (small, large) = (b"small content".to_vec(), vec![7; 100_000]);
    let digests = [store.put_blob(&small).unwrap(), store.put_blob(&large).unwrap()];
    let pack = store.root().join("packs/1.pack");
    let mut bytes = fs::read(&pack).unwrap();
    bytes[3] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let object = walk(&store.root().join("objects")).pop().unwrap();
    fs::OpenOptions::new().write(true).open(&object).unwrap().set_len(50_000).unwrap();
    for digest in &digests {
        assert!(store.read_blob(digest).unwrap_err().is_missing());
    }
    assert_eq!(store.has_blobs(&digests).unwrap(), [false, false]);
    store.put_blob(&small).unwrap();
    store.put_blob(&large).unwrap();
    assert_eq!(store.read_blob(&digests[0]).unwrap(), small);
    assert_eq!(store.read_blob(&digests[1]).unwrap(), large);
}

#[test]
fn short_ones_are_visited_together() {
    let store = new_store();
    let contents: Vec<Vec<u8>> = (0..500_u32).map(|n| n.to_le_bytes().repeat(500)).chain(sizes()).collect();
    let mut digests: Vec<Digest> = contents.iter().map(|content| Digest::of(content)).collect();
    store.put_blobs(digests.iter().copied().zip(contents.clone()).collect()).unwrap();
    // One twice, and one that is not there.
    digests.extend([digests[3], Digest::of(b"nowhere")]);
    for store in [&store, &store] {
        let mut seen = vec![None; digests.len()];
        let visited =
            store.visit_short_blobs(&digests, &mut |at, content| seen[at] = Some(content.to_vec())).unwrap();
        for (at, digest) in digests.iter().enumerate() {
            let content = contents.iter().find(|content| Digest::of(content) == *digest);
            let short = content.filter(|content| !content.is_empty() && content.len() <= 32 << 10);
            assert_eq!((visited[at], seen[at].as_ref()), (short.is_some(), short));
        }
    }
    assert!(store.visit_short_blobs(&[], &mut |_, _| panic!("there is nothing")).unwrap().is_empty());

    // What is damaged when it is met first is left to those that say so.
    let store = store.reopen();
    let pack = store.root().join("packs/1.pack");
    let mut bytes = fs::read(&pack).unwrap();
    bytes.fill(0);
    fs::write(&pack, bytes).unwrap();
    let visited = store.visit_short_blobs(&digests[1..500], &mut |_, _| ()).unwrap();
    assert!(visited.iter().all(|visited| !visited));
    assert!(store.read_blob(&digests[1]).unwrap_err().is_missing());
}

pub fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn nodes_come_back() {
    let store = new_store();
    let id = store.put_empty_tree().unwrap();
    let store = store.reopen();
    assert_eq!(*store.node(&id.stored).unwrap(), Node::empty());
    assert_eq!(store.has_nodes(&[id.stored, Digest::of(b"?")]).unwrap(), [true, false]);
}
