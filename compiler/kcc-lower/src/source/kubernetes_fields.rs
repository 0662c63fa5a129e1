//! The tables of Kubernetes: which path of the model each field follows.

use super::pattern::Line;

/// Fields that objects of all kinds have.
pub(super) const OBJECT: &[Line] = &[
    ("apiVersion", "= the version of the API that kcc writes"),
    ("kind", "= it follows from what a component has"),
    ("metadata.name", "."),
    (
        "metadata.namespace",
        "system.targets.{target}.kubernetes.namespace | system.name",
    ),
    ("metadata.labels.*", ".labels.{1}"),
    ("metadata.annotations.*", ".annotations.{1}"),
];

/// The names of the kinds' own fields.
pub(super) const KINDS: &[(&str, &[Line])] = &[
    ("namespace", &[]),
    (
        "serviceaccount",
        &[
            ("metadata.name", ".identity.name | ."),
            (
                "automountServiceAccountToken",
                "= no component speaks to the cluster unless it asks to",
            ),
        ],
    ),
    (
        "role",
        &[
            ("metadata.name", ".identity.name | ."),
            ("rules.**", ".identity.rules"),
        ],
    ),
    (
        "rolebinding",
        &[
            ("metadata.name", ".identity.name | ."),
            ("roleRef.**", ".identity"),
            ("subjects.**", ".identity"),
        ],
    ),
    (
        "clusterrole",
        &[
            ("metadata.name", ".identity.name | ."),
            ("rules.**", ".identity.rules"),
        ],
    ),
    (
        "clusterrolebinding",
        &[
            ("metadata.name", ".identity.name | ."),
            ("roleRef.**", ".identity"),
            ("subjects.**", ".identity"),
        ],
    ),
    (
        "networkpolicy",
        &[
            ("spec.ingress.**", ".ports | .sidecars | ."),
            ("spec.podSelector.**", "= kcc knows its pods by it"),
            (
                "spec.policyTypes",
                "= nothing connects but to what it needs",
            ),
        ],
    ),
    ("configmap", &[]),
    ("persistentvolumeclaim", &[("spec.**", ".volumes")]),
    ("service", &[("spec.clusterIP", ".stateful")]),
    (
        "deployment",
        &[
            ("kind", ".stateful"),
            ("spec.replicas", ".replicas | .scale.min"),
            ("spec.progressDeadlineSeconds", ".rollout.deadline"),
            (
                "spec.strategy.**",
                ".rollout.strategy | .rollout | .volumes",
            ),
        ],
    ),
    (
        "daemonset",
        &[
            ("kind", ".everyNode"),
            ("spec.updateStrategy.type", ".rollout.strategy | .everyNode"),
            (
                "spec.updateStrategy.**",
                ".rollout.strategy | .rollout | .everyNode",
            ),
        ],
    ),
    (
        "statefulset",
        &[
            ("kind", ".stateful"),
            ("spec.replicas", ".replicas | .scale.min"),
            ("spec.serviceName", "."),
        ],
    ),
    (
        "job",
        &[
            ("spec.backoffLimit", ".retries"),
            ("spec.activeDeadlineSeconds", ".deadline"),
            ("spec.completions", ".completions"),
            ("spec.parallelism", ".parallelism"),
        ],
    ),
    (
        "cronjob",
        &[
            ("spec.schedule", ".schedule"),
            ("spec.timeZone", ".timeZone"),
            ("spec.concurrencyPolicy", ".concurrency"),
            ("spec.jobTemplate.spec.backoffLimit", ".retries"),
            ("spec.jobTemplate.spec.activeDeadlineSeconds", ".deadline"),
            ("spec.jobTemplate.spec.completions", ".completions"),
            ("spec.jobTemplate.spec.parallelism", ".parallelism"),
        ],
    ),
    (
        "horizontalpodautoscaler",
        &[
            ("spec.minReplicas", ".scale.min"),
            ("spec.maxReplicas", ".scale.max"),
            ("spec.scaleTargetRef.**", "."),
        ],
    ),
    (
        "poddisruptionbudget",
        &[
            ("spec.minAvailable", ".disruption.minAvailable"),
            ("spec.maxUnavailable", ".disruption.maxUnavailable"),
            (
                "spec.unhealthyPodEvictionPolicy",
                "= what is broken anyway does not keep its machine",
            ),
        ],
    ),
    (
        "ingress",
        &[
            (
                "spec.ingressClassName",
                "system.targets.{target}.kubernetes.ingressClass",
            ),
            ("spec.tls.**", ".routes"),
            ("spec.rules.**", ".routes"),
        ],
    ),
];

