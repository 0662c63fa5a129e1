//! A timeline in the Trace Event Format, which Perfetto and Chrome open: one process per
//! machine, and a flow for each arrow.

use kcc_plan::timeline::Timeline;
use serde_json::{Value, json};

/// The length of an event in microseconds; a flow needs one to start and end at.
const LENGTH: i64 = 1000;

/// Formats a timeline.
pub(super) fn of(timeline: &Timeline) -> String {
    let mut events: Vec<Value> = Vec::new();
    for (number, lane) in timeline.lanes.iter().enumerate() {
        events.push(json!({
            "ph": "M", "name": "process_name", "pid": number, "tid": 0,
            "args": {"name": lane.machine},
        }));
        for observation in &lane.observations {
            events.push(json!({
                "ph": "X", "pid": number, "tid": 0,
                "ts": observation.time.as_microsecond(), "dur": LENGTH,
                "name": format!("{}: {}", observation.object, observation.event),
                "args": observation,
            }));
        }
    }
    for (number, arrow) in timeline.arrows.iter().enumerate() {
        for (phase, place) in [("s", arrow.from), ("f", arrow.to)] {
            let observation = &timeline.lanes[place.lane].observations[place.observation];
            events.push(json!({
                "ph": phase, "bp": "e", "id": number, "cat": "after", "name": "after",
                "pid": place.lane, "tid": 0, "ts": observation.time.as_microsecond(),
                "args": {"proof": arrow.proof},
            }));
        }
    }
    json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string() + "\n"
}
