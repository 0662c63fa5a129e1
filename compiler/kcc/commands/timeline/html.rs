//! A timeline as one HTML page that needs nothing else: no network, and for reading no
//! script either.
//!
//! Machines are columns. Clocks never place an event: it is below the one before it on its
//! machine, and below the ones that it is proved to come after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use kcc_plan::timeline::{Gap, Item, Lane, Observation, Place, Timeline};

use super::times::shown;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Formats a timeline.
pub(super) fn of(timeline: &Timeline) -> String {
    let scope = escaped(&timeline.scope.to_string());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Timeline of {scope}</title>\n<style>\n{STYLE}</style>\n\
         <h1>Timeline of {scope}</h1>\n\
         <p>Each column is a machine, in its own order and by its own clock. Only an arrow \
         says which of two events on two machines came first, and what proves it.</p>\n"
    );
    filter(&mut page, timeline);
    let lanes = timeline.lanes.len();
    let _ = writeln!(page, "<main style=\"--lanes:{lanes}\">");
    let rows = rows(timeline);
    let mut effects: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
    let mut causes: BTreeMap<Place, Vec<(Place, &str)>> = BTreeMap::new();
    for arrow in &timeline.arrows {
        effects.entry(arrow.from).or_default().push(arrow.to);
        let cause = (arrow.from, arrow.proof.describe());
        causes.entry(arrow.to).or_default().push(cause);
    }
    for (lane, content) in timeline.lanes.iter().enumerate() {
        let (column, machine) = (lane + 1, escaped(&content.machine));
        let _ = writeln!(
            page,
            "<section aria-labelledby=\"m{lane}\">\n\
             <h2 id=\"m{lane}\" style=\"grid-column:{column}\">{machine}</h2>\n<ol>"
        );
        for (item, row) in content.items().into_iter().zip(&rows[lane]) {
            let place = format!("grid-column:{column};grid-row:{row}");
            match item {
                Item::Gap(gap) => {
                    let (time, why) = (gap_time(gap), escaped(&gap.why));
                    let _ = writeln!(
                        page,
                        "<li class=\"gap\" style=\"{place}\" tabindex=\"-1\">\
                         <b>gap</b> {time}: {why}</li>"
                    );
                }
                Item::Observation(number, observation) => {
                    let at = Place {
                        lane,
                        observation: number,
                    };
                    let _ = write!(
                        page,
                        "<li id=\"{}\" style=\"{place}\" tabindex=\"-1\" data-component=\"{}\"{}>",
                        id(at),
                        escaped(observation.component.as_deref().unwrap_or_default()),
                        if observation.journaled {
                            " class=\"journaled\""
                        } else {
                            ""
                        },
                    );
                    event(&mut page, observation);
                    for (from, proof) in causes.get(&at).into_iter().flatten() {
                        let _ = write!(
                            page,
                            " <a class=\"after\" href=\"#{}\" title=\"{}\">after {}</a>",
                            id(*from),
                            escaped(proof),
                            named(timeline, *from),
                        );
                    }
                    for to in effects.get(&at).into_iter().flatten() {
                        let _ = write!(
                            page,
                            " <a class=\"before\" href=\"#{}\">before {}</a>",
                            id(*to),
                            named(timeline, *to),
                        );
                    }
                    page.push_str("</li>\n");
                }
            }
        }
        page.push_str("</ol>\n</section>\n");
    }
    let _ = write!(
        page,
        "<svg aria-hidden=\"true\"><defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" \
         refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\"/></marker></defs></svg>\n</main>\n\
         <script>\n{SCRIPT}</script>\n</html>\n"
    );
    page
}

/// Adds the choice of components.
fn filter(page: &mut String, timeline: &Timeline) {
    let lanes = timeline.lanes.iter();
    let all = lanes.flat_map(|lane| &lane.observations);
    let components: BTreeSet<_> = all
        .filter_map(|observation| observation.component.as_ref())
        .collect();
    page.push_str("<form>\n<fieldset>\n<legend>Components</legend>\n");
    for component in components {
        let name = escaped(component);
        let _ = writeln!(
            page,
            "<label><input type=\"checkbox\" name=\"component\" value=\"{name}\" checked> \
             {name}</label>"
        );
    }
    page.push_str(
        "</fieldset>\n<p role=\"status\" id=\"count\"></p>\n\
         <p class=\"keys\">Keys: ↑ ↓ along a machine, ← to the cause, → to the effect.</p>\n\
         </form>\n",
    );
}

fn event(page: &mut String, observation: &Observation) {
    let (time, object) = (observation.time, escaped(&observation.object));
    let _ = write!(
        page,
        "<time datetime=\"{time}\">{}</time> <b>{object}</b> {}",
        shown(time),
        escaped(&observation.event)
    );
    if observation.count > 1 {
        let _ = write!(page, " ({} times)", observation.count);
    }
}

fn gap_time(gap: &Gap) -> String {
    match (gap.from, gap.to) {
        (Some(from), Some(to)) => format!("from {} to {}", shown(from), shown(to)),
        (Some(from), None) => format!("from {}", shown(from)),
        (None, Some(to)) => format!("until {}", shown(to)),
        (None, None) => "of unknown length".to_owned(),
    }
}

/// Names an event of another machine.
fn named(timeline: &Timeline, place: Place) -> String {
    let lane = &timeline.lanes[place.lane];
    let Observation { object, event, .. } = &lane.observations[place.observation];
    escaped(&format!("{object} {event} on {}", lane.machine))
}

