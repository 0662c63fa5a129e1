//! [`evaluate`]: one request, and what to do if its evaluation exhausts a limit or panics.
//!
//! Such an evaluation names no line. So the declarations that cause it are looked for, and the
//! rest is evaluated without them: one fragment must not hide what is wrong in the others. First
//! every evaluation gets only the share of its budget that ordinary fragments of its size do not
//! need. If that does not suffice, a private name that exceeds such a share by itself is refused;
//! without one, the fragments may simply be large, and get the whole budget.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    evaluator::{Budget, EvaluatorError, Stopped},
    exchange::{Answer, Stop},
    narrow::{Declaration, Outline, Scope, blanked, helper_name, shares_names, weight, words},
    wire::{self, File},
};

/// Requests the answer about some files, within a budget.
pub(crate) type Exchange<'a> = dyn Fn(&[File<'_>], Budget) -> Result<Answer, EvaluatorError> + 'a;

/// The most declarations that are looked for at which evaluations stop.
const MOST: usize = 3;

/// A declaration that evaluations stop at.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    at: Declaration,
    stop: Stop,
}

/// Evaluates files within a budget. `known` are the declarations that the evaluations of other
/// targets stopped at: most often all stop at the same ones, which one target at a time looks for.
pub(crate) fn evaluate(
    files: &[File<'_>],
    budget: Budget,
    known: &Mutex<Vec<Found>>,
    send: &Exchange<'_>,
) -> Result<Answer, EvaluatorError> {
    let share = budget.share(files.iter().map(|file| weight(file.text)).sum());
    let first = send(files, share);
    let Some(stopped) = stopped_by(&first) else {
        return first;
    };
    let search = Search {
        files,
        budget,
        send,
    };
    let mut known = lock(known);
    let mut found = known.clone();
    let mut last = first;
    if is_exhaustion(stopped) {
        last = search.without(&mut found, Scope::Helpers, share, last);
        if stopped_by(&last).is_some_and(is_exhaustion) && share != budget {
            last = search.retry(&found, budget);
        }
    }
    if stopped_by(&last).is_some() {
        last = search.without(&mut found, Scope::All, budget, last);
    }
    known.clone_from(&found);
    without_found(found, last)
}

fn lock(known: &Mutex<Vec<Found>>) -> MutexGuard<'_, Vec<Found>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files of an evaluation that stopped.
struct Search<'a> {
    files: &'a [File<'a>],
    /// The whole budget.
    budget: Budget,
    send: &'a Exchange<'a>,
}

impl Search<'_> {
    /// Looks for declarations at which evaluations stop, until the rest does not, and returns the
    /// last answer.
    fn without(
        &self,
        found: &mut Vec<Found>,
        scope: Scope,
        budget: Budget,
        mut last: Result<Answer, EvaluatorError>,
    ) -> Result<Answer, EvaluatorError> {
        if !found.is_empty() {
            last = self.retry(found, budget);
        }
        while found.len() < MOST
            && let Some(stopped) = stopped_by(&last)
            && let Some(one) = self.find(found, scope, stopped)
        {
            found.push(one);
            last = self.retry(found, budget);
        }
        last
    }

    /// Finds one more declaration at which evaluations stop.
    fn find(&self, found: &[Found], scope: Scope, stopped: Stopped) -> Option<Found> {
        let except: Vec<_> = found.iter().map(|found| found.at.clone()).collect();
        let texts = blanked_all(self.files, &except);
        let files = with_texts(self.files, &texts);
        let mut stop = None;
        let at = Outline::new(&files).find(scope, &mut |texts| {
            let share = self
                .budget
                .share(texts.iter().map(|text| weight(text)).sum());
            let answer = (self.send)(&with_texts(self.files, texts), share);
            let other = stopped_by(&answer);
            let cause = other.filter(|other| {
                *other == stopped || is_exhaustion(*other) && is_exhaustion(stopped)
            });
            if let Some(cause) = cause {
                stop = Some((cause, share));
            }
            cause.is_some()
        })?;
        let text = &self.files[at.0].text[at.1.clone()];
        let (cause, share) = stop?;
        let alone = (scope == Scope::Helpers)
            .then(|| helper_name(text).map(str::to_owned))
            .flatten();
        // A helper exceeds its share. Anything else exceeded the whole budget, if with another
        // limit perhaps.
        let (cause, budget) = match alone {
            Some(_) => (cause, share),
            None => (stopped, self.budget),
        };
        let stop = Stop {
            cause,
            budget,
            at: Some(first_line(at.0, text, at.1.start)),
            alone,
        };
        Some(Found { at, stop })
    }

    /// Evaluates the files without some declarations.
    fn retry(&self, found: &[Found], budget: Budget) -> Result<Answer, EvaluatorError> {
        let without: Vec<_> = found.iter().map(|found| found.at.clone()).collect();
        let texts = blanked_all(self.files, &without);
        let files: Vec<_> = self
            .files
            .iter()
            .zip(&texts)
            .enumerate()
            .map(|(index, (file, text))| {
                let omitted = without.iter().filter(|(file, _)| *file == index);
                let omitted = omitted.map(|(_, at)| &file.text[at.clone()]).collect();
                file.with_text(text, omitted)
            })
            .collect();
        let mut answer = (self.send)(&files, budget)?;
        answer.faults.retain(|fault| {
            let mut labels = fault.labels.iter();
            !labels.any(|label| {
                files
                    .get(label.file)
                    .is_some_and(|file| lacks(&files, file))
            })
        });
        Ok(answer)
    }
}

