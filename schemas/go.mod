module kcc.dev/schemas

go 1.25.0
