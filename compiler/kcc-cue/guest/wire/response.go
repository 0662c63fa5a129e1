package wire

// Response is the answer to a request; a field without a value is left out.
type Response struct {
	Schema       []SchemaFile
	Tree         *Node
	Declarations []Declaration
	// Partial lists the request's files that could only be parsed in part.
	Partial  []int
	Policies []Policy
	// Matched are the component names in policies and defaults that the target
	// has.
	Matched []Match
	// Explained is set if the request asks for it.
	Explained []Explained
	// Formatted has the text of each of the request's files, or nil for one that
	// cannot be parsed.
	Formatted []*string
	Errors    []Fault
}

// Match is a name or pattern of a rule that the target has a component for. One
// line may have several, such as a call that returns them.
type Match struct {
	Span
	Name string
}

// SchemaFile is one file of kcc's schema.
type SchemaFile struct {
	Name string
	Text string
}

// Span is a range of bytes in a file. Files are numbered as in the request; those
// of the schema follow.
type Span struct {
	File  int
	Start int
	End   int
}

// Role is how a conjunct takes part in a value.
type Role int

// The roles, numbered as on the wire.
const (
	RoleValue Role = iota
	RoleConstraint
	RoleCUEDefault
	RoleDefault
	RoleSchema
)

// Origin is one conjunct behind a node.
type Origin struct {
	Span
	Role Role
	// By is the file of the fragment whose reference brings the conjunct in, or
	// Span.File if there is none.
	By int
}

// Kind determines which parts of a Node are used.
type Kind int

// The kinds of a node.
const (
	// Absent: the field is constrained, but has no value.
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

// Node is a value with its origins.
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

// Declaration lists the lines that declare a component.
type Declaration struct {
	Path []string
	// Owners are the labels of fields that give image, build or kind.
	Owners []Span
	// Others are the other labels of that path.
	Others []Span
}

// Explained is the annotation of a path.
type Explained struct {
	Path []string
	// Schema is its line in kcc's schema.
	Schema *Span
	// Defaults are the defaults of the fragments, including those that a stronger
	// value overrides.
	Defaults []DefaultLine
	// Overridden are the lines of the base that the target's overlay overrides.
	Overridden []Origin
	// Policies are the policies' lines that it was checked against.
	Policies []PolicyLine
}

// DefaultLine is a line of a `defaults` block.
type DefaultLine struct {
	Origin
	// Own is set if the block belongs to the team that owns the component.
	Own bool
}

// PolicyLine is a line of a policy.
type PolicyLine struct {
	// Policy is an index of the response's policies.
	Policy int
	Span
}

// Policy is a policy that applies to the target.
type Policy struct {
	Name    string
	Message string
	// Label is the span of its name.
	Label Span
	// By is the file that the policy belongs to: the one that embeds it, if any,
	// else the one it is written in.
	By int
	// Requires are its requirements.
	Requires []Required
}

// Required is a line of a policy that requires something of a path; "*" in the
// path stands for any name.
type Required struct {
	Path []string
	Span
}

// Label is a labelled span of an error; the first one is the primary one.
type Label struct {
	Span
	Role Role
}

// Fault is one error; the host writes its message.
type Fault struct {
	Detail  Detail
	Warning bool
	Path    []string
	Labels  []Label
	// Distinct tells apart errors that are alike in their detail and labels, such
	// as those of one pattern about different values. The host does not get it.
	Distinct string
}

// At returns the error with a label added.
func (e Fault) At(span Span, role Role) Fault {
	e.Labels = append(e.Labels[:len(e.Labels):len(e.Labels)], Label{span, role})
	return e
}
