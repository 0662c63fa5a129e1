//! [`Field`]: the fields that engines may treat differently, with the verdict of
//! each engine.

use serde::Serialize;

use kcc_tree::Engine;

use super::Verdict;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $path:literal: $docker:expr, $kubernetes:expr;)*) => {
        /// A field that engines may treat differently.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "each field is described by its path")]
        pub enum Field {
            $($name,)*
        }

        impl Field {
            /// All fields.
            pub const ALL: &'static [Field] = &[$(Field::$name,)*];

            /// Returns the field's path inside a component, with `*` for any name.
            pub fn path(self) -> &'static str {
                match self { $(Field::$name => $path,)* }
            }

            /// Returns the verdict of an engine.
            pub fn verdict(self, engine: Engine) -> Verdict {
                use Verdict::{Dropped, DroppedByNature, Emulated, Honoured};
                match (self, engine) {
                    $((Field::$name, Engine::Docker) => $docker,
                      (Field::$name, Engine::Kubernetes) => $kubernetes,)*
                }
            }
        }
    };
}

fields! {
    Image "image": Honoured, Honoured;
    Build "build": Honoured, Emulated("kcc builds the image, which has to be loaded into the cluster");
    Command "command": Emulated("kcc expands `$(NAME)` in it"), Honoured;
    Args "args": Emulated("kcc expands `$(NAME)` in them"), Honoured;
    WorkingDir "workingDir": Honoured, Honoured;
    User "user": Honoured, Honoured;
    Env "env": Honoured, Honoured;
    Port "ports.*": Honoured, Honoured;
    Expose "ports.*.expose":
        Honoured,
        DroppedByNature("a cluster has no single host; the Service has the port");
    Need "needs.*":
        Emulated("kcc starts in order; a network makes its name known only to components that need it"),
        Emulated("kcc starts in order; NetworkPolicies allow traffic to needed components if the cluster enforces them");
    Startup "health.startup": Emulated("failures do not count during its time"), Honoured;
    Readiness "health.readiness":
        Emulated("kcc checks while it waits; a rendered compose file only runs commands"),
        Honoured;
    Liveness "health.liveness":
        DroppedByNature("Docker restarts containers that exit, not those that stop responding"),
        Honoured;
    GrpcHealth "health.*.grpc":
        Dropped("neither Docker nor kcc can call the gRPC health service"),
        Honoured;
    Replicas "replicas": Emulated("containers share one name; each exposed port gets a free host port per replica"), Honoured;
    Scale "scale":
        DroppedByNature("a single host cannot autoscale; the minimum runs"),
        Honoured;
    RolloutStrategy "rollout.strategy":
        Emulated("kcc replaces the container, side by side only if ports and volumes allow it"),
        Honoured;
    RolloutSurge "rollout.surge":
        DroppedByNature("kcc replaces containers one by one"),
        Honoured;
    RolloutUnavailable "rollout.unavailable":
        DroppedByNature("kcc replaces containers one by one"),
        Honoured;
    GracePeriod "rollout.gracePeriod": Honoured, Honoured;
    RolloutDeadline "rollout.deadline": Emulated("limits how long an apply waits"), Honoured;
    PreStop "rollout.preStop": Emulated("kcc runs it before it stops a container"), Honoured;
    Disruption "disruption":
        DroppedByNature("a single host is never drained"),
        Honoured;
    Spread "placement.spread":
        DroppedByNature("there is a single host"),
        Emulated("best effort: replicas share a node if the cluster has no room");
    Nodes "placement.nodes": DroppedByNature("there is a single host"), Honoured;
    Tolerations "placement.tolerations":
        DroppedByNature("a single host has no taints"),
        Honoured;
    CpuRequest "resources.requests.cpu": Emulated("a relative weight among containers"), Honoured;
    MemoryRequest "resources.requests.memory":
        DroppedByNature("a single host needs no scheduling"),
        Honoured;
    CpuLimit "resources.limits.cpu": Honoured, Honoured;
    MemoryLimit "resources.limits.memory": Honoured, Honoured;
    Volume "volumes.*": Honoured, Honoured;
    HostPath "volumes.*.hostPath": Honoured, Honoured;
    VolumeSize "volumes.*.size":
        DroppedByNature("a Docker volume has no size limit but its disk"),
        Honoured;
    VolumeClass "volumes.*.class":
        DroppedByNature("a single host has no storage classes"),
        Honoured;
    Ephemeral "volumes.*.ephemeral":
        Emulated("a tmpfs, or a volume that is removed with the container"),
        Honoured;
    EphemeralExec "volumes.*.ephemeral.exec":
        Honoured,
        Dropped("an `emptyDir` cannot be mounted `noexec`");
    EphemeralMode "volumes.*.ephemeral.mode":
        Honoured,
        Dropped("an `emptyDir` is writable by everybody in the pod");
    VolumeMode "volumes.*.mode":
        Honoured,
        Emulated("files belong to root and are readable by the pod's group");
    File "files.*": Honoured, Honoured;
    FileMode "files.*.mode":
        Honoured,
        Emulated("files belong to root and are readable by the pod's group");
    FileOwner "files.*.owner":
        Honoured,
        Dropped("files of ConfigMaps and Secrets always belong to root");
    Route "routes.*": Emulated("the port is published on the host"), Honoured;
    RouteTls "routes.*.tls":
        DroppedByNature("a local engine has no certificate for the host"),
        Honoured;
    Retries "retries": Honoured, Honoured;
    Deadline "deadline": Emulated("limits how long an apply waits"), Honoured;
    Stateful "stateful": Honoured, Honoured;
    Init "init.*":
        Emulated("kcc runs it each time it creates the container, before the start"),
        Honoured;
    CronInit "cronJobs.*.init.*":
        Dropped("a run started by hand starts only the main container"), Honoured;
    Sidecar "sidecars.*":
        Emulated("a container in the main one's network namespace, started right after it"),
        Honoured;
    CronSidecar "cronJobs.*.sidecars.*":
        Dropped("a run started by hand starts only the main container"), Honoured;
    EveryNode "everyNode": Honoured, Honoured;
    Profile "security.profile": Honoured, Honoured;
    Completions "completions":
        Emulated("kcc creates a container for each"), Honoured;
    CronCompletions "cronJobs.*.completions":
        DroppedByNature("runs are started by hand"), Honoured;
    CronDeadline "cronJobs.*.deadline":
        DroppedByNature("runs are started and stopped by hand"), Honoured;
    Parallelism "parallelism":
        Emulated("an apply limits how many it starts at once"), Honoured;
    Schedule "schedule":
        Emulated("kcc creates the container, and each run is started by hand"), Honoured;
    TimeZone "timeZone": DroppedByNature("Docker does not schedule runs"), Honoured;
    Concurrency "concurrency":
        DroppedByNature("there is one container, which cannot run twice at a time"), Honoured;
    ReadOnlyRoot "security.readOnlyRoot": Honoured, Honoured;
    Privileged "security.privileged": Honoured, Honoured;
    Capabilities "security.capabilities": Honoured, Honoured;
    KubernetesPatch "kubernetes.*":
        Dropped("Docker does not have the object that it patches"),
        Honoured;
    DockerPatch "docker.*":
        Honoured,
        Dropped("it patches a Docker container, which Kubernetes does not have");
    Object "objects.*":
        Dropped("Docker does not have such an object"),
        Honoured;
    RuleObject "objects.*.kind":
        DroppedByNature("it is a rule for a cluster, and a single host needs none"),
        Honoured;
    Identity "identity":
        DroppedByNature("Docker has no API that authenticates containers"),
        Honoured;
    Labels "labels": Honoured, Honoured;
    Annotations "annotations":
        DroppedByNature("Docker has only labels, and nothing reads annotations there"),
        Honoured;
}
