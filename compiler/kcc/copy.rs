//! [`Copy`]: the copy of a capsule on a Docker engine, from its preparation to its end.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use kcc_capsule::{
    Capsule, Choices, Purpose, Refused, Reproduction, Sighting, Stub, appeared, empty_tree,
    reproduce, sightings,
};
use kcc_diag::Code;
use kcc_plan::{
    ApplyReport, Error, Event, Options, Reporter, StatusReport,
    revision::{Content, RevisionSource},
};

use crate::{
    compiled::Compiled, context::Context, failure::Failure, load::Root, pipeline, runtime,
    stub::StubImage,
};

/// The time between two looks at a copy that has started.
const PATIENCE: Duration = Duration::from_secs(2);

/// The copy of a capsule on a Docker engine.
pub struct Copy {
    compiled: Compiled,
    options: Options,
    /// The capsule.
    pub capsule: Capsule,
    /// The desired state of the engine.
    pub reproduction: Reproduction,
    images: Images,
}

/// The images of a copy.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// Set if any image of the right name will do.
    pub any: bool,
    /// An image with kcc in it, for stubs; one is made if none is named.
    pub stub: Option<String>,
}

/// The judgement about a copy.
#[derive(Debug)]
pub struct Judgement {
    /// Each symptom, and what the copy shows of it.
    pub sightings: Vec<Sighting>,
    /// True if all symptoms that it can show have appeared; none if it can show none.
    pub appeared: Option<bool>,
    /// True if every component of the copy is ready: no other failure has come instead.
    pub ready: bool,
    /// The time from the beginning of the apply.
    pub after: Duration,
}

/// The content of the revision that a copy writes.
struct Copied(Content);

impl RevisionSource for Copied {
    fn content(&self) -> Content {
        self.0.clone()
    }
}

impl Copy {
    /// Works out what the engine should hold. Changes nothing.
    pub fn prepare(
        context: &Context,
        capsule: Capsule,
        mut choices: Choices,
        images: Images,
    ) -> Result<Self, Failure> {
        choices.stub = match &images.stub {
            Some(image) => Stub {
                image: image.clone(),
                command: vec!["kcc".to_owned(), crate::stub::COMMAND.to_owned()],
            },
            None => own_stub()?.map(|own| own.stub).unwrap_or_default(),
        };
        let reproduction = reproduce(&capsule, &choices).map_err(refused)?;
        if !reproduction.stubs.is_empty() && choices.stub.image.is_empty() {
            return Err(refused(Refused {
                message: "a stub is this program, which runs in a container on Linux only"
                    .to_owned(),
                help: "name an image with kcc for Linux in it: `--stub-image IMAGE`".to_owned(),
            }));
        }
        let compiled = compiled(context, &reproduction);
        let mut options = runtime::image_options(context, &compiled.root);
        let what = match choices.purpose {
            Purpose::Look => "reproduced",
            Purpose::Test => "tested",
        };
        let capture = &capsule.capture;
        options.message = Some(format!(
            "{what} revision {} of {} at {}",
            capture.revision, capture.scope, capture.at
        ));
        Ok(Self {
            compiled,
            options,
            capsule,
            reproduction,
            images,
        })
    }

    /// Asks the engine for the images that it has, and names all others by their digests.
    pub fn pin(&mut self) -> Result<(), Failure> {
        let references = self.reproduction.references();
        let local = runtime::local_images(&self.compiled, &self.options, &references)?;
        self.reproduction
            .pin(&local, self.images.any)
            .map_err(refused)?;
        let lowered = Arc::new(self.reproduction.lowered.clone());
        self.compiled.lowered = lowered;
        let content = self.reproduction.content();
        self.options.revisions = Some(Arc::new(Copied(content)));
        Ok(())
    }

