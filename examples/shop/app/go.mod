module kcc.dev/examples/shop

go 1.25
