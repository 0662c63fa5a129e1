//! [`Field`]: the fields that engines may treat differently, and what each
//! engine makes of them.

use serde::Serialize;

use super::{Engine, Verdict};

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
            /// Every field there is.
            pub const ALL: &'static [Field] = &[$(Field::$name,)*];

            /// Its path inside a component, `*` for any name.
            pub fn path(self) -> &'static str {
                match self { $(Field::$name => $path,)* }
            }

            /// What an engine makes of it.
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
    Build "build": Honoured, Emulated("kcc builds the image; the cluster has to be given it");
    Command "command": Emulated("kcc replaces `$(NAME)` in it"), Honoured;
    Args "args": Emulated("kcc replaces `$(NAME)` in them"), Honoured;
    WorkingDir "workingDir": Honoured, Honoured;
    User "user": Honoured, Honoured;
    Env "env": Honoured, Honoured;
    Port "ports.*": Honoured, Honoured;
    Expose "ports.*.expose":
        Honoured,
        DroppedByNature("a cluster has no host of its own; the port is on the Service");
    Need "needs.*":
        Emulated("kcc starts in order; its name is known to whoever needs it, on a network of theirs"),
        Emulated("kcc starts in order; NetworkPolicies open the way to what is needed, where the cluster enforces them");
    Startup "health.startup": Emulated("its time is granted before a failure counts"), Honoured;
    Readiness "health.readiness":
        Emulated("kcc asks while it waits; a rendered compose file only runs commands"),
        Honoured;
    Liveness "health.liveness":
        DroppedByNature("Docker starts again what ends, not what no longer answers"),
        Honoured;
    GrpcHealth "health.*.grpc":
        Dropped("neither Docker nor kcc can ask the gRPC health service"),
        Honoured;
    Replicas "replicas": Emulated("containers under one name, each with a free port of the host where it is exposed"), Honoured;
    Scale "scale":
        DroppedByNature("one machine has no load to share: the least number runs"),
        Honoured;
    RolloutStrategy "rollout.strategy":
        Emulated("kcc replaces the container, side by side only where ports and volumes allow it"),
        Honoured;
    RolloutSurge "rollout.surge":
        DroppedByNature("kcc replaces containers one after the other"),
        Honoured;
    RolloutUnavailable "rollout.unavailable":
        DroppedByNature("kcc replaces containers one after the other"),
        Honoured;
    GracePeriod "rollout.gracePeriod": Honoured, Honoured;
    RolloutDeadline "rollout.deadline": Emulated("an apply waits no longer"), Honoured;
    PreStop "rollout.preStop": Emulated("kcc runs it before it stops a container"), Honoured;
    Disruption "disruption":
        DroppedByNature("nobody empties the only machine"),
        Honoured;
    Spread "placement.spread":
        DroppedByNature("there is one machine"),
        Emulated("where the cluster has room; else replicas share a machine");
    Nodes "placement.nodes": DroppedByNature("there is one machine"), Honoured;
    Tolerations "placement.tolerations":
        DroppedByNature("a single machine has no taints"),
        Honoured;
    CpuRequest "resources.requests.cpu": Emulated("a weight among containers"), Honoured;
    MemoryRequest "resources.requests.memory":
        DroppedByNature("one machine has nothing to choose from"),
        Honoured;
    CpuLimit "resources.limits.cpu": Honoured, Honoured;
    MemoryLimit "resources.limits.memory": Honoured, Honoured;
    Volume "volumes.*": Honoured, Honoured;
    HostPath "volumes.*.hostPath": Honoured, Honoured;
    VolumeSize "volumes.*.size":
        DroppedByNature("a Docker volume is as large as its disk"),
        Honoured;
    VolumeClass "volumes.*.class":
        DroppedByNature("one machine has one kind of disk"),
        Honoured;
    Ephemeral "volumes.*.ephemeral":
        Emulated("memory of the machine holds it, or a volume that goes with the container"),
        Honoured;
    EphemeralExec "volumes.*.ephemeral.exec":
        Honoured,
        Dropped("an `emptyDir` cannot forbid that programs in it are run");
    EphemeralMode "volumes.*.ephemeral.mode":
        Honoured,
        Dropped("everybody in the pod may write to an `emptyDir`");
    VolumeMode "volumes.*.mode":
        Honoured,
        Emulated("files belong to root, and the pod's group may read them");
    File "files.*": Honoured, Honoured;
    FileMode "files.*.mode":
        Honoured,
        Emulated("files belong to root, and the pod's group may read them");
    FileOwner "files.*.owner":
        Honoured,
        Dropped("files of ConfigMaps and Secrets belong to root");
    Route "routes.*": Emulated("the port is published on the host"), Honoured;
    RouteTls "routes.*.tls":
        DroppedByNature("a laptop has no certificate for the host"),
        Honoured;
    Retries "retries": Honoured, Honoured;
    Deadline "deadline": Emulated("an apply waits no longer"), Honoured;
    Stateful "stateful": Honoured, Honoured;
    Init "init.*":
        Emulated("kcc runs it each time that it makes the container, before that starts"),
        Honoured;
    CronInit "cronJobs.*.init.*":
        Dropped("whoever starts a run starts the main container alone"), Honoured;
    Sidecar "sidecars.*":
        Emulated("a container in the network of the main one, which starts right after it"),
        Honoured;
    CronSidecar "cronJobs.*.sidecars.*":
        Dropped("whoever starts a run starts the main container alone"), Honoured;
    EveryNode "everyNode": Honoured, Honoured;
    Profile "security.profile": Honoured, Honoured;
    Completions "completions":
        Emulated("kcc makes a container for each"), Honoured;
    CronCompletions "cronJobs.*.completions":
        DroppedByNature("who starts a run decides how often"), Honoured;
    CronDeadline "cronJobs.*.deadline":
        DroppedByNature("who starts a run may end it"), Honoured;
    Parallelism "parallelism":
        Emulated("kcc starts no more at once while it applies"), Honoured;
    Schedule "schedule":
        Emulated("kcc makes the container, and it runs whenever somebody starts it"), Honoured;
    TimeZone "timeZone": DroppedByNature("nothing is scheduled"), Honoured;
    Concurrency "concurrency":
        DroppedByNature("there is one container, which runs once at a time"), Honoured;
    ReadOnlyRoot "security.readOnlyRoot": Honoured, Honoured;
    Privileged "security.privileged": Honoured, Honoured;
    Capabilities "security.capabilities": Honoured, Honoured;
    KubernetesPatch "kubernetes.*":
        Dropped("it is merged into an object that Docker does not have"),
        Honoured;
    DockerPatch "docker.*":
        Honoured,
        Dropped("it is merged into a container of Docker, and a cluster makes none");
    Object "objects.*":
        Dropped("Docker has no such object"),
        Honoured;
    RuleObject "objects.*.kind":
        DroppedByNature("it rules over a cluster, and one machine has none"),
        Honoured;
    Identity "identity":
        DroppedByNature("Docker has no API that a container is known to"),
        Honoured;
    Labels "labels": Honoured, Honoured;
    Annotations "annotations":
        DroppedByNature("Docker has labels only, and nothing there reads annotations"),
        Honoured;
}
