# Recipes need Rust and Go; those that need more say so.

cache := env("KCC_CACHE", env("XDG_CACHE_HOME", home_directory() / ".cache") / "kcc")

# List the recipes.
default:
    @just --list

# Everything that a change has to pass.
ci: lint test deny

# Format everything.
fmt:
    cargo fmt --all
    gofmt -w compiler/kcc-cue/guest schemas examples tests

# Check formatting and lints, without warnings.
lint:
    cargo fmt --all --check
    test -z "$(gofmt -l compiler/kcc-cue/guest schemas examples tests)"
    cargo clippy --workspace --all-targets -- -D warnings
    cd compiler/kcc-cue/guest && go vet ./...
    cd tests/differential && go vet ./...

# Run all tests; those that need a missing engine say so.
test:
    cd compiler/kcc-cue/guest && go test ./...
    cd tests/differential && go test ./...
    cargo test
    cargo test --package kcc-demo

# Check licences and sources of the dependencies.
deny:
    cargo deny --all-features check bans licenses sources

# Check, render and run the shop example.
demo:
    cargo demo

# Run the tests on a real Docker engine, which they start (needs Debian's docker.io and root).
e2e-docker:
    KCC_E2E_DOCKER=1 cargo test --test e2e-docker

# Run the tests on a real Kubernetes, which they build and start (needs root).
e2e-kube:
    KCC_E2E_KUBE=1 cargo test --test e2e-kubernetes

# Run the commands of docs/story.md, on two nodes and a Docker engine (needs root).
story:
    KCC_E2E_DOCKER=1 KCC_E2E_KUBE=1 cargo test --test story

# Kill kcc at every change of a real Docker engine (needs Debian's docker.io and root).
kills-docker:
    KCC_E2E_DOCKER=1 cargo test --features failpoints --test e2e-docker -- every_kill

# The same on a real Kubernetes (needs root).
kills-kube:
    KCC_E2E_KUBE=1 cargo test --features failpoints --test e2e-kubernetes -- every_kill

# Kill kcc everywhere, several times each, and in every recovery; this takes hours.
kills-all:
    KCC_KILLS=all just kills-docker kills-kube

# Simulate many random worlds, a million by default; `KCC_SEED=N cargo test …` replays one.
simulate worlds="1000000":
    KCC_WORLDS={{worlds}} cargo test --release --lib --package kcc-docker --package kcc-kube -- --nocapture every_world_converges


# Let kcc and that of another revision change one Docker target in turn (needs root).
versions revision:
    git worktree add --force --detach "{{cache}}/other" {{revision}}
    cd "{{cache}}/other" && cargo build --bin kcc --target-dir "{{cache}}/other-target"
    git worktree remove --force "{{cache}}/other"
    KCC_OTHER="{{cache}}/other-target/debug/kcc" KCC_E2E_DOCKER=1 cargo test --test e2e-docker -- two_versions

# Compare kcc with its alternatives, as ratios within one run.
bench:
    cargo bench --bench versus

# Compare applies with those of docker-compose and kubectl, on real engines (needs root).
bench-apply:
    KCC_E2E_DOCKER=1 KCC_E2E_KUBE=1 cargo bench --bench apply

# Measure what a revision costs at a thousand services.
bench-revision:
    cargo bench --bench revision
