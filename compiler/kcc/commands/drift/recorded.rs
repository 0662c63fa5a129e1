//! [`Recorded`]: the revision in force with its objects, which live ones are compared with.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kcc_diag::{Files, Span};
use kcc_plan::{
    DriftOptions, DriftReport, Evidence, Grade, Options, Prune, Verdict,
    revision::{Content, ContentHash, FoundRevision, RevisionId, Time},
};

use crate::{
    args::ScopeArgs,
    commands::rollback::with_recorded,
    compiled::Compiled,
    context::Context,
    failure::Failure,
    pipeline,
    provenance::{Line, LiveDifference},
    runtime,
};

/// The source of evidence from kcc's own record.
pub(super) const RECORD: &str = "kcc's record";

/// The revision in force, with its objects.
pub(super) struct Recorded {
    pub(super) compiled: Compiled,
    pub(super) found: FoundRevision,
    pub(super) options: Options,
}

impl Recorded {
    pub(super) fn read(context: &Context, scope: &ScopeArgs) -> Result<Self, Failure> {
        let compiled = pipeline::locate(context, scope)?;
        let mut options = runtime::options(context, &compiled);
        let newest = RevisionId::At(Time::Ago(Duration::ZERO));
        let found = runtime::revision(&compiled, &options, newest)?;
        let revision = Arc::new(found.revision.clone());
        let compiled = with_recorded(compiled, &mut options, &revision);
        options.recorded = true;
        options.prune = Prune::None;
        Ok(Self {
            compiled,
            found,
            options,
        })
    }

    /// Returns the time since which the live objects may differ from the recorded ones.
    pub(super) fn since(&self) -> Timestamp {
        let entry = &self.found.entry;
        entry.ended.unwrap_or(entry.started).engine
    }

    /// Compares, and compares again after a moment if something differs that may still be
    /// changing: a rollout, a restart, a controller that is about to act. Only what differs
    /// both times is reported, as it is the second time.
    pub(super) fn report(
        &self,
        drift: &DriftOptions,
        settle: Duration,
        context: &Context,
    ) -> Result<DriftReport, Failure> {
        let first = runtime::drift(&self.compiled, &self.options, drift)?;
        let is_young = first.deviations.iter().any(|found| {
            let age = found.evidence.at.map(|at| first.now.duration_since(at));
            let age = age.and_then(|age| Duration::try_from(age).ok());
            found.verdict.is_drift() && age.is_none_or(|age| age < settle)
        });
        let mut report = first;
        if is_young && !settle.is_zero() {
            context.printer.detail(&format!(
                "looking again in {} s at what may still be changing",
                settle.as_secs_f32()
            ));
            std::thread::sleep(settle);
            let mut second = runtime::drift(&self.compiled, &self.options, drift)?;
            let before = report.deviations;
            let both = |found: &kcc_plan::Deviation| before.iter().any(|one| one.is_same(found));
            second.deviations.retain(both);
            report = second;
        }
        self.add_own_evidence(&mut report);
        Ok(report)
    }

    /// Adds what the record itself proves: the apply that did not finish.
    fn add_own_evidence(&self, report: &mut DriftReport) {
        let entry = &self.found.entry;
        for deviation in &mut report.deviations {
            if deviation.verdict == Verdict::Unfinished {
                deviation.evidence = Evidence {
                    grade: Grade::Proved,
                    source: Some(RECORD),
                    action: Some(format!("apply of revision {}", entry.number)),
                    user: Some(entry.who.short()),
                    at: Some(entry.started.engine),
                    ..Evidence::default()
                };
            }
        }
    }
}

/// Returns the place of a recorded line in a file that is as it was recorded.
pub(super) fn span(files: &Files, line: &Line, content: &Content) -> Option<Span> {
    let id = files.find(&line.file)?;
    let text = files.get(id)?.text();
    if content.fragments.get(&line.file) != Some(&ContentHash::of(text.as_bytes())) {
        return None;
    }
    let above = text.split_inclusive('\n').take(line.line.checked_sub(1)?);
    let above: usize = above.map(str::len).sum();
    let own = text[above..].lines().next()?;
    let before = own.chars().take(line.column.checked_sub(1)?);
    let start = above + before.map(char::len_utf8).sum::<usize>();
    Some(Span {
        file: id,
        start: u32::try_from(start).ok()?,
        end: u32::try_from(above + own.len()).ok()?,
    })
}

/// Returns the component that a difference belongs to.
pub(super) fn component<'a>(found: &'a LiveDifference<'_>) -> Option<&'a str> {
    let own = found.deviation.component.as_deref();
    own.or_else(|| found.object?.component.as_deref())
}
