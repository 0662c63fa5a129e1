//! The host against small modules that misbehave in one way each.

use super::*;

fn fixture(name: &str) -> Result<Evaluator, EvaluatorError> {
    let path = std::path::Path::new(env!("KCC_ENGINE_FIXTURES")).join(name);
    let code = std::fs::read(path).expect("the build makes the fixtures");
    Evaluator::from_loaded(embedded::load_fixture(&settings::settings(), &code))
}

fn run(name: &str, limits: Limits) -> Result<Result<Vec<u8>, Stopped>, EvaluatorError> {
    fixture(name).expect("the fixture loads").run(b"{}", limits)
}

#[test]
fn an_answer_comes_back_and_an_instance_is_never_used_twice() {
    let engine = fixture("answers.cwasm").unwrap();
    for _ in 0..3 {
        let answer = engine.run(b"{}", Limits::default()).unwrap().unwrap();
        assert_eq!(answer, br#"{"version":1,"errors":[]}"#);
    }
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    let error = run("speaks-99.cwasm", Limits::default()).unwrap_err();
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
fn an_endless_run_ends_at_its_deadline() {
    let limits = Limits {
        time: Duration::from_millis(100),
        ..Limits::default()
    };
    let before = std::time::Instant::now();
    assert_eq!(run("loops.cwasm", limits).unwrap(), Err(Stopped::Time));
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
fn growing_past_the_limit_is_memory_and_not_a_crash() {
    let limits = Limits {
        memory: 64 << 20,
        ..Limits::default()
    };
    assert_eq!(run("grows.cwasm", limits).unwrap(), Err(Stopped::Memory));
    // Not even the last page of what a wasm memory can have is a way round.
    assert_eq!(
        run("grows.cwasm", Limits::default()).unwrap(),
        Err(Stopped::Memory)
    );
}

#[test]
fn endless_recursion_is_depth() {
    assert_eq!(
        run("recurses.cwasm", Limits::default()).unwrap(),
        Err(Stopped::Depth)
    );
}

#[test]
fn an_overflow_that_go_notices_is_depth() {
    let said =
        "runtime: goroutine stack exceeds 250000000-byte limit\nfatal error: stack overflow\n";
    assert_eq!(super::overflowed(said), Some(Stopped::Depth));
    assert_eq!(super::overflowed("panic: no"), None);
}

#[test]
fn a_trap_is_a_crash_and_the_engine_goes_on() {
    let engine = fixture("traps.cwasm").unwrap();
    for _ in 0..2 {
        let error = engine.run(b"{}", Limits::default()).unwrap_err();
        assert!(matches!(error, EvaluatorError::Crashed(_)), "{error}");
    }
}

#[test]
fn a_crash_is_shown_with_what_the_guest_said() {
    let error = run("exits.cwasm", Limits::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("exited with status 2\npanic: no"), "{error}");
}

#[test]
fn an_answer_outside_of_memory_is_refused() {
    let error = run("lies.cwasm", Limits::default()).unwrap_err();
    assert!(matches!(error, EvaluatorError::Answer(_)), "{error}");
}

#[test]
fn files_sockets_and_output_are_denied() {
    let answer = run("asks.cwasm", Limits::default()).unwrap().unwrap();
    let numbers: Vec<u8> = answer.iter().map(|letter| letter - 32).collect();
    // path_open and sock_accept do not exist; descriptors 0 and up do not
    // either; the environment can be asked for and is empty.
    assert_eq!(numbers, [52, 8, 52, 8, 0, 0]);
}

#[test]
fn an_import_that_kcc_does_not_give_is_named() {
    let error = fixture("wants-more.cwasm").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the CUE evaluator cannot be loaded: unsupported import `env.system`"
    );
}

#[test]
fn the_embedded_engine_loads_and_answers() {
    let engine = Evaluator::new().unwrap();
    let answer = engine
        .run(br#"{"version":1,"op":"schema"}"#, Limits::default())
        .unwrap()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["version"], 1);
    assert!(!answer["schema"].as_array().unwrap().is_empty(), "{answer}");
}
