module kcc.dev/tests/testbed/standin

go 1.25
