package part

// Env is what users and tests of the lab need to know; it is written to env.json.
// It holds paths of secret files, never their content.
type Env struct {
	Zone       string `json:"zone"`
	Record     string `json:"record"`
	Rehearsal  string `json:"rehearsalRecord"`
	Primary    string `json:"primary"`    // host:port of the zone's primary name server
	Secondary  string `json:"secondary"`  // host:port
	Resolver   string `json:"resolver"`   // host:port of the clients' resolver
	ResolvConf string `json:"resolvConf"` // file
	TSIGName   string `json:"tsigName"`
	TSIGFile   string `json:"tsigFile"`

	Kubeconfig       string `json:"kubeconfig"`
	Kubectl          string `json:"kubectl"`
	APIServer        string `json:"apiServer"` // URL
	Namespace        string `json:"namespace"`
	StagingNamespace string `json:"stagingNamespace"`
	ImagesFile       string `json:"imagesFile"` // {"good": ref@digest, "bad": ref@digest}

	VM             string `json:"vm"`      // address
	VMEntry        string `json:"vmEntry"` // host:port that the record leads to at first
	SSHUser        string `json:"sshUser"`
	SSHKeyFile     string `json:"sshKeyFile"`
	KnownHostsFile string `json:"knownHostsFile"`

	Prometheus string `json:"prometheus"` // URL
	Registry   string `json:"registry"`   // host:port, plain HTTP

	OpsNetns string `json:"opsNetns"`
	RunDir   string `json:"runDir"`
	LogDir   string `json:"logDir"`
	Program  string `json:"program"` // the lab's own program
}
