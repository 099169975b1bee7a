//! Calls that are stored, found again, forgotten and stored anew, in a store on disk.

use std::time::Duration;

use kukri_store::StoreConfig;

use super::*;

struct World {
    store: Store,
    _dir: tempfile::TempDir,
    registry: Registry,
    root: Arc<Call>,
    calls: Calls,
}

impl World {
    fn new(keep: Option<Duration>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = StoreConfig { keep_duration: keep, ..StoreConfig::new(dir.path().join("store")) };
        Self {
            store: Store::open(config).unwrap(),
            _dir: dir,
            registry: Registry::core(),
            root: Call::root(),
            calls: Calls::default(),
        }
    }

    fn step(&self, on: &Arc<Call>, operation: (&str, &str), args: &[(&'static str, ArgValue)]) -> Arc<Call> {
        Call::step(on, self.registry.operation(operation.0, operation.1).unwrap(), args.to_vec(), None)
    }

    fn directory(&self) -> Arc<Call> {
        self.step(&self.root, ("Query", "directory"), &[])
    }

    fn file(&self, on: &Arc<Call>, name: &str, contents: &str) -> Arc<Call> {
        let text = |text: &str| ArgValue::String(text.into());
        self.step(on, ("Directory", "withNewFile"), &[("path", text(name)), ("contents", text(contents))])
    }

    fn chain(&self, tag: &str, steps: usize) -> Vec<Arc<Call>> {
        let mut chain = vec![self.directory()];
        for number in 0..steps {
            chain.push(self.file(&chain[number], &format!("{tag}{number}"), "x"));
        }
        chain
    }

    fn remember(&self, call: &Arc<Call>) {
        self.calls.remember(Some(&self.store), &self.registry, call).unwrap();
    }

    /// What an engine finds that was just started, and how often it reads.
    fn find_anew(&self, digest: &Digest) -> (Option<Arc<Call>>, usize) {
        let mut rows = Rows::new(&self.store);
        match Calls::default().read(&mut rows, &self.registry, digest).unwrap() {
            Stored::Call(known) => (Some(known.call), rows.reads),
            Stored::Nothing | Stored::Damaged => (None, rows.reads),
        }
    }

    fn rows(&self, last: &Arc<Call>) -> usize {
        // Nothing is that old; but from then on all rows are in one table.
        self.store.forget_calls(SystemTime::UNIX_EPOCH).unwrap();
        self.store.get_calls(&last.digest, 1_000_000).unwrap().len()
    }
}

fn is_the_same(found: Option<Arc<Call>>, call: &Arc<Call>) {
    let found = found.expect("it was given out");
    assert_eq!(found.digest, call.digest);
    assert_eq!(format!("{:?}", found.args), format!("{:?}", call.args));
}

#[test]
fn what_was_given_out_is_kept_up_to_a_number_of_bytes() {
    let world = World::new(None);
    let directory = world.directory();
    let last = (0..100).map(|number| {
        let call = world.file(&directory, "a", &format!("{number}{}", "x".repeat(1 << 20)));
        world.calls.remember(None, &world.registry, &call).unwrap();
        call
    });
    let last = last.last().unwrap();
    let find = || world.calls.find(None, &world.registry, &last.digest).unwrap();
    assert!(find().is_some());
    let kept: usize = world.calls.known().len();
    assert!((30..70).contains(&kept), "{kept} calls of 1 MiB");
    world.calls.trim();
    assert!(find().is_none());
}

#[test]
fn a_chain_that_is_given_out_as_a_whole_is_one_row() {
    let world = World::new(None);
    let chain = world.chain("a", 3000);
    world.remember(&chain[3000]);
    assert_eq!(world.rows(&chain[3000]), 1);
    let (found, reads) = world.find_anew(&chain[3000].digest);
    is_the_same(found, &chain[3000]);
    assert_eq!(reads, 1);
    // One on the way has an ID only when it is asked for; then it is found by itself.
    assert!(world.find_anew(&chain[1500].digest).0.is_none());
    world.remember(&chain[1500]);
    is_the_same(world.find_anew(&chain[1500].digest).0, &chain[1500]);
    // What follows refers to what is there.
    let more = world.file(&chain[2000], "more", "x");
    world.remember(&more);
    assert!(world.store.get_calls(&more.digest, 0).unwrap()[0].bytes.len() < 1000);
    is_the_same(world.find_anew(&more.digest).0, &more);
    // Nothing is stored twice.
    world.remember(&more);
    assert_eq!(world.rows(&more), 3);
}

/// Clients send the whole chain again with what comes next, so its calls are others in memory.
#[test]
fn what_is_sent_again_with_more_is_not_stored_again() {
    let world = World::new(None);
    world.remember(&world.chain("a", 3000)[3000]);
    let stored = |call: &Arc<Call>| {
        world.remember(call);
        is_the_same(world.find_anew(&call.digest).0, call);
        Row::decode(&world.store.get_calls(&call.digest, 0).unwrap()[0].bytes).unwrap().calls.len()
    };
    let mut again = world.chain("a", 3000).remove(3000);
    for step in 0..20 {
        again = world.file(&again, &format!("b{step}"), "x");
    }
    assert_eq!(stored(&again), 21);
    // From the middle: as far as the next call that is known.
    let middle = world.file(&world.chain("a", 3000)[1500], "c", "x");
    assert!((2..200).contains(&stored(&middle)));
    // What is known only by the piece of memory that stands for it, far from the new end.
    let mut far = world.calls.find(None, &world.registry, &again.digest).unwrap().unwrap();
    for step in 0..500 {
        far = world.file(&far, &format!("d{step}"), "x");
    }
    assert_eq!(stored(&far), 501);
    // As arguments, however many.
    let text = |text: &str| ArgValue::String(text.into());
    let mut merged = world.directory();
    for part in 0..100 {
        let part = world.chain(&format!("part{part}"), 10).remove(10);
        world.remember(&part);
        let args = [("path", text("p")), ("source", ArgValue::Ref(part))];
        merged = world.step(&merged, ("Directory", "withDirectory"), &args);
    }
    assert_eq!(stored(&merged), 202);
}

#[test]
fn a_chain_that_is_given_out_step_by_step_is_read_in_a_few_pieces() {
    let world = World::new(None);
    let (one, other) = (world.chain("a", 3000), world.chain("b", 3000));
    for (one, other) in one.iter().zip(&other) {
        world.remember(one);
        world.remember(other);
    }
    let (found, reads) = world.find_anew(&one[3000].digest);
    is_the_same(found, &one[3000]);
    assert!(reads < 50, "{reads} reads");
}

#[test]
fn rows_far_apart_are_not_read_with_all_between_them() {
    let world = World::new(None);
    let mut rows = Rows::new(&world.store);
    let chain = world.chain("a", 2000);
    chain.iter().for_each(|call| world.remember(call));
    for call in chain.iter().rev().step_by(40) {
        assert!(rows.row(&call.digest).unwrap().is_some());
    }
    assert!(rows.waiting.len() < 200, "{} rows for 51", rows.waiting.len());
}

#[test]
fn calls_that_share_parts_are_found() {
    let world = World::new(None);
    let (a, b) = (world.chain("a", 5), world.chain("b", 5));
    let text = |text: &str| ArgValue::String(text.into());
    let put = |on: &Arc<Call>, source: &Arc<Call>| {
        let args = [("path", text("p")), ("source", ArgValue::Ref(Arc::clone(source)))];
        world.step(on, ("Directory", "withDirectory"), &args)
    };
    // An argument that is a part of the receiver, and the other way round.
    let first = put(&a[5], &a[2]);
    let second = put(&put(&b[3], &first), &first);
    let third = put(&a[1], &second);
    world.remember(&third);
    is_the_same(world.find_anew(&third.digest).0, &third);
    for call in [&second, &first, &b[3], &a[5]] {
        world.remember(call);
        is_the_same(world.find_anew(&call.digest).0, call);
    }
    let element = Call::element(&world.step(&first, ("Directory", "entries"), &[]), 3);
    world.remember(&element);
    assert_eq!(world.find_anew(&element.digest).0.unwrap().nth, Some(3));
}

#[test]
fn calls_of_earlier_engines_are_read() {
    let world = World::new(None);
    let chain = world.chain("a", 1);
    let rows = [
        format!(r#"{{"receiver":"{}","operation":["Query","directory"]}}"#, world.root.digest),
        format!(
            r#"{{"receiver":"{}","operation":["Directory","withNewFile"],"args":[["path",{{"string":"a0"}}],["contents",{{"string":"x"}}]]}}"#,
            chain[0].digest
        ),
    ];
    let rows = chain.iter().zip(rows).map(|(call, row)| (call.digest, row.into_bytes()));
    world.store.put_calls(rows.collect()).unwrap();
    is_the_same(world.find_anew(&chain[1].digest).0, &chain[1]);
}

#[test]
fn rows_of_engines_that_wrote_json_are_read() {
    let world = World::new(None);
    let chain = world.chain("a", 2);
    let step = |at: usize| {
        format!(
            r#"{{"call":{{"receiver":{at},"operation":["Directory","withNewFile"],"args":[["path",{{"string":"a{}"}}],["contents",{{"string":"x"}}]]}}}}"#,
            at - 1
        )
    };
    let row = format!(
        r#"{{"calls":[{{"outer":{{"call":"{0}","row":"{0}"}}}},{{"call":{{"receiver":0,"operation":["Query","directory"]}}}},{1},{2}]}}"#,
        world.root.digest,
        step(1),
        step(2)
    );
    world.store.put_calls(vec![(chain[2].digest, row.into_bytes())]).unwrap();
    is_the_same(world.find_anew(&chain[2].digest).0, &chain[2]);
}

/// Stores outlive engines: what is written may not change its meaning.
#[test]
fn golden_row() {
    let world = World::new(None);
    let chain = world.chain("a", 1);
    world.remember(&chain[1]);
    let row = world.store.get_calls(&chain[1].digest, 0).unwrap().remove(0).bytes;
    let mut expected = vec![1, 3, 0];
    expected.extend_from_slice(world.root.digest.as_bytes());
    expected.extend_from_slice(world.root.digest.as_bytes());
    expected.extend_from_slice(b"\x02\x00\x00\x05Query\x01\x09directory\x00");
    expected.extend_from_slice(b"\x02\x01\x02\x09Directory\x03\x0bwithNewFile\x02");
    expected.extend_from_slice(b"\x04\x04path\x05\x02a0\x05\x08contents\x05\x01x");
    assert_eq!(row, expected, "{}", String::from_utf8_lossy(&row));
}

/// Every kind of value, and what limits a call to its session.
#[test]
fn all_that_a_call_can_be_made_of_is_kept() {
    let world = World::new(None);
    let other = world.file(&world.directory(), "b", "é😀\u{0}");
    let strings = ["a", "", "**"].map(|text| ArgValue::String(text.into()));
    let filter = [("include", ArgValue::List(strings.to_vec()))];
    let filtered = world.step(&other, ("Directory", "filter"), &filter);
    let exists = [("path", strings[0].clone()), ("expectedType", ArgValue::Enum("REGULAR_TYPE".into()))];
    let port = ArgValue::Object(vec![
        ("backend", ArgValue::Int(i64::MIN)),
        ("frontend", ArgValue::Null),
        ("protocol", ArgValue::Enum("UDP".into())),
    ]);
    let service = [("ports", ArgValue::List(vec![port]))];
    let host = world.step(&world.root, ("Query", "host"), &[]);
    let truth = [("path", strings[0].clone()), ("doNotFollowSymlinks", ArgValue::Bool(true))];
    let source = [("path", strings[2].clone()), ("source", ArgValue::Ref(Arc::clone(&filtered)))];
    let operation = world.registry.operation("Directory", "entries").unwrap();
    let scoped = Call::step(&filtered, operation, Vec::new(), Some("session#7".into()));
    for call in [
        world.step(&filtered, ("Directory", "exists"), &exists),
        world.step(&filtered, ("Directory", "exists"), &truth),
        world.step(&host, ("Host", "service"), &service),
        world.step(&filtered, ("Directory", "withDirectory"), &source),
        Call::element(&scoped, 300),
        scoped,
    ] {
        world.remember(&call);
        let found = world.find_anew(&call.digest).0;
        assert_eq!(found.as_ref().and_then(|call| call.scope.clone()), call.scope);
        is_the_same(found, &call);
    }
}

#[test]
fn a_row_that_was_cut_is_none() {
    let world = World::new(None);
    let chain = world.chain("a", 3);
    world.remember(&chain[3]);
    let row = world.store.get_calls(&chain[3].digest, 0).unwrap().remove(0).bytes;
    assert!(Row::decode(&row).is_some());
    for end in 0..row.len() {
        assert!(Row::decode(&row[..end]).is_none(), "{end} bytes of {}", row.len());
    }
    assert!(Row::decode(&[&row[..], b"x"].concat()).is_none());
    // Lengths that no row could have, and lists without end.
    let long = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
    let lists = [7, 1].repeat(100_000);
    for rest in [&long[..], &lists] {
        assert!(Row::decode(&[&[1][..], rest].concat()).is_none());
        assert!(Row::decode(&[b"\x01\x01\x02\x00\x00\x01a\x00\x01\x00", rest].concat()).is_none());
    }
}

#[test]
fn rows_that_are_damaged_or_of_another_call_lead_to_nothing() {
    let world = World::new(None);
    let chain = world.chain("a", 10);
    world.remember(&chain[5]);
    world.remember(&chain[10]);
    let row = world.store.get_calls(&chain[5].digest, 0).unwrap().remove(0).bytes;
    let damaged: [&[u8]; 5] =
        [b"{}", b"", br#"{"calls":[]}"#, br#"{"calls":[{"call":{"receiver":7}}]}"#, &row];
    for bytes in damaged {
        world.store.put_calls(vec![(chain[4].digest, bytes.to_vec())]).unwrap();
        assert!(world.find_anew(&chain[4].digest).0.is_none());
    }
    world.store.put_calls(vec![(chain[5].digest, b"{}".to_vec())]).unwrap();
    assert!(world.find_anew(&chain[10].digest).0.is_none());
}

#[test]
fn an_id_lasts_from_when_it_was_given_out_last() {
    const KEEP: Duration = Duration::from_secs(1000);
    let world = World::new(Some(KEEP));
    let chain = world.chain("a", 4);
    let now = SystemTime::now();
    let later = |seconds| now + Duration::from_secs(seconds);
    let stored = |call: &Arc<Call>| world.store.get_calls(&call.digest, 0).unwrap().len();
    let remember = |call: &Arc<Call>, at| {
        world.calls.remember_at(Some(&world.store), &world.registry, call, at).unwrap();
    };
    remember(&chain[2], now);
    // Not long after, a step refers to the row that is there; it does not last for long enough any more after a while.
    remember(&chain[3], later(100));
    world.store.forget_calls(later(10_000)).unwrap();
    remember(&chain[3], later(400));
    assert_eq!(stored(&chain[3]), 0, "the store is trusted to have it");
    remember(&chain[3], later(600));
    assert_eq!((stored(&chain[3]), stored(&chain[2])), (1, 0));
    is_the_same(world.find_anew(&chain[3].digest).0, &chain[3]);
    // What is given out later refers to the new row only.
    remember(&chain[4], later(700));
    is_the_same(world.find_anew(&chain[4].digest).0, &chain[4]);
}

#[test]
fn a_call_that_was_forgotten_in_memory_is_not_stored_again() {
    let world = World::new(None);
    let chain = world.chain("a", 10);
    world.remember(&chain[10]);
    // The row of the fifth refers to that of the tenth, which has the fourth.
    world.remember(&chain[5]);
    world.calls.known().remove(&chain[10].digest);
    world.remember(&chain[10]);
    for call in [&chain[10], &chain[5]] {
        is_the_same(world.find_anew(&call.digest).0, call);
    }
    // As an engine does that was started again and is asked the same: nothing new is stored.
    let again = Calls::default();
    for call in [&chain[5], &chain[10], &chain[5]] {
        again.remember(Some(&world.store), &world.registry, call).unwrap();
    }
    assert_eq!(world.rows(&chain[5]), 2);
    assert!(world.store.get_calls(&chain[5].digest, 0).unwrap()[0].bytes.len() < 1000);
}

#[test]
fn what_lies_in_a_row_is_found_through_the_call_of_the_row_in_memory() {
    let world = World::new(None);
    let chain = world.chain("a", 10);
    world.remember(&chain[10]);
    let more = world.file(&chain[3], "more", "x");
    world.remember(&more);
    world.calls.known().remove(&chain[3].digest);
    world.calls.known().remove(&more.digest);
    let found = world.calls.find(Some(&world.store), &world.registry, &more.digest).unwrap();
    is_the_same(found, &more);
}

#[test]
fn rows_in_a_circle_lead_to_nothing() {
    let world = World::new(None);
    let chain = world.chain("a", 10);
    world.remember(&chain[10]);
    world.remember(&chain[5]);
    let row = format!(r#"{{"calls":[{{"outer":{{"call":"{0}","row":"{0}"}}}}]}}"#, chain[5].digest);
    world.store.put_calls(vec![(chain[10].digest, row.into_bytes())]).unwrap();
    assert!(world.find_anew(&chain[5].digest).0.is_none());
    // Who knows the call stores it again, as a whole.
    let other = Calls::default();
    other.remember(Some(&world.store), &world.registry, &chain[10]).unwrap();
    is_the_same(world.find_anew(&chain[5].digest).0, &chain[5]);
}
