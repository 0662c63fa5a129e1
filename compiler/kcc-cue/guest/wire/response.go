package wire

// Response is what the guest answers; a field without a value is left out.
type Response struct {
	Schema       []SchemaFile
	Tree         *Node
	Declarations []Declaration
	// Partial lists the request's files that could be parsed only in part.
	Partial  []int
	Policies []Policy
	// Matched are the names of components in policies and defaults that the
	// target has.
	Matched []Span
	// Explained is there where the request asks for it.
	Explained []Explained
	Errors    []Error
}

// SchemaFile is one file of kcc's schema.
type SchemaFile struct {
	Name string
	Text string
}

// Span is a range of bytes in a file: an index of the request's files, and
// after those of the schema's.
type Span struct {
	File  int
	Start int
	End   int
}

// Role says how a line takes part in a value.
type Role int

// The roles, numbered as on the wire.
const (
	RoleValue Role = iota
	RoleConstraint
	RoleCUEDefault
	RoleSoft
	RoleSchema
)

// Origin is one line behind a node.
type Origin struct {
	Span
	Role Role
	// By is the file whose fragment brought the line here; Span.File where
	// that is the file itself.
	By int
}

// Kind says which of the parts of a Node is used.
type Kind int

// The kinds of a node.
const (
	// Absent: lines constrain the field, nothing gives it a value.
	Absent Kind = iota
	// Null is CUE's null.
	Null
	// Bool is a boolean, in Node.Bool.
	Bool
	// Number is a number, in Node.Text as JSON writes it.
	Number
	// String is a string, in Node.Text.
	String
	// Struct has Node.Fields.
	Struct
	// List has Node.Items.
	List
)

// Node is a value with the lines it came from.
type Node struct {
	Kind    Kind
	Bool    bool
	Text    string
	Fields  []Field
	Items   []*Node
	Origins []Origin
}

// Field is a named node of a struct.
type Field struct {
	Name string
	Node *Node
}

// Declaration names the lines that make a component exist.
type Declaration struct {
	Path []string
	// Owners are labels of fields that give image, build or kind.
	Owners []Span
	// Others are the remaining labels of that path.
	Others []Span
}

// Explained is what the tree does not say about a path.
type Explained struct {
	Path []string
	// Schema is the line of kcc's schema for it.
	Schema *Span
	// Soft are the soft values of the fragments, those too that a stronger one
	// put aside.
	Soft []SoftLine
	// Replaced are the lines of the base that the target's overlay stands in
	// for.
	Replaced []Origin
	// Policies are the lines that it is held against.
	Policies []PolicyLine
}

// SoftLine is a line of a `defaults` block.
type SoftLine struct {
	Origin
	// Own: the block is the component's own team's.
	Own bool
}

// PolicyLine is a line of a policy.
type PolicyLine struct {
	// Policy is an index of the response's policies.
	Policy int
	Span
}

// Policy is one that holds in the target.
type Policy struct {
	Name    string
	Message string
	// Label is where its name stands.
	Label Span
	// By is the file whose policy it is: the one that embeds it where that is
	// not the file that it is written in.
	By int
	// Requires are the lines with which it requires something.
	Requires []Required
}

// Required is a line with which a policy requires something of a path; "*" in
// it stands for any name.
type Required struct {
	Path []string
	Span
}

// Label is a marked place of an error; the first one is the primary one.
type Label struct {
	Span
	Role Role
}

// Arg is a named word of an error.
type Arg struct {
	Name string
	Text string
}

// Error is one mistake; the host puts it into words.
type Error struct {
	Code    Code
	Warning bool
	Path    []string
	Labels  []Label
	Args    []Arg
}

// With adds a named word and returns the error.
func (e Error) With(name, text string) Error {
	e.Args = append(e.Args[:len(e.Args):len(e.Args)], Arg{name, text})
	return e
}

// At adds a place and returns the error.
func (e Error) At(span Span, role Role) Error {
	e.Labels = append(e.Labels[:len(e.Labels):len(e.Labels)], Label{span, role})
	return e
}
