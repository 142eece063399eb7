package tfplan

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// computed adds what the cloud would answer, in the forms that it has.
func computed(kind string, object map[string]cty.Value) {
	text := func(name string) string {
		if v, ok := object[name]; ok && !v.IsNull() && v.Type() == cty.String {
			v, _ = v.Unmark()
			return v.AsString()
		}
		return ""
	}
	set := func(name, format string, args ...any) {
		object[name] = cty.StringVal(fmt.Sprintf(format, args...)).Mark(late{})
	}
	project := text("project")
	switch kind {
	case "terraform_data":
		object["output"] = object["input"].Mark(late{})
	case "google_project":
		object["number"] = cty.StringVal("1234567890") // a data source: read when Terraform plans
	case "google_service_account":
		email := text("account_id") + "@" + project + ".iam.gserviceaccount.com"
		set("email", "%s", email)
		set("member", "serviceAccount:%s", email)
		set("name", "projects/%s/serviceAccounts/%s", project, email)
		set("id", "projects/%s/serviceAccounts/%s", project, email)
	case "google_pubsub_topic":
		set("id", "projects/%s/topics/%s", project, text("name"))
	case "google_pubsub_subscription":
		set("id", "projects/%s/subscriptions/%s", project, text("name"))
	case "google_artifact_registry_repository":
		set("name", "%s", text("repository_id"))
		set("id", "projects/%s/locations/%s/repositories/%s", project, text("location"), text("repository_id"))
	case "google_monitoring_notification_channel":
		set("id", "projects/%s/notificationChannels/%s", project, text("display_name"))
	case "google_cloudfunctions2_function":
		set("id", "projects/%s/locations/%s/functions/%s", project, text("location"), text("name"))
		addURI(object, "https://"+text("name")+".example.run.app")
	}
}

// addURI puts a function's address into its service_config.
func addURI(object map[string]cty.Value, uri string) {
	service, ok := object["service_config"]
	if !ok || service.LengthInt() != 1 {
		return
	}
	inner := service.Index(cty.NumberIntVal(0)).AsValueMap()
	inner["uri"] = cty.StringVal(uri).Mark(late{})
	object["service_config"] = cty.TupleVal([]cty.Value{cty.ObjectVal(inner)})
}

// functions are those of Terraform's functions that the files use.
func functions(read func(string) ([]byte, error)) map[string]function.Function {
	return map[string]function.Function{
		"alltrue": allTrue, "can": tryfunc.CanFunc, "try": tryfunc.TryFunc, "concat": stdlib.ConcatFunc,
		"merge": stdlib.MergeFunc, "keys": stdlib.KeysFunc,
		"values": stdlib.ValuesFunc, "length": length, "min": stdlib.MinFunc, "max": stdlib.MaxFunc,
		"regex": stdlib.RegexFunc, "replace": stdlib.ReplaceFunc,
		"format": stdlib.FormatFunc, "join": stdlib.JoinFunc, "flatten": stdlib.FlattenFunc, "lookup": stdlib.LookupFunc,
		"contains": stdlib.ContainsFunc,
		"coalesce": stdlib.CoalesceFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "toset": toSet,
		"split": stdlib.SplitFunc, "distinct": stdlib.DistinctFunc, "trimspace": stdlib.TrimSpaceFunc,
		"tostring": stdlib.MakeToFunc(cty.String),
		"upper":    stdlib.UpperFunc, "startswith": ofTexts(strings.HasPrefix), "endswith": ofTexts(strings.HasSuffix),
		"file": ofFile(cty.String, func(name string) (cty.Value, error) {
			data, err := read(name)
			return cty.StringVal(string(data)), err
		}),
		"fileexists": ofFile(cty.Bool, func(name string) (cty.Value, error) {
			_, err := read(name)
			if errors.Is(err, fs.ErrNotExist) {
				return cty.False, nil
			}
			return cty.True, err
		}),
	}
}

// length takes objects too, as Terraform's does. It is known of a collection whose elements are not.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "collection", Type: cty.DynamicPseudoType, AllowMarked: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if value, marks := args[0].Unmark(); value.Type().IsObjectType() {
			return cty.NumberIntVal(int64(len(value.Type().AttributeTypes()))).WithMarks(marks), nil
		}
		return stdlib.Length(args[0])
	},
})

// ofTexts is a function that compares a text with a part of it.
func ofTexts(f func(text, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// ofFile is a function of a file's name.
func ofFile(result cty.Type, f func(name string) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(result),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f(args[0].AsString()) },
	})
}

var allTrue = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		for _, v := range args[0].Elements() {
			if v.False() {
				return cty.False, nil
			}
		}
		return cty.True, nil
	},
})

var toSet = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Set(cty.String)),
	Impl:   func(args []cty.Value, t cty.Type) (cty.Value, error) { return convert.Convert(args[0], t) },
})
