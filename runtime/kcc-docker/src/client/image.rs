//! Pulls and builds images, with progress.

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::{
    errors::Error as EngineError,
    query_parameters::{BuildImageOptions, CreateImageOptions},
};
use futures_util::StreamExt;
use kcc_diag::Code;
use kcc_model::Build;
use kcc_plan::{Context, Error};

use super::Client;
use crate::{credentials::Credentials, observed::label};

/// The number of build log lines shown on failure.
const LAST_LINES: usize = 6;

/// The time to wait for a registry's answer about an image.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The parts of an engine's answer by which it is certain that a pull fails.
const CERTAIN: [&str; 7] = [
    "manifest unknown",
    "name unknown",
    "repository does not exist",
    "denied",
    "unauthorized",
    "connection refused",
    "no such host",
];
/// An action that helps with an image that cannot be pulled.
pub(crate) const CHECK_IMAGE: &str =
    "check the image's name, and log in with `docker login` if its registry requires it";

impl Client {
    /// Returns the reason why an image can certainly not be pulled, if that is so.
    pub(crate) async fn unavailable(
        &self,
        reference: &str,
        credentials: Option<Credentials>,
    ) -> Option<String> {
        let login = credentials.map(Credentials::into_engine);
        let asked = self.docker.inspect_registry_image(reference, login);
        let answer = tokio::time::timeout(ANSWER_LIMIT, asked).await.ok()?;
        let EngineError::DockerResponseServerError { message, .. } = answer.err()? else {
            return None;
        };
        let lower = message.to_lowercase();
        let certain = CERTAIN.iter().any(|part| lower.contains(part));
        certain.then(|| message.trim().to_owned())
    }

    /// Pulls an image from its registry.
    pub(crate) async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<Credentials>,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        // Without a tag the engine would pull all of them.
        let name = reference.rsplit('/').next().unwrap_or(reference);
        let tagged = name.contains(':') || reference.contains('@');
        let from_image = if tagged {
            reference.to_owned()
        } else {
            format!("{reference}:latest")
        };
        let options = CreateImageOptions {
            from_image: Some(from_image),
            platform: platform.unwrap_or_default().to_owned(),
            ..CreateImageOptions::default()
        };
        let login = credentials.map(Credentials::into_engine);
        let call = async {
            let mut stream = Box::pin(self.docker.create_image(Some(options), None, login));
            loop {
                let next = tokio::select! {
                    next = stream.next() => next,
                    () = context.cancel.cancelled() => return Err(stopped(reference)),
                };
                match next {
                    None => return Ok(()),
                    Some(Ok(info)) => {
                        let part = info.progress_detail.and_then(|detail| {
                            let (current, total) = (detail.current?, detail.total?);
                            #[allow(
                                clippy::cast_precision_loss,
                                reason = "it only moves a progress bar"
                            )]
                            Some(current as f64 / total.max(1) as f64)
                        });
                        let layer = info.id.map(|id| format!(" {id}")).unwrap_or_default();
                        let status = info.status.unwrap_or_default();
                        context.progress(&format!("{status}{layer}"), part);
                    }
                    Some(Err(error)) => {
                        let message =
                            format!("cannot pull image `{reference}`{}", of_component(context));
                        return Err(Error::new(Code::ApplyImagePull, message)
                            .help(CHECK_IMAGE)
                            .cause(reason(error)));
                    }
                }
            }
        };
        self.mutate("pull", call).await?
    }

    /// Builds an image from a directory and labels it with the context's hash.
    pub(crate) async fn build(
        &self,
        root: &Path,
        build: &Build,
        platform: Option<&str>,
        context_hash: &str,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let labels = HashMap::from([(label::CONTEXT_HASH.to_owned(), context_hash.to_owned())]);
        let options = BuildImageOptions {
            dockerfile: build.file.clone(),
            t: Some(build.tag.clone()),
            buildargs: Some(build.args.clone().into_iter().collect()),
            labels: Some(labels),
            target: build.stage.clone().unwrap_or_default(),
            platform: platform.unwrap_or_default().to_owned(),
            rm: true,
            forcerm: true,
            ..BuildImageOptions::default()
        };
        let body = bollard::body_try_stream(crate::context::stream(root, build));
        let call = async {
            let mut stream = Box::pin(self.docker.build_image(options, None, Some(body)));
            let mut lines: Vec<String> = Vec::new();
            loop {
                let next = tokio::select! {
                    next = stream.next() => next,
                    () = context.cancel.cancelled() => return Err(stopped(&build.tag)),
                };
                match next {
                    None => return Ok(()),
                    Some(Ok(info)) => {
                        for line in info.stream.iter().flat_map(|text| text.lines()) {
                            let line = line.trim();
                            if !line.is_empty() {
                                context.progress(line, None);
                                lines.push(line.to_owned());
                            }
                        }
                    }
                    Some(Err(error)) => {
                        let message = format!(
                            "cannot build image `{}`{} from `{}`",
                            build.tag,
                            of_component(context),
                            build.context
                        );
                        let last = lines.split_off(lines.len().saturating_sub(LAST_LINES));
                        return Err(Error::new(Code::ApplyImageBuild, message)
                            .help(format!(
                                "build it by hand to see the whole log: `docker build -f {0}/{1} {0}`",
                                build.context, build.file
                            ))
                            .detail(last)
                            .cause(reason(error)));
                    }
                }
            }
        };
        self.mutate("build", call).await?
    }
}

/// Names the component; its team is shown wherever the message is.
fn of_component(context: &Context<'_>) -> String {
    let component = context.operation.component.as_ref();
    component
        .map(|component| format!(" of `{component}`"))
        .unwrap_or_default()
}

fn reason(error: EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. }
        | EngineError::DockerStreamError { error: message } => message.trim().to_owned(),
        error => error.to_string(),
    }
}

fn stopped(name: &str) -> Error {
    Error::new(
        Code::ApplyIncomplete,
        format!("image `{name}` is incomplete: the apply was stopped"),
    )
    .help("run the command again")
}
