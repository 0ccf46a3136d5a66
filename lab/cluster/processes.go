package cluster

import (
	"fmt"
	"path/filepath"
	"time"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// LoadBalancerProcess is the name of the controller that gives out addresses.
const LoadBalancerProcess = "lb-controller"

// processes are started wave by wave; those of one wave do not need each other.
func processes(lab *part.Lab, p paths) [][]part.Process {
	return [][]part.Process{
		{etcd(lab), containerd(p)},
		{apiServer(lab, p)},
		{controllerManager(lab, p), scheduler(lab, p), kubelet(lab, p), kubeProxy(lab, p), loadBalancer(lab)},
	}
}

func onNode(name, path string, args []string, ready ...string) part.Process {
	return part.Process{Name: name, Netns: network.Node.Netns, Path: path, Args: args, Ready: ready, ReadyWithin: 90 * time.Second}
}

// etcd listens on the node's loopback only. The lab's state may be lost with the
// machine, so it does not wait for the disk.
func etcd(lab *part.Lab) part.Process {
	const clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	return onNode("etcd", "/usr/bin/etcd", []string{
		"--name=" + NodeName,
		"--data-dir=" + lab.StatePath("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=" + NodeName + "=" + peers,
	}, clients+"/health")
}

func containerd(p paths) part.Process {
	proc := onNode("containerd", "/usr/bin/containerd", []string{"--config", p.containerd}, "unix://"+p.containerdSocket)
	proc.Mounts = p.mounts
	return proc
}

func apiServer(lab *part.Lab, p paths) part.Process {
	pki := func(name string) string { return filepath.Join(p.pki, name) }
	proc := onNode("kube-apiserver", binary(lab, "kube-apiserver"), []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + network.Node.Address.String(),
		fmt.Sprintf("--secure-port=%d", apiPort),
		"--service-cluster-ip-range=" + network.Services.String(),
		"--tls-cert-file=" + pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + pki("kube-apiserver.key"),
		"--cert-dir=" + lab.StatePath("kube-apiserver"),
		"--client-ca-file=" + pki("ca.crt"),
		"--kubelet-client-certificate=" + pki("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + pki("apiserver-kubelet.key"),
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP", // port-forward, logs and stats need it
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + pki("sa.pub"),
		"--service-account-signing-key-file=" + pki("sa.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--shutdown-delay-duration=0s",
	}, APIServer()+"/readyz")
	proc.StopWithin = 3 * time.Second // it would wait a minute for clients that watch
	return proc
}

func controllerManager(lab *part.Lab, p paths) part.Process {
	config := kubeconfigOf(p, "kube-controller-manager")
	return onNode("kube-controller-manager", binary(lab, "kube-controller-manager"), []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--cert-dir=" + lab.StatePath("kube-controller-manager"),
		"--leader-elect=false",
		"--service-account-private-key-file=" + filepath.Join(p.pki, "sa.key"),
		"--root-ca-file=" + filepath.Join(p.pki, "ca.crt"),
		"--use-service-account-credentials=true",
	}, "https://127.0.0.1:10257/healthz")
}

func scheduler(lab *part.Lab, p paths) part.Process {
	config := kubeconfigOf(p, "kube-scheduler")
	return onNode("kube-scheduler", binary(lab, "kube-scheduler"), []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1",
		"--cert-dir=" + lab.StatePath("kube-scheduler"),
		"--leader-elect=false",
	}, "https://127.0.0.1:10259/healthz")
}

func kubelet(lab *part.Lab, p paths) part.Process {
	proc := onNode("kubelet", binary(lab, "kubelet"), []string{
		"--config=" + p.kubelet,
		"--kubeconfig=" + kubeconfigOf(p, "kubelet"),
		"--root-dir=" + lab.StatePath("kubelet"),
		"--cert-dir=" + lab.StatePath("kubelet", "pki"),
		"--hostname-override=" + NodeName,
		"--node-ip=" + network.Node.Address.String(),
	}, "http://127.0.0.1:10248/healthz")
	proc.Mounts = p.mounts
	return proc
}

// kubeProxy leaves the machine's connection tracking limits alone.
func kubeProxy(lab *part.Lab, p paths) part.Process {
	return onNode("kube-proxy", binary(lab, "kube-proxy"), []string{
		"--kubeconfig=" + kubeconfigOf(p, "kube-proxy"),
		"--hostname-override=" + NodeName,
		"--proxy-mode=iptables",
		"--cluster-cidr=" + network.Pods.String(),
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--healthz-bind-address=127.0.0.1:10256",
	}, "http://127.0.0.1:10256/healthz")
}

func loadBalancer(lab *part.Lab) part.Process {
	return part.Process{
		Name: LoadBalancerProcess, Netns: network.Node.Netns,
		Path: lab.Program(), Args: []string{LoadBalancerProcess, "--kubeconfig", Kubeconfig(lab)},
	}
}
