//! Progress of an apply on stderr: bars on a terminal, plain lines otherwise.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kcc_diag::plain;
use kcc_model::Until;
use kcc_plan::{Event, Operation, OperationId, Reporter, Silent};

use crate::{context::Context, settings::Settings};

/// Creates the reporter for the settings of this run.
pub fn reporter(context: &Context) -> Box<dyn Reporter> {
    let Settings {
        quiet,
        verbose,
        bars,
        ..
    } = &context.settings;
    match (quiet, bars) {
        (true, _) => Box::new(Silent),
        (_, true) => Box::new(Bars::new(*verbose > 0)),
        _ => Box::new(Lines {
            verbose: *verbose > 0,
        }),
    }
}

/// Prints one line per finished operation; with `--verbose` also when one starts.
struct Lines {
    verbose: bool,
}

impl Reporter for Lines {
    fn event(&self, event: &Event<'_>) {
        if let Some(line) = line(event, self.verbose) {
            // Several threads report, so each line is written at once.
            let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// Formats an event as a line; `None` if it is not shown.
fn line(event: &Event<'_>, verbose: bool) -> Option<String> {
    let line = match event {
        Event::Started { operation } if verbose => format!("started  {}", describe(operation)),
        Event::Progress {
            operation, text, ..
        } if verbose => {
            format!("         {}: {text}", describe(operation))
        }
        Event::Finished {
            operation,
            error: None,
        } => format!("done     {}", describe(operation)),
        Event::Finished {
            operation,
            error: Some(error),
        } if error.tolerable => format!("left     {}: {}", describe(operation), error.chain()),
        Event::Finished {
            operation,
            error: Some(error),
        } => {
            format!("failed   {}: {}", describe(operation), error.chain())
        }
        Event::Skipped { operation, why } => format!("skipped  {}: {why}", describe(operation)),
        Event::Waiting {
            component,
            until,
            why,
        } => {
            format!(
                "waiting  {component} is not {} yet: {why}",
                state_name(*until)
            )
        }
        Event::Ready {
            component, until, ..
        } => {
            format!("ready    {component} is {}", state_name(*until))
        }
        Event::NotReady {
            component,
            until,
            why,
        } => {
            format!("failed   {component} is not {}: {why}", state_name(*until))
        }
        Event::Note { text } => format!("note     {text}"),
        _ => return None,
    };
    Some(plain(&line).into_owned())
}

fn describe(operation: &Operation) -> String {
    format!(
        "{} {} {}",
        operation.action.as_str(),
        operation.kind,
        operation.name
    )
}

fn state_name(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}

/// Shows a spinner per running operation or awaited component, and finished ones
/// as lines above.
struct Bars {
    all: MultiProgress,
    verbose: bool,
    running: Mutex<BTreeMap<Running, ProgressBar>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Running {
    Operation(OperationId),
    Component(String),
}

impl Bars {
    fn new(verbose: bool) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self {
            all,
            verbose,
            running: Mutex::default(),
        }
    }

    fn show(&self, key: Running, text: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = running.entry(key).or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = self.all.add(ProgressBar::new_spinner().with_style(style));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(plain(&text.replace('\n', " ")).into_owned());
    }

    fn clear(&self, key: &Running) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = running.remove(key) {
            bar.finish_and_clear();
        }
    }
}

impl Reporter for Bars {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { operation } => {
                self.show(Running::Operation(operation.id), &describe(operation));
            }
            Event::Progress {
                operation,
                text,
                fraction,
            } => {
                let part = fraction
                    .map(|part| format!(" {:.0} %", part * 100.0))
                    .unwrap_or_default();
                let text = format!("{}{part}: {text}", describe(operation));
                self.show(Running::Operation(operation.id), &text);
            }
            Event::Finished { operation, .. } | Event::Skipped { operation, .. } => {
                self.clear(&Running::Operation(operation.id));
            }
            Event::Waiting {
                component,
                until,
                why,
            } => {
                let text = format!("{component} is not {} yet: {why}", state_name(*until));
                self.show(Running::Component((*component).to_owned()), &text);
            }
            Event::Ready { component, .. } | Event::NotReady { component, .. } => {
                self.clear(&Running::Component((*component).to_owned()));
            }
            _ => {}
        }
        // The spinner already shows running operations.
        let running = matches!(
            event,
            Event::Started { .. } | Event::Progress { .. } | Event::Waiting { .. }
        );
        if let Some(line) = line(event, self.verbose).filter(|_| !running) {
            let _ = self.all.println(line);
        }
    }
}
