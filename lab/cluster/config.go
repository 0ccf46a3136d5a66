package cluster

import (
	"bytes"
	"fmt"
	"path/filepath"
	"text/template"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/registry"
)

// PauseImage is built here and imported. What is pulled comes from the lab's own
// registry.
const PauseImage = "registry.golemtrust.am/lab/pause:1"

// writeConfigs writes the configuration files of kubelet, containerd and CNI.
func writeConfigs(lab *part.Lab, p paths) error {
	if err := part.WriteJSON(p.kubelet, kubeletConfig(lab, p), 0o644); err != nil {
		return err
	}
	toml, err := containerdConfig(lab, p)
	if err != nil {
		return err
	}
	if err := part.WriteFile(p.containerd, toml, 0o644); err != nil {
		return err
	}
	host := registry.Host()
	if err := part.WriteFile(filepath.Join(p.registries, host, "hosts.toml"), hostsConfig(host), 0o644); err != nil {
		return err
	}
	return part.WriteJSON(filepath.Join(p.cni, "10-lab.conflist"), cniConfig(lab), 0o644)
}

// hostsConfig lets containerd pull from a registry that speaks plain HTTP.
func hostsConfig(host string) []byte {
	return fmt.Appendf(nil, "server = \"http://%s\"\n\n[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", host, host)
}

type object = map[string]any

func kubeletConfig(lab *part.Lab, p paths) object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": filepath.Join(p.pki, "ca.crt")},
		},
		"authorization":            object{"mode": "Webhook"},
		"tlsCertFile":              filepath.Join(p.pki, "kubelet-serving.crt"),
		"tlsPrivateKeyFile":        filepath.Join(p.pki, "kubelet-serving.key"),
		"containerRuntimeEndpoint": "unix://" + p.containerdSocket,
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + cgroupName,
		"failCgroupV1":             false, // Kubernetes 1.35 and later refuse such hosts by default
		"failSwapOn":               false,
		"enforceNodeAllocatable":   []string{"none"},
		"resolvConf":               lab.ResolvConf(),
		"podLogsDir":               lab.StatePath("node", "pod-logs"),
		// The machine is not the lab's alone: neither a full disk nor little memory
		// may evict pods or delete images that cannot be pulled again.
		"imageGCHighThresholdPercent": 100,
		"evictionHard": object{
			"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
			"imagefs.available": "0%", "imagefs.inodesFree": "0%",
		},
	}
}

// containerdTemplate: restrict_oom_score_adj lets pods start where the lab itself
// lacks CAP_SYS_RESOURCE, else runc dies before it can say why. stats_collect_period, in
// seconds, is how long who asks what a pod has written waits for a new measurement.
var containerdTemplate = template.Must(template.New("containerd.toml").Parse(`version = 2
root = "{{.Root}}"
state = "{{.State}}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{{.Socket}}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  restrict_oom_score_adj = true
  stats_collect_period = 1
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{{.Registries}}"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{{.CNI}}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`))

func containerdConfig(lab *part.Lab, p paths) ([]byte, error) {
	var out bytes.Buffer
	err := containerdTemplate.Execute(&out, map[string]string{
		"Root":   lab.StatePath("containerd"),
		"State":  filepath.Dir(p.containerdSocket),
		"Socket": p.containerdSocket,
		"Pause":  PauseImage,
		"CNI":    p.cni,

		"Registries": p.registries,
	})
	return out.Bytes(), err
}

// cniConfig joins pods by a bridge. Their only route out is to the lab's network,
// whose hosts know the way back, so nothing needs to be masqueraded.
func cniConfig(lab *part.Lab) object {
	return object{
		"cniVersion": "1.0.0",
		"name":       "rehome-lab",
		"plugins": []object{
			{
				"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
				"ipam": object{
					"type":    "host-local",
					"dataDir": lab.StatePath("node", "ipam"),
					"ranges":  [][]object{{{"subnet": network.Pods.String()}}},
					"routes":  []object{{"dst": network.LANPrefix.String()}, {"dst": network.Services.String()}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}
