module kcc.dev/tests/testbed/pause

go 1.24.0
