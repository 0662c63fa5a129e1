//! The registry of diagnostic codes.
//!
//! To add a diagnostic: add a line to `codes!` below, write its page under
//! `pages/` (the build fails without it), report it where the mistake is
//! detected, and add a case under `tests/ui/<stage>/`.
//!
//! Codes are a public interface: they appear in JSON and SARIF, and `kcc explain`
//! takes them.

/// The stage of the pipeline that reports a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Finding and reading the system's files.
    Load,
    /// Evaluating CUE.
    Eval,
    /// Building the typed model from the configuration tree.
    Model,
    /// Ownership: which team may set which field.
    Own,
    /// The policies of teams.
    Policy,
    /// The rules that check the whole model.
    Check,
    /// Lowering the model to desired state.
    Lower,
    /// Observing an engine and planning.
    Plan,
    /// Executing a plan.
    Apply,
    /// Comparing desired with observed state.
    Drift,
    /// Storing records.
    State,
}

macro_rules! codes {
    ($($name:ident = $stage:ident $code:literal $page:literal;)*) => {
        /// The code of a diagnostic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each code is documented by its page")]
        pub enum Code {
            $($name,)*
        }

        impl Code {
            /// All codes, in the order of the registry.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// Returns the code as users see it, such as `kcc::eval::conflict`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// Returns the stage that reports it.
            pub fn stage(self) -> Stage {
                match self { $(Code::$name => Stage::$stage,)* }
            }

            /// Returns the Markdown page that `kcc explain` prints.
            pub fn page(self) -> &'static str {
                match self { $(Code::$name => include_str!(concat!("../pages/", $page)),)* }
            }

            /// Returns the page's first sentence, which says what the code means.
            pub fn summary(self) -> &'static str {
                let text = self.page().split("\n\n").nth(1).unwrap_or("").trim();
                text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
            }
        }
    };
}

