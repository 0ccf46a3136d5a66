package cluster

import (
	"encoding/json"
	"path/filepath"
	"time"

	"rehome.dev/rehome/lab/part"
)

// writeKubeconfigs writes one file per identity, the administrator's last.
func writeKubeconfigs(lab *part.Lab, p paths, ca *authority, now time.Time) error {
	for name := range identities {
		if name == "admin" {
			continue
		}
		if err := writeKubeconfig(kubeconfigOf(p, name), ca, name, now); err != nil {
			return err
		}
	}
	return writeKubeconfig(Kubeconfig(lab), ca, "admin", now)
}

func kubeconfigOf(p paths, identity string) string {
	return filepath.Join(p.pki, identity+".kubeconfig")
}

func writeKubeconfig(path string, ca *authority, identity string, now time.Time) error {
	cert, key, err := ca.issue(client(identities[identity]), now)
	if err != nil {
		return err
	}
	data, err := kubeconfig(ca.pem, cert, key, identities[identity].CommonName)
	if err != nil {
		return err
	}
	return part.WriteFile(path, data, 0o600)
}

// kubeconfig renders the file as JSON, which is YAML too; []byte fields become the
// base64 that the format asks for.
func kubeconfig(ca, cert, key []byte, user string) ([]byte, error) {
	type object = map[string]any
	const name = "rehome-lab"
	return json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": name,
		"clusters":        []object{{"name": name, "cluster": object{"server": APIServer(), "certificate-authority-data": ca}}},
		"users":           []object{{"name": user, "user": object{"client-certificate-data": cert, "client-key-data": key}}},
		"contexts":        []object{{"name": name, "context": object{"cluster": name, "user": user}}},
	}, "", "  ")
}
