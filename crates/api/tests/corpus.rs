//! Replays the inputs of the fuzz targets.

#[path = "random/answer.rs"]
mod answer;
#[path = "../../../fuzz/cases.rs"]
mod cases;

/// Takes one input of a fuzz target.
type Target = fn(&[u8]);

/// The inputs of `fuzz/corpus`, as the fuzz targets take them.
#[test]
fn privileged_the_corpus() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let targets: [(&str, Target); 3] =
        [("document", cases::document), ("id", cases::id), ("variables", cases::variables)];
    for (target, run) in targets {
        let mut inputs: Vec<_> =
            std::fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort_unstable();
        assert!(inputs.len() >= 10, "{target}");
        for input in inputs {
            let data = std::fs::read(&input).unwrap();
            let result = std::panic::catch_unwind(|| run(&data));
            assert!(result.is_ok(), "{}", input.display());
            // Cut and torn inputs are inputs as well.
            for part in [&data[..data.len() / 2], &data[data.len() / 3..]] {
                assert!(std::panic::catch_unwind(|| run(part)).is_ok(), "a part of {}", input.display());
            }
        }
    }
}
