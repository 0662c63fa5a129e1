//! [`Who`]: the person or CI job that runs a command.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::Options;

/// The person or CI job that runs a command, as far as the environment tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Who {
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The CI job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
}

/// A job of a CI system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The CI system, such as `GitHub Actions`.
    pub system: String,
    /// The job's own name, such as `deploy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The page of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// CI systems other than GitHub Actions, in the order in which one may run inside another:
/// the name, the variable that is there only in it, and those with the job's name, its page
/// and the account.
const KNOWN: [[&str; 5]; 7] = [
    [
        "GitLab CI",
        "GITLAB_CI",
        "CI_JOB_NAME",
        "CI_JOB_URL",
        "GITLAB_USER_LOGIN",
    ],
    [
        "Buildkite",
        "BUILDKITE",
        "BUILDKITE_PIPELINE_SLUG",
        "BUILDKITE_BUILD_URL",
        "BUILDKITE_BUILD_CREATOR",
    ],
    [
        "CircleCI",
        "CIRCLECI",
        "CIRCLE_JOB",
        "CIRCLE_BUILD_URL",
        "CIRCLE_USERNAME",
    ],
    [
        "Jenkins",
        "JENKINS_URL",
        "JOB_NAME",
        "BUILD_URL",
        "BUILD_USER_ID",
    ],
    [
        "Drone",
        "DRONE",
        "DRONE_STEP_NAME",
        "DRONE_BUILD_LINK",
        "DRONE_BUILD_TRIGGER",
    ],
    [
        "Travis CI",
        "TRAVIS",
        "TRAVIS_JOB_NAME",
        "TRAVIS_JOB_WEB_URL",
        "TRAVIS_ACTOR",
    ],
    [
        "TeamCity",
        "TEAMCITY_VERSION",
        "TEAMCITY_BUILDCONF_NAME",
        "BUILD_URL",
        "TEAMCITY_USER",
    ],
];

impl Who {
    /// Reads the well-known variables.
    pub fn of(options: &Options) -> Self {
        let var = |name: &str| options.var(name).map(str::to_owned);
        Self {
            user: var("USER").or_else(|| var("LOGNAME")),
            host: host().or_else(|| var("HOSTNAME").or_else(|| var("COMPUTERNAME"))),
            job: Job::of(options),
        }
    }

    /// Describes it in a few words: `deploy on GitHub Actions (alice)`, or `alice@laptop`.
    pub fn short(&self) -> String {
        let Some(job) = &self.job else {
            return match (&self.user, &self.host) {
                (Some(user), Some(host)) => format!("{user}@{host}"),
                (Some(one), None) | (None, Some(one)) => one.clone(),
                (None, None) => "unknown".to_owned(),
            };
        };
        let mut text = match &job.name {
            Some(name) => format!("{name} on {}", job.system),
            None => job.system.clone(),
        };
        if let Some(actor) = &job.actor {
            text = format!("{text} ({actor})");
        }
        text
    }
}

/// Returns this machine's name.
fn host() -> Option<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let host = host.trim();
    (!host.is_empty()).then(|| host.to_owned())
}

impl Job {
    fn of(options: &Options) -> Option<Self> {
        let var = |name: &str| options.var(name).map(str::to_owned);
        let job = |system: &str, name: &str, url: Option<String>, actor: &str| Self {
            system: system.to_owned(),
            name: var(name),
            url,
            actor: var(actor),
        };
        if options.var("GITHUB_ACTIONS").is_some() {
            let run = || {
                let (server, repository) = (var("GITHUB_SERVER_URL")?, var("GITHUB_REPOSITORY")?);
                let run = var("GITHUB_RUN_ID")?;
                Some(format!("{server}/{repository}/actions/runs/{run}"))
            };
            return Some(job("GitHub Actions", "GITHUB_JOB", run(), "GITHUB_ACTOR"));
        }
        let [system, _, name, url, actor] = KNOWN
            .into_iter()
            .find(|[_, mark, ..]| options.var(mark).is_some())?;
        Some(job(system, name, var(url), actor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(vars: &[(&str, &str)]) -> Who {
        let vars = vars.iter();
        let env = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut who = Who::of(&Options {
            env: env.collect(),
            ..Options::default()
        });
        who.host = Some("box".to_owned());
        who
    }

    #[test]
    fn names_the_user_or_the_job() {
        assert_eq!(who(&[("USER", "alice")]).short(), "alice@box");
        assert_eq!(who(&[]).short(), "box");
        let github = who(&[
            ("USER", "runner"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_JOB", "deploy"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "42"),
        ]);
        assert_eq!(github.short(), "deploy on GitHub Actions (alice)");
        let url = github.job.and_then(|job| job.url);
        let page = "https://github.com/acme/shop/actions/runs/42";
        assert_eq!(url.as_deref(), Some(page));
        let jenkins = who(&[
            ("JENKINS_URL", "https://ci"),
            ("BUILD_URL", "https://ci/7/"),
        ]);
        assert_eq!(jenkins.short(), "Jenkins");
    }
}
