// Schemagen makes, from Kubernetes' own OpenAPI description and from the definition
// of a custom resource, the JSON schemas by which the tests check what is rendered:
// of the kinds that are written and no others, and strict, so that an unknown field
// is an error.
//
// It must not know what is rendered.
//
//	go run ./internal/render/schemagen -openapi swagger.json -crd httproutes.yaml -out internal/render/testdata/schemas
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// kinds are what is written: group, version and kind.
var kinds = [][3]string{
	{"", "v1", "Service"}, {"", "v1", "ServiceAccount"},
	{"apps", "v1", "Deployment"}, {"apps", "v1", "StatefulSet"}, {"batch", "v1", "CronJob"},
	{"policy", "v1", "PodDisruptionBudget"}, {"autoscaling", "v2", "HorizontalPodAutoscaler"},
	{"networking.k8s.io", "v1", "NetworkPolicy"}, {"networking.k8s.io", "v1", "Ingress"},
}

type schema = map[string]any

func main() {
	openAPI := flag.String("openapi", "", "Kubernetes' api/openapi-spec/swagger.json")
	crd := flag.String("crd", "", "a CustomResourceDefinition")
	out := flag.String("out", "internal/render/testdata/schemas", "the directory to write to")
	flag.Parse()
	if err := run(*openAPI, *crd, *out); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(openAPI, crd, out string) error {
	data, err := os.ReadFile(openAPI)
	if err != nil {
		return err
	}
	var doc struct {
		Definitions map[string]schema `json:"definitions"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", openAPI, err)
	}
	for _, k := range kinds {
		name, ok := find(doc.Definitions, k)
		if !ok {
			return fmt.Errorf("%s describes no %s of %s/%s", openAPI, k[2], k[0], k[1])
		}
		s := whole(doc.Definitions, name, k)
		if err := write(out, k, s); err != nil {
			return err
		}
	}
	return custom(crd, out)
}

// find is the name of the definition that describes a kind.
func find(all map[string]schema, k [3]string) (string, bool) {
	for name, d := range all {
		list, _ := d["x-kubernetes-group-version-kind"].([]any)
		for _, e := range list {
			m, _ := e.(map[string]any)
			if len(list) == 1 && m["group"] == k[0] && m["version"] == k[1] && m["kind"] == k[2] {
				return name, true
			}
		}
	}
	return "", false
}

// whole is a definition with all that it refers to.
func whole(all map[string]schema, name string, k [3]string) schema {
	used := map[string]any{}
	var use func(name string)
	use = func(name string) {
		if used[name] != nil {
			return
		}
		used[name] = true // so that a circle ends
		used[name] = strict(all[name], name, use)
	}
	root := strict(all[name], name, use)
	properties := root["properties"].(schema)
	version := strings.TrimPrefix(k[0]+"/"+k[1], "/")
	properties["apiVersion"], properties["kind"] = schema{"enum": []any{version}}, schema{"enum": []any{k[2]}}
	delete(properties, "status") // the cluster writes it
	root["required"] = []any{"apiVersion", "kind", "metadata"}
	delete(used, name)
	root["definitions"] = used
	return root
}

// strict is a schema without words, whose objects have no other fields than those
// that it names.
func strict(s schema, name string, use func(string)) schema {
	switch {
	case strings.HasSuffix(name, ".Quantity"):
		return schema{"type": []any{"string", "number"}}
	case strings.HasSuffix(name, ".IntOrString"):
		return schema{"type": []any{"string", "integer"}}
	}
	out := schema{}
	for key, v := range s {
		switch key {
		case "type", "required", "enum", "minimum", "maximum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "anyOf":
			out[key] = v
		case "$ref":
			target := v.(string)[strings.LastIndex(v.(string), "/")+1:]
			use(target)
			out[key] = "#/definitions/" + target
		case "items":
			out[key] = strict(v.(schema), "", use)
		case "properties":
			fields := schema{}
			for f, p := range v.(schema) {
				fields[f] = strict(p.(schema), "", use)
			}
			out[key] = fields
		case "additionalProperties":
			if p, ok := v.(schema); ok {
				out[key] = strict(p, "", use)
			}
		}
	}
	if s["x-kubernetes-int-or-string"] == true {
		return schema{"type": []any{"string", "integer"}}
	}
	if out["properties"] != nil && out["additionalProperties"] == nil {
		out["additionalProperties"] = false
	}
	return out
}

// custom takes the schema of a custom resource's stored version.
func custom(file, out string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Versions []struct {
				Name    string `json:"name"`
				Storage bool   `json:"storage"`
				Schema  struct {
					OpenAPI schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, v := range crd.Spec.Versions {
		if !v.Storage {
			continue
		}
		k := [3]string{crd.Spec.Group, v.Name, crd.Spec.Names.Kind}
		s := strict(v.Schema.OpenAPI, "", func(string) {})
		properties := s["properties"].(schema)
		properties["metadata"] = schema{"type": "object"}
		properties["apiVersion"], properties["kind"] = schema{"enum": []any{k[0] + "/" + k[1]}}, schema{"enum": []any{k[2]}}
		delete(properties, "status")
		if err := write(out, k, s); err != nil {
			return err
		}
	}
	return nil
}

// write names the file as kubeconform looks for it.
func write(dir string, k [3]string, s schema) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	group, _, _ := strings.Cut(k[0], ".")
	name := strings.ToLower(k[2])
	if group != "" {
		name += "-" + group
	}
	return os.WriteFile(filepath.Join(dir, name+"-"+k[1]+".json"), append(data, '\n'), 0o644)
}
