package wire

import (
	"reflect"
	"strings"
	"unicode"
)

// Code returns the code of an error: the name of the type of its detail.
func (e Fault) Code() string {
	return strings.Join(Words(reflect.TypeOf(e.Detail).Name()), "-")
}

// Words splits a Go name into lower-case words.
func Words(name string) []string {
	var words []string
	letters := []rune(name)
	start := 0
	for i := 1; i <= len(letters); i++ {
		boundary := i == len(letters) || unicode.IsUpper(letters[i]) &&
			(unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if boundary {
			words = append(words, strings.ToLower(string(letters[start:i])))
			start = i
		}
	}
	return words
}

// Argument is a field of a detail, or of what is in it.
type Argument struct {
	// Name is the field's name as on the wire.
	Name  string
	Value reflect.Value
}

// Arguments returns the arguments of an error that are present.
func (e Fault) Arguments() []Argument {
	return arguments(reflect.ValueOf(e.Detail))
}

func arguments(of reflect.Value) []Argument {
	var found []Argument
	for i := range of.NumField() {
		field, value := of.Type().Field(i), of.Field(i)
		if field.Anonymous || isAbsent(field, value) {
			continue
		}
		found = append(found, Argument{strings.Join(Words(field.Name), "_"), value})
	}
	return found
}

// isAbsent reports whether a field is left out: one without a value that has an
// optional type or tag.
func isAbsent(field reflect.StructField, value reflect.Value) bool {
	switch field.Type.Kind() {
	case reflect.Pointer, reflect.Interface:
		return value.IsNil()
	}
	return field.Tag.Get("wire") == "optional" && value.IsZero()
}

// appendArguments appends the fields of a struct as a JSON object.
func appendArguments(b []byte, of reflect.Value) []byte {
	b = append(b, '{')
	for i, argument := range arguments(of) {
		b = comma(b, i)
		b = appendString(b, argument.Name)
		b = append(b, ':')
		b = appendValue(b, argument.Value)
	}
	return append(b, '}')
}

// appendValue appends an argument as JSON. A member of a sum is an object with
// the name of its type as the only key.
func appendValue(b []byte, value reflect.Value) []byte {
	switch value.Kind() {
	case reflect.String:
		return appendString(b, value.String())
	case reflect.Bool:
		if value.Bool() {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case reflect.Int:
		return appendInt(b, int(value.Int()))
	case reflect.Slice:
		b = append(b, '[')
		for i := range value.Len() {
			b = comma(b, i)
			b = appendValue(b, value.Index(i))
		}
		return append(b, ']')
	case reflect.Pointer:
		return appendValue(b, value.Elem())
	case reflect.Interface:
		member := value.Elem()
		b = append(b, '{')
		b = appendString(b, strings.Join(Words(member.Type().Name()), "-"))
		b = append(b, ':')
		b = appendArguments(b, member)
		return append(b, '}')
	case reflect.Struct:
		return appendArguments(b, value)
	}
	panic("a detail has a field of type " + value.Type().String())
}

// AppendDetail appends the code and the arguments of a detail, which identify it.
func AppendDetail(b []byte, d Detail) []byte {
	b = append(b, Fault{Detail: d}.Code()...)
	return appendArguments(b, reflect.ValueOf(d))
}

// MapTexts returns a detail in which a function has replaced every text.
func MapTexts(d Detail, change func(string) string) Detail {
	copied := reflect.New(reflect.TypeOf(d)).Elem()
	copied.Set(reflect.ValueOf(d))
	mapTexts(copied, change)
	return copied.Interface().(Detail)
}

// mapTexts changes a settable value in place; what it points to is copied first.
func mapTexts(value reflect.Value, change func(string) string) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(change(value.String()))
	case reflect.Slice:
		if value.IsNil() {
			return
		}
		copied := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
		reflect.Copy(copied, value)
		for i := range copied.Len() {
			mapTexts(copied.Index(i), change)
		}
		value.Set(copied)
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return
		}
		copied := reflect.New(value.Elem().Type())
		copied.Elem().Set(value.Elem())
		mapTexts(copied.Elem(), change)
		if value.Kind() == reflect.Interface {
			copied = copied.Elem()
		}
		value.Set(copied)
	case reflect.Struct:
		for i := range value.NumField() {
			if !value.Type().Field(i).Anonymous {
				mapTexts(value.Field(i), change)
			}
		}
	}
}

// String shows an argument to a person: a text or a list of texts as it is,
// anything else as JSON.
func (a Argument) String() string {
	if a.Value.Kind() == reflect.String {
		return a.Value.String()
	}
	if texts, ok := a.Value.Interface().([]string); ok {
		return strings.Join(texts, " ")
	}
	return string(appendValue(nil, a.Value))
}
