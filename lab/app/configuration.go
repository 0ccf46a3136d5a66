package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/cluster"
	"rehome.dev/rehome/lab/vm"
)

const (
	configMapName = "royal-bank-api-config"
	secretName    = "royal-bank-api-secrets"
)

// secretKeys are the settings whose files go into the Secret instead of the ConfigMap.
var secretKeys = []string{"db_password", "api_key"}

// stagingDatabase keeps what is tried in staging away from the bank's database.
const stagingDatabase = "db.staging.golemtrust.am"

type object = map[string]any

// applyConfiguration makes the objects from what is on the machine now. Secret
// values pass through this process's memory and a pipe, never through a file or an
// argument; server-side apply leaves no copy in an annotation.
func (a *App) applyConfiguration(ctx context.Context) error {
	files, err := readTree(filepath.Join(vm.Root(a.lab), vm.ConfigDir))
	if err != nil {
		return err
	}
	config, secrets := split(files)
	stagingConfig, stagingSecrets := staging(config, secrets)
	var items []object
	for _, b := range branch.All() {
		items = slices.Concat(items, objects(b.Namespace, config, secrets), objects(b.Staging(), stagingConfig, stagingSecrets))
	}
	text, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		return fmt.Errorf("write the configuration objects: %w", err)
	}
	_, err = cluster.Kubectl(ctx, a.lab, text, "apply", "--server-side", "--force-conflicts", "--field-manager=lab", "--filename=-")
	return err
}

func readTree(dir string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return nil, fmt.Errorf("list the machine's configuration: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("the machine has no configuration in %s", dir)
	}
	files := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the machine's configuration: %w", err)
		}
		files[filepath.Base(path)] = string(text)
	}
	return files, nil
}

// split takes out the files that hold a secret: such a file goes into the Secret as
// a whole, so that the pod finds what the machine has.
func split(files map[string]string) (config, secrets map[string]string) {
	config, secrets = map[string]string{}, map[string]string{}
	for name, text := range files {
		to := config
		for line := range strings.Lines(text) {
			if key, _, found := strings.Cut(line, "="); found && slices.Contains(secretKeys, strings.TrimSpace(key)) {
				to = secrets
			}
		}
		to[name] = text
	}
	return config, secrets
}

// staging is the same configuration with a database and secrets of its own.
func staging(config, secrets map[string]string) (map[string]string, map[string]string) {
	other := func(files map[string]string) map[string]string {
		out := map[string]string{}
		for name, text := range files {
			var changed strings.Builder
			for line := range strings.Lines(text) {
				key, _, found := strings.Cut(line, "=")
				switch key = strings.TrimSpace(key); {
				case found && key == "db_host":
					line = "db_host = " + stagingDatabase + "\n"
				case found && slices.Contains(secretKeys, key):
					line = key + " = " + strings.ToLower(rand.Text()) + "\n"
				}
				changed.WriteString(line)
			}
			out[name] = changed.String()
		}
		return out
	}
	return other(config), other(secrets)
}

func objects(namespace string, config, secrets map[string]string) []object {
	meta := func(name string) object { return object{"name": name, "namespace": namespace} }
	data := map[string][]byte{} // becomes base64
	for key, value := range secrets {
		data[key] = []byte(value)
	}
	return []object{
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(configMapName), "data": config},
		{"apiVersion": "v1", "kind": "Secret", "metadata": meta(secretName), "data": data},
	}
}
