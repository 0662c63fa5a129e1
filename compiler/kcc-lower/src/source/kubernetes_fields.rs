//! The tables of Kubernetes fields and the model paths they follow.

use super::pattern::Entry;

/// Fields of every object.
pub(super) const OBJECT: &[Entry] = &[
    ("apiVersion", "= the API version that kcc uses"),
    ("kind", "= it follows from the fields of the component"),
    ("metadata.name", "."),
    (
        "metadata.namespace",
        "system.targets.{target}.kubernetes.namespace | system.name",
    ),
    ("metadata.labels.*", ".labels.{1}"),
    ("metadata.annotations.*", ".annotations.{1}"),
];

/// Fields of each kind.
pub(super) const KINDS: &[(&str, &[Entry])] = &[
    ("namespace", &[]),
    (
        "serviceaccount",
        &[
            ("metadata.name", ".identity.name | ."),
            (
                "automountServiceAccountToken",
                "= components do not get a token by default",
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
            ("spec.podSelector.**", "= kcc identifies its pods by it"),
            (
                "spec.policyTypes",
                "= components can connect only to what they need",
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
                "= an unhealthy replica does not block draining its node",
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
pub(super) const WORKLOAD: &[Entry] = &[
    (
        "spec.minReadySeconds",
        "= a pod without a health check has to stay up before it counts as available",
    ),
    (
        "spec.revisionHistoryLimit",
        "= kcc keeps three revisions for rollbacks",
    ),
    ("spec.selector.**", "= kcc identifies its objects by it"),
];

/// Fields of a pod's template.
pub(super) const POD: &[Entry] = &[
    ("metadata.labels.*", ".labels.{1}"),
    ("metadata.annotations.*", ".annotations.{1}"),
    ("spec.automountServiceAccountToken", ".identity.rules | ."),
    ("spec.enableServiceLinks", "= avoids undeclared variables"),
    (
        "spec.restartPolicy",
        "= keeps a failed pod with its log and starts a new one",
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
        "= avoids changing the group of a large volume at every start",
    ),
    (
        "spec.securityContext.seccompProfile.type",
        "= required by the restricted profile",
    ),
];

/// Fields of a container.
pub(super) const CONTAINER: &[Entry] = &[
    ("name", "."),
    (
        "restartPolicy",
        "= a sidecar runs as long as the main container",
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
pub(super) const PROBE: &[Entry] = &[
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

/// Fields of a claim, relative to the volume that requests it.
pub(super) const CLAIM: &[Entry] = &[
    ("accessModes", ".access"),
    ("resources.requests.storage", ".size"),
    ("storageClassName", ".class"),
    ("volumeMode", "= the API server's default"),
];