fn id(place: Place) -> String {
    format!("e{}-{}", place.lane, place.observation)
}

/// Returns the row of each item of each lane: the first one below everything that is
/// proved to come before.
fn rows(timeline: &Timeline) -> Vec<Vec<usize>> {
    let mut causes: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
    for arrow in &timeline.arrows {
        causes.entry(arrow.to).or_default().push(arrow.from);
    }
    let lanes: Vec<_> = timeline.lanes.iter().map(Lane::items).collect();
    let mut rows: Vec<Vec<usize>> = lanes.iter().map(|_| Vec::new()).collect();
    let mut known: BTreeMap<Place, usize> = BTreeMap::new();
    // The first row has the names of the machines.
    loop {
        let mut progress = false;
        let mut stuck = None;
        for (lane, items) in lanes.iter().enumerate() {
            while let Some(item) = items.get(rows[lane].len()) {
                let below = rows[lane].last().copied().unwrap_or(1);
                let causes = match item {
                    Item::Gap(_) => None,
                    Item::Observation(observation, _) => causes.get(&Place {
                        lane,
                        observation: *observation,
                    }),
                };
                let causes = causes.into_iter().flatten();
                let above: Option<Vec<_>> = causes.map(|cause| known.get(cause)).collect();
                let Some(above) = above else {
                    // A cause has no place yet.
                    stuck = stuck.or(Some((lane, below + 1)));
                    break;
                };
                let row = above.into_iter().copied().fold(below, usize::max) + 1;
                place(&mut rows, &mut known, lane, item, row);
                progress = true;
            }
        }
        match stuck {
            None => return rows,
            Some(_) if progress => {}
            // Clocks of one machine contradict what is proved: the order of its own events
            // is shown.
            Some((lane, row)) => {
                if let Some(item) = lanes[lane].get(rows[lane].len()) {
                    place(&mut rows, &mut known, lane, item, row);
                }
            }
        }
    }
}

fn place(
    rows: &mut [Vec<usize>],
    known: &mut BTreeMap<Place, usize>,
    lane: usize,
    item: &Item<'_>,
    row: usize,
) {
    rows[lane].push(row);
    if let Item::Observation(observation, _) = item {
        let observation = *observation;
        known.insert(Place { lane, observation }, row);
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kcc_plan::{
        Scope,
        timeline::{Link, Proof},
    };
    use kcc_test_support::{golden, root};

    use super::*;

    fn on(machine: &str, second: i64, object: &str, event: &str) -> Observation {
        let time = Timestamp::from_second(1_796_040_000 + second).unwrap();
        Observation::new(machine, time, object.to_owned(), event.to_owned())
    }

    /// Two pods that are created and run on two nodes, one of whose clocks is an hour behind.
    fn observations() -> Vec<Observation> {
        let mut all = Vec::new();
        for (name, node, skew) in [("web", "node-1", -3600), ("db", "node-2", 0)] {
            let object = format!("Pod {name}-1");
            let identity = || Link::new(Proof::Identity, name);
            let assignment = || Link::new(Proof::Assignment, name);
            let own = |observation: Observation| Observation {
                component: Some(name.to_owned()),
                ..observation
            };
            all.push(Observation {
                causes: vec![identity()],
                ..own(on("API server", 1, &object, "created"))
            });
            all.push(Observation {
                causes: vec![assignment()],
                follows: vec![identity()],
                ..own(on(
                    "default-scheduler",
                    2,
                    &object,
                    &format!("assigned to {node}"),
                ))
            });
            let event = "Unhealthy: <b>\"503\"</b> & more";
            for (second, event, count) in [(3, "accepted", 1), (4, "started", 1), (9, event, 3)] {
                all.push(Observation {
                    count,
                    journaled: second == 9,
                    follows: vec![assignment(), identity()],
                    ..own(on(node, second + skew, &object, event))
                });
            }
        }
        // Of the second pod only the first event was seen.
        all.truncate(8);
        all.push(on("docker <1>", 0, "container other", "started"));
        all.push(on("docker <1>", 60, "container other", "ended"));
        all
    }

    #[test]
    fn is_one_page_with_everything_in_it() {
        let scope = Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        };
        let gap = Gap {
            machine: "docker <1>".to_owned(),
            from: Some(on("", 10, "", "").time),
            to: Some(on("", 50, "", "").time),
            why: "the connection to the engine was lost".to_owned(),
        };
        let now = on("", 100, "", "").time;
        let page = of(&Timeline::with_gaps(scope, now, observations(), vec![gap]));
        for outside in ["http://", "https://", "src=", "@import", "url(h"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(!page.contains("<b>\"503\"</b>") && page.contains("&lt;b&gt;&quot;503&quot;"));
        golden::check(&root().join("tests/pages/timeline.html"), &page).unwrap();
    }

    #[test]
    fn what_follows_is_below_what_it_follows() {
        let scope = Scope {
            system: "shop".to_owned(),
            target: "prod".to_owned(),
            instance: None,
        };
        let now = on("", 100, "", "").time;
        let timeline = Timeline::new(scope, now, observations());
        let rows = rows(&timeline);
        assert_eq!(timeline.arrows.len(), 4);
        for arrow in &timeline.arrows {
            let row = |place: Place| rows[place.lane][place.observation];
            assert!(row(arrow.from) < row(arrow.to), "{arrow:?}: {rows:?}");
        }
        for lane in &rows {
            assert!(lane.is_sorted_by(|a, b| a < b), "{rows:?}");
        }
    }
}