    /// Brings the copy up, and looks at it until its symptoms have appeared, the time is
    /// over or, without a symptom to wait for, everything is ready.
    pub fn bring_up(
        &mut self,
        reporter: &dyn Reporter,
        time: Duration,
    ) -> Result<(ApplyReport, Judgement), Failure> {
        let begun = Instant::now();
        if !self.reproduction.stubs.is_empty() && self.images.stub.is_none() {
            let own = own_stub()?;
            let own = own.ok_or_else(|| Failure::usage("a stub needs Linux", "name an image"))?;
            let archive = own.archive().map_err(|error| {
                Failure::io("cannot read this program for the image of stubs", error)
            })?;
            runtime::make_image(&self.compiled, &self.options, &own.stub.image, archive)?;
        }
        self.options.timeout_ms = u64::try_from(time.as_millis()).ok();
        // Once something fails for good there is nothing to wait for.
        let early = self.shows_itself_early();
        let mut look = |status: &StatusReport| {
            let seen = early && appeared(&self.sightings(status)) == Some(true);
            if seen || begun.elapsed() >= time {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let report = runtime::apply_until(&self.compiled, &self.options, reporter, &mut look)?;
        for fault in &self.reproduction.faults {
            let text = format!("fault: {} `{}`", fault.action.as_str(), fault.component);
            reporter.event(&Event::Note { text: &text });
            runtime::inject(&self.compiled, &self.options, fault)?;
        }
        let left = time.saturating_sub(begun.elapsed());
        let left = if report.is_complete() {
            left
        } else {
            left.min(PATIENCE.max(left / 4))
        };
        let status = runtime::status_until(&self.compiled, &self.options, left, &mut |status| {
            if appeared(&self.sightings(status)) == Some(false) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let sightings = self.sightings(&status);
        let Reproduction { copied, absent, .. } = &self.reproduction;
        let mut running = copied.difference(absent);
        let judgement = Judgement {
            ready: running.all(|name| {
                let found = status.components.get(name);
                found.is_some_and(kcc_plan::ComponentStatus::is_ready)
            }),
            appeared: appeared(&sightings),
            sightings,
            after: begun.elapsed(),
        };
        Ok((report, judgement))
    }

    /// Removes the copy with its data.
    pub fn take_down(&self, reporter: &dyn Reporter) -> Result<ApplyReport, Failure> {
        let options = Options {
            volumes: true,
            revisions: None,
            ..self.options.clone()
        };
        runtime::down(&self.compiled, &options, reporter)
    }

    fn sightings(&self, status: &StatusReport) -> Vec<Sighting> {
        let Reproduction { copied, absent, .. } = &self.reproduction;
        sightings(&self.capsule.capture, status, copied, absent)
    }

    /// Returns true if a symptom that appears while components start is one: that a
    /// component is not there yet is none.
    fn shows_itself_early(&self) -> bool {
        let mut symptoms = self.capsule.capture.symptoms.iter();
        self.reproduction.absent.is_empty() && symptoms.all(|symptom| !symptom.is_down())
    }
}

/// Returns the desired state that the current fragments give for the target of a capsule.
pub fn current(context: &Context, capsule: &Capsule) -> Result<Content, Failure> {
    let target = &capsule.capture.scope.target;
    let compiled = pipeline::compile(context, None, target)?;
    Ok(compiled.record().content())
}

fn compiled(context: &Context, reproduction: &Reproduction) -> Compiled {
    Compiled {
        root: Root::of_no_system(&context.settings.working_dir),
        tree: Arc::new(empty_tree()),
        model: Arc::new(reproduction.model.clone()),
        lowered: Arc::new(reproduction.lowered.clone()),
    }
}

fn own_stub() -> Result<Option<StubImage>, Failure> {
    StubImage::read()
        .map_err(|error| Failure::io("cannot read this program for the image of stubs", error))
}

fn refused(refused: Refused) -> Failure {
    Error::new(Code::PlanNotReproducible, refused.message)
        .help(refused.help)
        .into()
}
