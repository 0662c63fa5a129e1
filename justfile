# Every recipe works on a machine with Rust and Go; those with an engine say so.

cache := env("KCC_CACHE", env("XDG_CACHE_HOME", home_directory() / ".cache") / "kcc")

# List the recipes.
default:
    @just --list

# All that a change has to pass.
ci: lint test deny

# Format everything.
fmt:
    cargo fmt --all
    gofmt -w compiler/kcc-cue/guest schemas examples tests

# Formatting and lints, without a warning.
lint:
    cargo fmt --all --check
    test -z "$(gofmt -l compiler/kcc-cue/guest schemas examples tests)"
    cargo clippy --workspace --all-targets -- -D warnings
    cd compiler/kcc-cue/guest && go vet ./...
    cd tests/differential && go vet ./...

# Every test; those that need an engine which is not there say so.
test:
    cd compiler/kcc-cue/guest && go test ./...
    cd tests/differential && go test ./...
    cargo test

# Licences and sources of the dependencies.
deny:
    cargo deny --all-features check bans licenses sources

# Check, render and run the example on what is here.
demo:
    cargo demo

# The tests on a real Docker engine, started for them (needs Debian's docker.io and root).
e2e-docker:
    KCC_E2E_DOCKER=1 cargo test --test e2e-docker

# The tests on a real Kubernetes, built and started for them (needs root).
e2e-kube:
    KCC_E2E_KUBE=1 cargo test --test e2e-kubernetes

# kcc beside what one would use instead, as ratios of one run.
bench:
    cargo bench --bench versus

# The first apply of 333 Deployments beside kubectl, on a real Kubernetes.
bench-kube:
    KCC_E2E_KUBE=1 cargo bench --bench first-apply