/// Returns the answer about everything but the declarations that were found.
fn without_found(
    mut found: Vec<Found>,
    last: Result<Answer, EvaluatorError>,
) -> Result<Answer, EvaluatorError> {
    if found.is_empty() {
        return last;
    }
    found.sort_by_key(|found| (found.at.0, found.at.1.start));
    let mut answer = match last {
        Ok(answer) => answer,
        // A panic without these declarations is another mistake of the evaluator, which is looked
        // into once they are corrected.
        Err(EvaluatorError::Crashed(_)) => Answer::default(),
        Err(error) => return Err(error),
    };
    let found = found.into_iter().map(|found| found.stop);
    answer.stops.splice(0..0, found);
    Ok(answer)
}

/// Returns whether a file lacks a declaration, or uses a name that is declared in one that does:
/// such a reference fails only because the declaration was taken out.
fn lacks(files: &[File<'_>], file: &File<'_>) -> bool {
    !file.omitted.is_empty()
        || files.iter().any(|other| {
            let mut names = other.omitted.iter().filter_map(|text| helper_name(text));
            shares_names(other, file) && names.any(|name| words(file.text).any(|word| word == name))
        })
}

fn blanked_all(files: &[File<'_>], without: &[Declaration]) -> Vec<String> {
    let text = |(index, file): (usize, &File<'_>)| {
        let of_file = without.iter().filter(|(file, _)| *file == index);
        let ranges: Vec<_> = of_file.map(|(_, at)| at.clone()).collect();
        blanked(file.text, &ranges)
    };
    files.iter().enumerate().map(text).collect()
}

fn with_texts<'a>(files: &[File<'a>], texts: &'a [String]) -> Vec<File<'a>> {
    let files = files.iter().zip(texts);
    files
        .map(|(file, text)| file.with_text(text, Vec::new()))
        .collect()
}

/// Returns what ended an evaluation before it had a result.
fn stopped_by(answer: &Result<Answer, EvaluatorError>) -> Option<Stopped> {
    match answer {
        Err(EvaluatorError::Crashed(_)) => Some(Stopped::Panic),
        Ok(answer) => answer.stops.first().map(|stop| stop.cause),
        Err(_) => None,
    }
}

/// Returns whether an evaluation ended for lack of time or memory.
fn is_exhaustion(stopped: Stopped) -> bool {
    matches!(stopped, Stopped::Time | Stopped::Memory)
}

/// The maximum length of a label: a line that explodes may be very long.
const MAX_LABEL: usize = 100;

/// Returns the span of the first line of a text at an offset of a file.
fn first_line(file: usize, text: &str, offset: usize) -> wire::Span {
    let line = text.trim_start();
    let start = offset + text.len() - line.len();
    let shown = line.lines().next().unwrap_or_default().trim_end();
    let length = shown.floor_char_boundary(MAX_LABEL);
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    wire::Span(file, byte(start), byte(start + length))
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, time::Duration};

    use super::*;

    const BUDGET: Budget = Budget {
        time: Duration::from_secs(30),
        memory: 1 << 30,
    };

    fn file<'a>(name: &'a str, team: &'a str, text: &'a str) -> File<'a> {
        File {
            name,
            text,
            team: Some(team),
            omitted: Vec::new(),
        }
    }

    /// An answer that shows what the request left out of which file.
    fn answer_about(files: &[File<'_>]) -> Answer {
        let omitted = files.iter().enumerate().flat_map(|(index, file)| {
            let texts = file.omitted.iter();
            texts.map(move |text| wire::Match(index, 0, 0, text.trim().to_owned()))
        });
        Answer {
            matched: omitted.collect(),
            ..Answer::default()
        }
    }

    fn stopped(cause: Stopped, budget: Budget) -> Answer {
        Answer {
            stops: vec![Stop {
                cause,
                budget,
                at: None,
                alone: None,
            }],
            ..Answer::default()
        }
    }

    /// Evaluates files of which those with `slow` take too long, those with `huge` need too much
    /// memory, and those with `large` need the whole budget.
    fn run(files: &[File<'_>]) -> (Answer, Vec<Budget>) {
        let budgets = RefCell::new(Vec::new());
        let send = |files: &[File<'_>], given: Budget| {
            budgets.borrow_mut().push(given);
            let has = |what: &str| files.iter().any(|file| file.text.contains(what));
            if has("bad") {
                return Err(EvaluatorError::Crashed("index out of range".to_owned()));
            }
            Ok(match () {
                () if has("slow") => stopped(Stopped::Time, given),
                () if has("huge") || has("large") && given.memory < BUDGET.memory => {
                    stopped(Stopped::Memory, given)
                }
                () => answer_about(files),
            })
        };
        let answer = evaluate(files, BUDGET, &Mutex::default(), &send).unwrap();
        (answer, budgets.into_inner())
    }

    fn lines<'a>(files: &[File<'a>], answer: &Answer) -> Vec<(Stopped, &'a str)> {
        let line = |stop: &Stop| {
            let wire::Span(file, start, end) = stop.at.expect("a declaration");
            (stop.cause, &files[file].text[start as usize..end as usize])
        };
        answer.stops.iter().map(line).collect()
    }

    #[test]
    fn a_panic_is_located_at_its_declaration() {
        let files = [
            file("a.cue", "a", "package s\n\njobs: x: 1\n"),
            file(
                "b.cue",
                "b",
                "package s\n\nservices: {\n\tweb: bad\n\tapi: 1\n}\n",
            ),
        ];
        let (answer, _) = run(&files);
        assert_eq!(lines(&files, &answer), [(Stopped::Panic, "web: bad")]);
        assert_eq!(
            answer.matched,
            [wire::Match(1, 0, 0, "web: bad".to_owned())],
            "the rest is evaluated"
        );
    }

    #[test]
    fn private_names_are_refused_for_a_share_of_the_budget() {
        let text = "package s\n\n_x: slow\n_y: fine\n_z: huge\nservices: web: _x\n";
        let files = [file("a.cue", "a", text)];
        let (answer, budgets) = run(&files);
        assert_eq!(
            lines(&files, &answer),
            [(Stopped::Time, "_x: slow"), (Stopped::Memory, "_z: huge")]
        );
        let alone: Vec<_> = answer.stops.iter().map(|stop| stop.alone.clone()).collect();
        assert_eq!(alone, [Some("_x".to_owned()), Some("_z".to_owned())]);
        assert!(budgets.iter().all(|budget| budget.memory < 1 << 28));
    }

    #[test]
    fn large_components_get_the_whole_budget() {
        let files = [file(
            "a.cue",
            "a",
            "package s\n\n_x: 1\nservices: web: large\n",
        )];
        let (answer, budgets) = run(&files);
        assert!(answer.stops.is_empty());
        assert_eq!(budgets.last(), Some(&BUDGET));
        assert_eq!(budgets.len(), 3);
    }

    #[test]
    fn components_that_exhaust_the_budget_are_located() {
        let text = "package s\n\nservices: {\n\tweb: {\n\t\timage: 1\n\t\tlabels: huge\n\t}\n}\n";
        let files = [file("a.cue", "a", text)];
        let (answer, _) = run(&files);
        assert_eq!(lines(&files, &answer), [(Stopped::Memory, "labels: huge")]);
        assert_eq!(answer.stops[0].budget, BUDGET);
    }

    #[test]
    fn a_system_that_is_slow_as_a_whole_has_no_slow_declaration() {
        let text = "package s\n\n_x: 1\n_y: 2\n_z: 3\n_w: 4\n_v: 5\n_u: 6\n_t: 7\n_s: 8\n";
        let send = |files: &[File<'_>], budget| {
            let slow = files[0].text.matches(':').count() > 3;
            Ok(if slow {
                stopped(Stopped::Time, budget)
            } else {
                Answer::default()
            })
        };
        let files = [file("a.cue", "a", text)];
        let answer = evaluate(&files, BUDGET, &Mutex::default(), &send).unwrap();
        assert!(answer.stops.iter().all(|stop| stop.alone.is_none()));
        assert!(answer.stops.iter().any(|stop| stop.at.is_none()));
    }

    #[test]
    fn a_panic_that_does_not_happen_again_is_an_error_of_the_evaluator() {
        let asked = std::cell::Cell::new(0);
        let send = |_: &[File<'_>], _| {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 => Err(EvaluatorError::Crashed("out of luck".to_owned())),
                _ => Ok(Answer::default()),
            }
        };
        assert!(matches!(
            evaluate(&[], BUDGET, &Mutex::default(), &send),
            Err(EvaluatorError::Crashed(_))
        ));
    }

    #[test]
    fn other_targets_know_what_one_found() {
        let files = [file("a.cue", "a", "package s\n\n_x: huge\n_y: 1\n")];
        let count = std::cell::Cell::new(0);
        let send = |files: &[File<'_>], budget| {
            count.set(count.get() + 1);
            Ok(if files[0].text.contains("huge") {
                stopped(Stopped::Memory, budget)
            } else {
                Answer::default()
            })
        };
        let known = Mutex::default();
        evaluate(&files, BUDGET, &known, &send).unwrap();
        count.set(0);
        let answer = evaluate(&files, BUDGET, &known, &send).unwrap();
        assert_eq!(lines(&files, &answer), [(Stopped::Memory, "_x: huge")]);
        assert_eq!(count.get(), 2);
    }
}