codes! {
    LoadNoSystem = Load "kcc::load::no-system" "load/no-system.md";
    LoadUnreadable = Load "kcc::load::unreadable" "load/unreadable.md";
    LoadNotUtf8 = Load "kcc::load::not-utf8" "load/not-utf8.md";
    LoadNotAFile = Load "kcc::load::not-a-file" "load/not-a-file.md";
    LoadOutsideRoot = Load "kcc::load::outside-root" "load/outside-root.md";
    LoadTeamFolder = Load "kcc::load::team-folder" "load/team-folder.md";
    LoadPackageClause = Load "kcc::load::package-clause" "load/package-clause.md";
    LoadSyntax = Load "kcc::load::syntax" "load/syntax.md";
    LoadAttribute = Load "kcc::load::attribute" "load/attribute.md";
    LoadImport = Load "kcc::load::import" "load/import.md";
    LoadLock = Load "kcc::load::lock" "load/lock.md";
    LoadLockVersion = Load "kcc::load::lock-version" "load/lock-version.md";
    EvalConflict = Eval "kcc::eval::conflict" "eval/conflict.md";
    EvalUnknownKind = Eval "kcc::eval::unknown-kind" "eval/unknown-kind.md";
    EvalUnknownVersion = Eval "kcc::eval::unknown-version" "eval/unknown-version.md";
    EvalUnknownField = Eval "kcc::eval::unknown-field" "eval/unknown-field.md";
    EvalMissingField = Eval "kcc::eval::missing-field" "eval/missing-field.md";
    EvalNotConcrete = Eval "kcc::eval::not-concrete" "eval/not-concrete.md";
    EvalOutOfBounds = Eval "kcc::eval::out-of-bounds" "eval/out-of-bounds.md";
    EvalWrongType = Eval "kcc::eval::wrong-type" "eval/wrong-type.md";
    EvalUnknownName = Eval "kcc::eval::unknown-name" "eval/unknown-name.md";
    EvalPrivateName = Eval "kcc::eval::private-name" "eval/private-name.md";
    EvalClosedDefinition = Eval "kcc::eval::closed-definition" "eval/closed-definition.md";
    EvalTwoDefaults = Eval "kcc::eval::two-defaults" "eval/two-defaults.md";
    EvalDefaultRuledOut = Eval "kcc::eval::default-ruled-out" "eval/default-ruled-out.md";
    EvalSoftRuledOut = Eval "kcc::eval::soft-ruled-out" "eval/soft-ruled-out.md";
    EvalOverlay = Eval "kcc::eval::overlay" "eval/overlay.md";
    EvalCycle = Eval "kcc::eval::cycle" "eval/cycle.md";
    EvalSlowPattern = Eval "kcc::eval::slow-pattern" "eval/slow-pattern.md";
    EvalBadExpression = Eval "kcc::eval::bad-expression" "eval/bad-expression.md";
    EvalUnaccounted = Eval "kcc::eval::unaccounted" "eval/unaccounted.md";
    EvalTimeout = Eval "kcc::eval::timeout" "eval/timeout.md";
    EvalMemory = Eval "kcc::eval::memory" "eval/memory.md";
    OwnForeignValue = Own "kcc::own::foreign-value" "own/foreign-value.md";
    OwnForeignConstraint = Own "kcc::own::foreign-constraint" "own/foreign-constraint.md";
    OwnTwoOwners = Own "kcc::own::two-owners" "own/two-owners.md";
    OwnNoOwner = Own "kcc::own::no-owner" "own/no-owner.md";
    OwnSystemComponent = Own "kcc::own::system-component" "own/system-component.md";
    OwnCodeowners = Own "kcc::own::codeowners" "own/codeowners.md";
    OwnForeignGrant = Own "kcc::own::foreign-grant" "own/foreign-grant.md";
    PolicyViolated = Policy "kcc::policy::violated" "policy/violated.md";
    PolicyNoMatch = Policy "kcc::policy::no-match" "policy/no-match.md";
    PolicyBadPolicy = Policy "kcc::policy::bad-policy" "policy/bad-policy.md";
    ModelBadQuantity = Model "kcc::model::bad-quantity" "model/bad-quantity.md";
    ModelBadSchedule = Model "kcc::model::bad-schedule" "model/bad-schedule.md";
    ModelBadName = Model "kcc::model::bad-name" "model/bad-name.md";
    ModelBadPath = Model "kcc::model::bad-path" "model/bad-path.md";
    ModelBadText = Model "kcc::model::bad-text" "model/bad-text.md";
    ModelBadCapability = Model "kcc::model::bad-capability" "model/bad-capability.md";
    ModelMissingFile = Model "kcc::model::missing-file" "model/missing-file.md";
    ModelDuplicateName = Model "kcc::model::duplicate-name" "model/duplicate-name.md";
    CheckUnknownNeed = Check "kcc::check::unknown-need" "check/unknown-need.md";
    CheckNeedCycle = Check "kcc::check::need-cycle" "check/need-cycle.md";
    CheckNeedWithoutPort = Check "kcc::check::need-without-port" "check/need-without-port.md";
    CheckNeedPort = Check "kcc::check::need-port" "check/need-port.md";
    CheckNeedNotHealthy = Check "kcc::check::need-not-healthy" "check/need-not-healthy.md";
    CheckManualNeed = Check "kcc::check::manual-need" "check/manual-need.md";
    CheckDuplicatePort = Check "kcc::check::duplicate-port" "check/duplicate-port.md";
    CheckDuplicateRoute = Check "kcc::check::duplicate-route" "check/duplicate-route.md";
    CheckRoutePort = Check "kcc::check::route-port" "check/route-port.md";
    CheckNoWayIn = Check "kcc::check::no-way-in" "check/no-way-in.md";
    CheckSecretLiteral = Check "kcc::check::secret-literal" "check/secret-literal.md";
    CheckUnknownSecret = Check "kcc::check::unknown-secret" "check/unknown-secret.md";
    CheckUnknownConfig = Check "kcc::check::unknown-config" "check/unknown-config.md";
    CheckSecretWithoutProvider = Check "kcc::check::secret-without-provider" "check/secret-without-provider.md";
    CheckNoTarget = Check "kcc::check::no-target" "check/no-target.md";
    CheckUnknownOutput = Check "kcc::check::unknown-output" "check/unknown-output.md";
    CheckUnknownVariable = Check "kcc::check::unknown-variable" "check/unknown-variable.md";
    CheckUnknownVolume = Check "kcc::check::unknown-volume" "check/unknown-volume.md";
    CheckUnusedKind = Check "kcc::check::unused-kind" "check/unused-kind.md";
    CheckUnusedVolume = Check "kcc::check::unused-volume" "check/unused-volume.md";
    CheckUnusedBacking = Check "kcc::check::unused-backing" "check/unused-backing.md";
    CheckStandIn = Check "kcc::check::stand-in" "check/stand-in.md";
    CheckUnknownTarget = Check "kcc::check::unknown-target" "check/unknown-target.md";
    CheckUnknownProbePort = Check "kcc::check::unknown-probe-port" "check/unknown-probe-port.md";
    CheckUdpPort = Check "kcc::check::udp-port" "check/udp-port.md";
    CheckVariableCollision = Check "kcc::check::variable-collision" "check/variable-collision.md";
    CheckUnusedSecret = Check "kcc::check::unused-secret" "check/unused-secret.md";
    CheckUnusedConfig = Check "kcc::check::unused-config" "check/unused-config.md";
    CheckVolumeShared = Check "kcc::check::volume-shared" "check/volume-shared.md";
    CheckMissingGrant = Check "kcc::check::missing-grant" "check/missing-grant.md";
    CheckUnusedGrant = Check "kcc::check::unused-grant" "check/unused-grant.md";
    CheckScaleRange = Check "kcc::check::scale-range" "check/scale-range.md";
    CheckScaleWithoutRequest = Check "kcc::check::scale-without-request" "check/scale-without-request.md";
    CheckRolloutStuck = Check "kcc::check::rollout-stuck" "check/rollout-stuck.md";
    CheckDisruptionBlocked = Check "kcc::check::disruption-blocked" "check/disruption-blocked.md";
    CheckInitOrder = Check "kcc::check::init-order" "check/init-order.md";
    CheckEveryNode = Check "kcc::check::every-node" "check/every-node.md";
    CheckRequestAboveLimit = Check "kcc::check::request-above-limit" "check/request-above-limit.md";
    CheckImagePort = Check "kcc::check::image-port" "check/image-port.md";
    CheckImageVolume = Check "kcc::check::image-volume" "check/image-volume.md";
    CheckImagePlatform = Check "kcc::check::image-platform" "check/image-platform.md";
    CheckImageHealth = Check "kcc::check::image-health" "check/image-health.md";
    LowerParityDropped = Lower "kcc::lower::parity-dropped" "lower/parity-dropped.md";
    LowerBadObject = Lower "kcc::lower::bad-object" "lower/bad-object.md";
    LowerManagedField = Lower "kcc::lower::managed-field" "lower/managed-field.md";
    LowerUrlSecret = Lower "kcc::lower::url-secret" "lower/url-secret.md";
    LowerFileMode = Lower "kcc::lower::file-mode" "lower/file-mode.md";
    LowerUnpinnedImage = Lower "kcc::lower::unpinned-image" "lower/unpinned-image.md";
    LowerUnsupported = Lower "kcc::lower::unsupported" "lower/unsupported.md";
    LowerNameClash = Lower "kcc::lower::name-clash" "lower/name-clash.md";
    LowerUnshareable = Lower "kcc::lower::unshareable" "lower/unshareable.md";
    PlanDockerUnreachable = Plan "kcc::plan::docker-unreachable" "plan/docker-unreachable.md";
    PlanKubeUnreachable = Plan "kcc::plan::kube-unreachable" "plan/kube-unreachable.md";
    PlanNoContext = Plan "kcc::plan::no-context" "plan/no-context.md";
    PlanRegistryUnreachable = Plan "kcc::plan::registry-unreachable" "plan/registry-unreachable.md";
    PlanImageUnreadable = Plan "kcc::plan::image-unreadable" "plan/image-unreadable.md";
    PlanImageMoved = Plan "kcc::plan::image-moved" "plan/image-moved.md";
    PlanForeignObject = Plan "kcc::plan::foreign-object" "plan/foreign-object.md";
    PlanImmutable = Plan "kcc::plan::immutable" "plan/immutable.md";
    PlanPortTaken = Plan "kcc::plan::port-taken" "plan/port-taken.md";
    PlanQuota = Plan "kcc::plan::quota" "plan/quota.md";
    PlanLimitRange = Plan "kcc::plan::limit-range" "plan/limit-range.md";
    PlanSharedNotRunning = Plan "kcc::plan::shared-not-running" "plan/shared-not-running.md";
    PlanSharedInUse = Plan "kcc::plan::shared-in-use" "plan/shared-in-use.md";
    PlanNotRunning = Plan "kcc::plan::not-running" "plan/not-running.md";
    PlanOutdated = Plan "kcc::plan::outdated" "plan/outdated.md";
    PlanNotReproducible = Plan "kcc::plan::not-reproducible" "plan/not-reproducible.md";
    ApplyNotReady = Apply "kcc::apply::not-ready" "apply/not-ready.md";
    ApplyIncomplete = Apply "kcc::apply::incomplete" "apply/incomplete.md";
    ApplyImageBuild = Apply "kcc::apply::image-build" "apply/image-build.md";
    ApplyImagePull = Apply "kcc::apply::image-pull" "apply/image-pull.md";
    ApplyImageUser = Apply "kcc::apply::image-user" "apply/image-user.md";
    ApplyLockHeld = Apply "kcc::apply::lock-held" "apply/lock-held.md";
    ApplyLockLost = Apply "kcc::apply::lock-lost" "apply/lock-lost.md";
    ApplyConflict = Apply "kcc::apply::conflict" "apply/conflict.md";
    ApplySecret = Apply "kcc::apply::secret" "apply/secret.md";
    ApplyForbidden = Apply "kcc::apply::forbidden" "apply/forbidden.md";
    ApplyStalePlan = Apply "kcc::apply::stale-plan" "apply/stale-plan.md";
    ApplyRefused = Apply "kcc::apply::refused" "apply/refused.md";
    ApplyLeftBehind = Apply "kcc::apply::left-behind" "apply/left-behind.md";
    DriftEdited = Drift "kcc::drift::edited" "drift/edited.md";
    DriftDeleted = Drift "kcc::drift::deleted" "drift/deleted.md";
    DriftRecreated = Drift "kcc::drift::recreated" "drift/recreated.md";
    DriftDecayed = Drift "kcc::drift::decayed" "drift/decayed.md";
    DriftImageMoved = Drift "kcc::drift::image-moved" "drift/image-moved.md";
    DriftUnfinished = Drift "kcc::drift::unfinished" "drift/unfinished.md";
    DriftAdded = Drift "kcc::drift::added" "drift/added.md";
    DriftUnknown = Drift "kcc::drift::unknown" "drift/unknown.md";
    DriftNotAdoptable = Drift "kcc::drift::not-adoptable" "drift/not-adoptable.md";
    StateUnrecorded = State "kcc::state::unrecorded" "state/unrecorded.md";
    StateDamaged = State "kcc::state::damaged" "state/damaged.md";
    StateNewer = State "kcc::state::newer" "state/newer.md";
    StateStore = State "kcc::state::store" "state/store.md";
    StateArchive = State "kcc::state::archive" "state/archive.md";
    StateNoRevision = State "kcc::state::no-revision" "state/no-revision.md";
    StateCapsule = State "kcc::state::capsule" "state/capsule.md";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map_err(|()| serde::de::Error::custom(format!("`{text}` is not a code")))
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let full = text.strip_prefix("kcc::").unwrap_or(text);
        Self::ALL
            .iter()
            .copied()
            .find(|c| c.as_str()["kcc::".len()..] == *full)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Splits `kcc::<stage>::<name>` into stage and name.
    fn stage_and_name(code: Code) -> (&'static str, &'static str) {
        let full = code.as_str();
        let rest = full
            .strip_prefix("kcc::")
            .unwrap_or_else(|| panic!("{full}"));
        rest.split_once("::").unwrap_or_else(|| panic!("{full}"))
    }

    #[test]
    fn codes_are_unique_and_named_after_their_stage() {
        let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(all.len(), Code::ALL.len());
        for code in Code::ALL {
            let (stage, name) = stage_and_name(*code);
            assert_eq!(
                stage,
                format!("{:?}", code.stage()).to_lowercase(),
                "{code}"
            );
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!name.is_empty() && name.chars().all(kebab), "{code}");
        }
    }

    #[test]
    fn parses_a_code_with_and_without_its_prefix() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(code.as_str()["kcc::".len()..].parse(), Ok(*code));
        }
        for text in [
            "",
            "kcc::",
            "eval",
            "eval::",
            "kcc::eval::conflicts",
            "EVAL::CONFLICT",
        ] {
            assert_eq!(text.parse::<Code>(), Err(()), "{text}");
        }
    }

    #[test]
    fn every_page_has_a_heading_an_example_and_an_action() {
        for code in Code::ALL {
            let page = code.page();
            let heading = format!("# {code}\n\n");
            assert!(
                page.starts_with(&heading),
                "{code}: the page does not begin with the code"
            );
            assert!(
                page.lines().count() >= 10,
                "{code}: the page has fewer than 10 lines"
            );
            let code_block = page
                .lines()
                .any(|line| line.starts_with("```cue") || line.starts_with("```sh"));
            assert!(
                code_block || page.contains("\n$ "),
                "{code}: the page shows no example"
            );
            assert!(
                page.contains("\n## What to do\n"),
                "{code}: the page lacks `## What to do`"
            );
            let fences = page.lines().filter(|line| line.starts_with("```")).count();
            assert!(
                fences.is_multiple_of(2),
                "{code}: a code block is not closed"
            );
            for line in page.lines() {
                assert_eq!(line, line.trim_end(), "{code}: trailing whitespace");
            }
            assert!(
                page.ends_with('\n') && !page.ends_with("\n\n"),
                "{code}: the page does not end with one newline"
            );
        }
    }

    #[test]
    fn every_summary_is_one_self_contained_sentence() {
        let mut summaries = BTreeSet::new();
        for code in Code::ALL {
            let summary = code.summary();
            assert!(summary.len() > 30, "{code}: {summary}");
            assert!(summary.len() < 240, "{code}: {} characters", summary.len());
            assert!(!summary.contains('\n'), "{code}: {summary}");
            assert!(
                summary.starts_with(|c: char| c.is_uppercase() || c == '`'),
                "{code}: {summary}"
            );
            let quotes = summary.matches('`').count();
            assert!(
                quotes.is_multiple_of(2),
                "{code}: the summary ends inside backticks: {summary}"
            );
            assert!(
                summaries.insert(summary),
                "{code}: another code has the same summary"
            );
        }
    }

    #[test]
    fn every_page_belongs_to_a_code() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
        let mut pages = BTreeSet::new();
        for stage in fs::read_dir(&folder).unwrap() {
            for page in fs::read_dir(stage.unwrap().path()).unwrap() {
                let path = page.unwrap().path();
                let name = path.strip_prefix(&folder).unwrap().with_extension("");
                pages.insert(name.display().to_string());
            }
        }
        let codes: BTreeSet<_> = Code::ALL
            .iter()
            .map(|code| stage_and_name(*code))
            .map(|(stage, name)| format!("{stage}/{name}"))
            .collect();
        assert_eq!(pages, codes);
    }
}