/// Fields of workloads.
pub(super) const WORKLOAD: &[Line] = &[
    (
        "spec.minReadySeconds",
        "= what no health check vouches for has to stay up before it counts",
    ),
    (
        "spec.revisionHistoryLimit",
        "= kcc keeps three to go back to",
    ),
    ("spec.selector.**", "= kcc knows its objects again by it"),
];

/// Fields of a pod's template.
pub(super) const POD: &[Line] = &[
    ("metadata.labels.*", ".labels.{1}"),
    ("metadata.annotations.*", ".annotations.{1}"),
    ("spec.automountServiceAccountToken", ".identity.rules | ."),
    (
        "spec.enableServiceLinks",
        "= an environment that nobody wrote is none",
    ),
    (
        "spec.restartPolicy",
        "= a failed pod stays, with its log, and a new one is started",
    ),
    ("spec.serviceAccountName", ".identity.name | ."),
    ("spec.terminationGracePeriodSeconds", ".rollout.gracePeriod"),
    ("spec.nodeSelector.*", ".placement.nodes.{1}"),
    (
        "spec.tolerations.@key.value",
        ".placement.tolerations.{1}.value",
    ),
    (
        "spec.tolerations.@key.effect",
        ".placement.tolerations.{1}.effect",
    ),
    ("spec.tolerations.@key.*", ".placement.tolerations.{1}"),
    ("spec.topologySpreadConstraints.**", ".placement.spread"),
    ("spec.securityContext.runAsNonRoot", ".security.profile"),
    ("spec.securityContext.runAsUser", ".user"),
    ("spec.securityContext.runAsGroup", ".user"),
    ("spec.securityContext.fsGroup", ".user | .volumes"),
    (
        "spec.securityContext.fsGroupChangePolicy",
        "= a large volume is not walked again at every start",
    ),
    (
        "spec.securityContext.seccompProfile.type",
        "= the restricted profile of Pod Security",
    ),
];

/// Fields of a container.
pub(super) const CONTAINER: &[Line] = &[
    ("name", "."),
    (
        "restartPolicy",
        "= a sidecar goes on for as long as the main container does",
    ),
    ("image", ".image | ..image | ..build"),
    ("imagePullPolicy", "..build"),
    ("command.*", ".command.{1} | .command"),
    ("command", ".command"),
    ("args.*", ".args.{1} | .args"),
    ("args", ".args"),
    ("workingDir", "..workingDir"),
    ("lifecycle.preStop.exec.command", ".rollout.preStop"),
    (
        "resources.requests.*",
        ".resources.requests.{1} | .resources.{1} | ..resources.requests.{1} | ..resources.{1}",
    ),
    (
        "resources.limits.*",
        ".resources.limits.{1} | .resources.{1} | ..resources.limits.{1} | ..resources.{1}",
    ),
    (
        "securityContext.allowPrivilegeEscalation",
        "..security.profile",
    ),
    (
        "securityContext.capabilities.drop",
        "..security.capabilities.drop | ..security.profile",
    ),
    (
        "securityContext.capabilities.add",
        ".security.capabilities.add | .security",
    ),
    ("securityContext.privileged", ".security.privileged"),
    (
        "securityContext.readOnlyRootFilesystem",
        "..security.readOnlyRoot",
    ),
];

/// Fields of a probe.
pub(super) const PROBE: &[Line] = &[
    ("httpGet.path", ".http"),
    ("httpGet.port", ".port | ..ports.http.number | ..ports"),
    ("tcpSocket.port", ".tcp"),
    ("grpc.port", ".grpc"),
    ("exec.command", ".exec"),
    ("initialDelaySeconds", ".delay"),
    ("periodSeconds", ".period"),
    ("timeoutSeconds", ".timeout"),
    ("failureThreshold", ".failures"),
];

/// Fields of a claim, in the volume that asks for it.
pub(super) const CLAIM: &[Line] = &[
    ("accessModes", ".access"),
    ("resources.requests.storage", ".size"),
    ("storageClassName", ".class"),
    (
        "volumeMode",
        "= what the API server writes where nobody does",
    ),
];
