package cluster

import (
	"fmt"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

const apiPort = 6443

// APIServer is the URL under which every host of the lab reaches the API server.
func APIServer() string { return fmt.Sprintf("https://%s:%d", network.Node.Address, apiPort) }

// Kubeconfig is the file of a cluster administrator.
func Kubeconfig(lab *part.Lab) string { return lab.RunPath("kubeconfig") }

// KubectlPath is the kubectl of the cluster's own version.
func KubectlPath(lab *part.Lab) string { return binary(lab, "kubectl") }

type paths struct {
	pki              string // certificates and keys
	kubelet          string // its configuration
	containerd       string // its configuration
	containerdSocket string
	cni              string // network configurations
	registries       string // how containerd speaks with which of them
	mounts           string // the node's mount namespace
}

func pathsOf(lab *part.Lab) paths {
	return paths{
		pki:              lab.RunPath("pki"),
		kubelet:          lab.RunPath("kubernetes", "kubelet.json"),
		containerd:       lab.RunPath("kubernetes", "containerd.toml"),
		containerdSocket: lab.RunPath("containerd", "containerd.sock"),
		cni:              lab.RunPath("kubernetes", "cni"),
		registries:       lab.RunPath("kubernetes", "registries"),
		mounts:           lab.RunPath("mounts", "node"),
	}
}

// hiddenDirs are paths that are compiled into the node's programs. In the node's
// mount namespace they are folders of the lab, so that nothing is left behind in
// them and another runtime on this machine is not disturbed.
func hiddenDirs(lab *part.Lab) map[string]string {
	hidden := map[string]string{}
	for there, name := range map[string]string{
		"/run/containerd":     "run-containerd",
		"/var/lib/cni":        "var-lib-cni",
		"/var/lib/kubelet":    "var-lib-kubelet",
		"/var/log/containers": "var-log-containers",
	} {
		hidden[there] = lab.StatePath("node", name)
	}
	return hidden
}
