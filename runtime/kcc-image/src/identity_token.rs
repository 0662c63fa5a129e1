//! Exchanges an identity token, which `docker login` stores for some registries instead
//! of a password, for one that gives access to a repository: the `refresh_token` grant of OAuth 2, as
//! registries specify it. `oci-client` only knows passwords.
//!
//! The token goes to the address that the registry names in its challenge, and there
//! only by TLS unless the registry itself is without.

use reqwest::{Client, StatusCode, Url, header};
use serde::Deserialize;

use crate::error::{Refusal, Subject};

/// The name by which kcc introduces itself.
const CLIENT: &str = "kcc";

/// The repository that a token is for.
pub(crate) struct Registry<'a> {
    /// The content that it is needed for.
    pub(crate) subject: Subject<'a>,
    /// The host and port of the registry.
    pub(crate) host: &'a str,
    /// The path of the repository.
    pub(crate) repository: &'a str,
    /// The actions to allow, with commas: `pull,push`.
    pub(crate) actions: &'a str,
    /// True if the registry is reached without TLS.
    pub(crate) plain: bool,
}

/// The address that exchanges tokens, as a registry names it.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
}

/// The answer to an exchange; servers use either name.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token: Option<String>,
}

/// Returns a token that allows the actions; none if the registry asks for none.
pub(crate) async fn exchange(
    client: &Client,
    registry: &Registry<'_>,
    token: &str,
) -> Result<Option<String>, Refusal> {
    let failed = |error: reqwest::Error| {
        // The address may contain what was sent.
        let why = error.without_url().to_string();
        Refusal::Failed(registry.subject.unreachable(registry.host, why))
    };
    let denied = |why: &str| Refusal::Denied(why.to_owned());
    let scheme = if registry.plain { "http" } else { "https" };
    let asked = client.get(format!("{scheme}://{}/v2/", registry.host));
    let asked = asked.send().await.map_err(failed)?;
    if asked.status() != StatusCode::UNAUTHORIZED {
        return Ok(None);
    }
    let challenge = asked.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.and_then(|value| parse(value.to_str().ok()?));
    let Some(challenge) = challenge else {
        return Err(denied(
            "it does not accept the identity token of `docker login`",
        ));
    };
    if !registry.plain && !challenge.realm.starts_with("https://") {
        return Err(denied("it wants the identity token without encryption"));
    }
    let scope = format!("repository:{}:{}", registry.repository, registry.actions);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT),
        ("scope", &scope),
        ("service", challenge.service.as_deref().unwrap_or_default()),
        ("refresh_token", token),
    ];
    // A query has the form of a form's content.
    let form = Url::parse_with_params("form:", fields);
    let form = form.ok().and_then(|form| form.query().map(str::to_owned));
    let exchanged = client
        .post(&challenge.realm)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.unwrap_or_default())
        .send()
        .await
        .map_err(failed)?;
    if !exchanged.status().is_success() {
        let status = exchanged.status();
        return Err(denied(&format!(
            "the identity token of `docker login` is not accepted ({status}); log in again"
        )));
    }
    let answer = exchanged.bytes().await.map_err(failed)?;
    let answer: Option<Answer> = serde_json::from_slice(&answer).ok();
    let token = answer.and_then(|answer| answer.access_token.or(answer.token));
    let missing = "its answer to the identity token contains no token";
    token.map(Some).ok_or_else(|| denied(missing))
}

/// Parses a challenge such as `Bearer realm="https://auth.acme.io/token",service="r"`.
fn parse(challenge: &str) -> Option<Challenge> {
    let (scheme, mut rest) = challenge.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, None);
    // Values in quotes may contain commas.
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        match name.trim_start_matches([',', ' ']) {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            _ => {}
        }
        rest = after;
    }
    let realm = realm?;
    Some(Challenge { realm, service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_address_and_the_service_of_a_challenge() {
        let challenge = |realm: &str, service: Option<&str>| Challenge {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        };
        assert_eq!(
            parse(r#"Bearer realm="https://a.example/t?x=1,2",service="r.example",scope="a:b""#),
            Some(challenge("https://a.example/t?x=1,2", Some("r.example")))
        );
        assert_eq!(
            parse(r#"bearer service="r", realm="https://a.example""#),
            Some(challenge("https://a.example", Some("r")))
        );
        assert_eq!(
            parse(r#"Bearer realm="https://a.example""#),
            Some(challenge("https://a.example", None))
        );
        assert_eq!(parse(r#"Basic realm="https://a.example""#), None);
        assert_eq!(parse(r#"Bearer service="r""#), None);
        assert_eq!(parse("Bearer"), None);
    }
}
