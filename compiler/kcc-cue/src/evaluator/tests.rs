//! The host with small modules that each misbehave in one way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::*;

fn budget() -> Budget {
    Limits::default().budget(0)
}

fn fixture(name: &str) -> Result<Guest, EvaluatorError> {
    let path = std::path::Path::new(env!("KCC_EVALUATOR_FIXTURES")).join(name);
    let code = std::fs::read(path).expect("the build compiles the fixtures");
    Guest::new(embedded::load_fixture(&settings::settings(), &code)).map_err(EvaluatorError::Load)
}

fn run(name: &str, budget: Budget) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
    fixture(name).expect("the fixture loads").run(b"{}", budget)
}

#[test]
fn answers_each_request_with_a_fresh_instance() {
    let evaluator = fixture("answers.cwasm").unwrap();
    for _ in 0..3 {
        let answer = evaluator.run(b"{}", budget()).unwrap().unwrap();
        assert_eq!(answer, br#"{"version":1,"errors":[]}"#);
    }
}

#[test]
fn rejects_another_version_of_the_protocol() {
    let error = run("speaks-99.cwasm", budget()).unwrap_err();
    assert!(
        matches!(
            error,
            EvaluatorError::Protocol {
                expected: PROTOCOL,
                found: 99
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[test]
fn stops_an_endless_run_at_its_deadline() {
    let short = Budget {
        time: Duration::from_millis(100),
        ..budget()
    };
    let before = std::time::Instant::now();
    assert_eq!(run("loops.cwasm", short).unwrap(), Err(Stopped::Time));
    assert!(
        before.elapsed() >= Duration::from_millis(80),
        "{:?}",
        before.elapsed()
    );
    assert!(
        before.elapsed() < Duration::from_secs(10),
        "{:?}",
        before.elapsed()
    );
}

#[test]
fn stops_at_the_memory_limit_without_crashing() {
    let short = Budget {
        memory: 64 << 20,
        ..budget()
    };
    assert_eq!(run("grows.cwasm", short).unwrap(), Err(Stopped::Memory));
    // The last page of a wasm memory follows the rule.
    assert_eq!(run("grows.cwasm", budget()).unwrap(), Err(Stopped::Memory));
}

#[test]
fn stops_endless_recursion() {
    assert_eq!(
        run("recurses.cwasm", budget()).unwrap(),
        Err(Stopped::Depth)
    );
}

#[test]
fn recognises_a_stack_overflow_detected_by_go() {
    let output =
        "runtime: goroutine stack exceeds 250000000-byte limit\nfatal error: stack overflow\n";
    assert_eq!(super::overflowed(output), Some(Stopped::Depth));
    assert_eq!(super::overflowed("panic: no"), None);
}

#[test]
fn survives_a_trap() {
    let evaluator = fixture("traps.cwasm").unwrap();
    for _ in 0..2 {
        let error = evaluator.run(b"{}", budget()).unwrap_err();
        assert!(matches!(error, EvaluatorError::Crashed(_)), "{error}");
    }
}

#[test]
fn reports_a_crash_with_the_output_of_the_guest() {
    let error = run("exits.cwasm", budget()).unwrap_err().to_string();
    assert!(error.contains("exited with status 2\npanic: no"), "{error}");
}

#[test]
fn rejects_a_response_outside_the_memory() {
    let error = run("lies.cwasm", budget()).unwrap_err();
    assert!(matches!(error, EvaluatorError::Answer(_)), "{error}");
}

#[test]
fn denies_files_sockets_and_output() {
    let answer = run("asks.cwasm", budget()).unwrap().unwrap();
    let numbers: Vec<u8> = answer.iter().map(|letter| letter - 32).collect();
    // path_open and sock_accept are unsupported, and there are no descriptors; the environment is
    // available and empty.
    assert_eq!(numbers, [52, 8, 52, 8, 0, 0]);
}

#[test]
fn names_an_unsupported_import() {
    let error = fixture("wants-more.cwasm").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CUE evaluator cannot be loaded: unsupported import `env.system`"
    );
}

#[test]
fn loads_the_embedded_evaluator() {
    let evaluator = Evaluator::default();
    let answer = evaluator
        .run(br#"{"version":1,"op":"schema"}"#, budget())
        .unwrap()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["version"], 1);
    assert!(!answer["schema"].as_array().unwrap().is_empty(), "{answer}");
}

/// Remembers every answer, and counts those that it gave.
#[derive(Clone, Default)]
struct Remembered(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    answers: BTreeMap<String, Vec<u8>>,
    given: usize,
}

impl Answers for Remembered {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut remembered = self.0.lock().unwrap();
        let answer = remembered.answers.get(key).cloned();
        remembered.given += usize::from(answer.is_some());
        answer
    }

    fn put(&self, key: &str, answer: &[u8]) {
        let mut remembered = self.0.lock().unwrap();
        remembered.answers.insert(key.to_owned(), answer.to_vec());
    }
}

#[test]
fn a_known_answer_needs_no_guest() {
    let remembered = Remembered::default();
    let evaluator = || Evaluator::with_answers(Some(Box::new(remembered.clone())));
    let request = br#"{"version":1,"op":"schema"}"#;
    let answer = evaluator().run(request, budget()).unwrap().unwrap();
    let second = evaluator();
    assert_eq!(second.run(request, budget()).unwrap().unwrap(), answer);
    assert_eq!(remembered.0.lock().unwrap().given, 1);
    // Another request, or another limit, is another question.
    let other = br#"{"version":1,"op":"schema" }"#;
    second.run(other, budget()).unwrap().unwrap();
    let short = Budget {
        memory: budget().memory - 1,
        ..budget()
    };
    second.run(request, short).unwrap().unwrap();
    let remembered = remembered.0.lock().unwrap();
    assert_eq!((remembered.answers.len(), remembered.given), (3, 1));
}
