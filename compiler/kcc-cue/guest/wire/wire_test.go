package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestResponsesAreJSON(t *testing.T) {
	texts := []string{"", "plain", `"quoted" \ back`, "line\nbreak\ttab\x00\x1f", "ümlaut 漢字 😀", "bad \xff utf8 \xc3", "a/b"}
	for _, text := range texts {
		response := &Response{
			Schema: []SchemaFile{{Name: text, Text: text}},
			Tree: &Node{Kind: Struct, Fields: []Field{
				{text, &Node{Kind: String, Text: text, Origins: []Origin{
					{Span: Span{1, 2, 3}, Role: RoleDefault, By: 1}, {Span: Span{1, 2, 3}, Role: RoleValue, By: 4},
				}}},
			}},
			Errors: []Fault{Fault{Detail: PrivateName{Name: text, Team: text}, Path: []string{text}}.At(Span{1, 2, 3}, RoleValue)},
		}
		var got map[string]any
		if err := json.Unmarshal(AppendResponse(nil, response), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		// Compare with encoding/json, including for invalid UTF-8.
		quoted, _ := json.Marshal(text)
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		fields := got["tree"].(map[string]any)["f"].(map[string]any)
		node, ok := fields[want].(map[string]any)
		if !ok || node["v"] != want {
			t.Errorf("%q came back as %v", text, fields)
			continue
		}
		origins := []any{[]any{1.0, 2.0, 3.0, 3.0}, []any{1.0, 2.0, 3.0, 0.0, 4.0}}
		if !reflect.DeepEqual(node["o"], origins) {
			t.Errorf("the origins came back as %v", node["o"])
		}
		e := got["errors"].([]any)[0].(map[string]any)
		if e["path"].([]any)[0] != want || e["args"].(map[string]any)["name"] != want {
			t.Errorf("the error came back as %v", e)
		}
	}
}

func TestNodesOfEveryKindAreEncoded(t *testing.T) {
	nodes := map[string]*Node{
		`{"v":null}`:           {Kind: Null},
		`{"v":true}`:           {Kind: Bool, Bool: true},
		`{"v":1.50}`:           {Kind: Number, Text: "1.50"},
		`{"v":"x"}`:            {Kind: String, Text: "x"},
		`{"f":{}}`:             {Kind: Struct},
		`{"e":[]}`:             {Kind: List},
		`{"absent":true}`:      {},
		`{"e":[{"v":null}]}`:   {Kind: List, Items: []*Node{{Kind: Null}}},
		`{"f":{"a":{"e":[]}}}`: {Kind: Struct, Fields: []Field{{"a", &Node{Kind: List}}}},
	}
	for want, node := range nodes {
		if got := string(appendNode(nil, node)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestDetailsAreEncodedByName(t *testing.T) {
	for want, detail := range map[string]Detail{
		`secret-literal{}`: SecretLiteral{},
		`cue-default-ruled-out{"expected":[[{"at-least":{"limit":"1"}},{"of-type":{"kind":"int"}}]]}`: CUEDefaultRuledOut{
			Expected: Expected{{AtLeast{Limit: "1"}, OfType{Kind: TypeInt}}},
		},
		`bad-policy{"policy":"p","problem":{"policy-field":{"path":["a","b"],"candidates":[]}}}`: BadPolicy{
			Policy: "p", Problem: PolicyField{Path: []string{"a", "b"}},
		},
		`incomplete-expression{"part":"source","cause":{"message":"m","bare":""}}`: IncompleteExpression{
			Part: PartSource, Cause: &Cause{Message: "m"},
		},
		`policy-violated{"policy":"p","message":"","on":[]}`:                           PolicyViolated{Policy: "p"},
		`not-concrete{"name":"x","expected":[],"by_pattern":true,"in_defaults":false}`: NotConcrete{Name: "x", ByPattern: true},
	} {
		if got := string(AppendDetail(nil, detail)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestEveryTextOfADetailIsReplaced(t *testing.T) {
	cause := &Cause{Message: "a", Bare: "a"}
	before := Detail(BadPolicy{Policy: "a", Problem: UndecidedPolicy{
		Reference: &Reference{Name: "a", Within: "a", Candidates: []string{"a", "b"}}, Cause: cause,
	}})
	after := MapTexts(before, strings.ToUpper)
	want := `bad-policy{"policy":"A","problem":{"undecided-policy":` +
		`{"reference":{"name":"A","within":"A","candidates":["A","B"]},"cause":{"message":"A","bare":"A"}}}}`
	if got := string(AppendDetail(nil, after)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if cause.Message != "a" {
		t.Error("the original was changed")
	}
}

func TestRequestsOfOtherVersionsAreRejected(t *testing.T) {
	for _, text := range []string{`{"version":2,"op":"model"}`, `{}`, `[]`, ``, `{"version":1`} {
		if _, err := ParseRequest([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	if req, err := ParseRequest([]byte(`{"version":1,"op":"model","files":[{"name":"a","text":"b"}]}`)); err != nil || len(req.Files) != 1 {
		t.Errorf("%v %v", req, err)
	}
}
