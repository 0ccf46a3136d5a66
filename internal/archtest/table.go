package archtest

// A row of the import table says what of ours a package may import, its tests
// not counted. The first row whose pattern fits a package counts; a package that
// no row fits is an error: a new package begins with its place in this table.
type row struct {
	packages string
	may      []string
	why      string
}

const (
	whyDomain    = "the domain knows nothing but its own vocabulary, so that it can be read, tested and trusted alone"
	whyAdapter   = "an adapter knows the vocabulary and its own outside system; adapters that knew each other or the engine could not be exchanged"
	whySuite     = "a conformance suite asks for what the port promises; one that knew an implementation would promise its accidents"
	whyCollector = "a collector knows the facts that it takes and the machine; collectors that knew each other could not be trusted alone"
	whyStore     = "stores return the engine's port errors and share the rules of leases; they know nothing else"
)

func table() []row {
	return []row{
		{"internal/migration", nil, "everything imports the vocabulary; whatever it imported would be imported everywhere"},
		{"internal/analysis", nil, "a judgement is arithmetic on counts; it must not know what its verdict leads to"},
		{"internal/trace", []string{"internal/analysis"}, "recorded traffic is judged as traffic after a switch is; where it was recorded is not its business"},
		{"internal/journal", []string{"internal/migration"}, whyDomain},
		{"internal/inventory/schemagen", []string{"internal/inventory"}, "the schema of the facts comes from their types alone"},
		{"internal/inventory/imagined", []string{"internal/inventory"}, "facts that nobody has seen must not know how they will be judged"},
		{"internal/inventory", nil, "facts are a file format: whoever reads one must not need the program that took it"},
		{"internal/readiness", []string{"internal/migration", "internal/inventory"}, whyDomain},
		{"internal/accesslog", nil, "a line of a log is a value; where it came from and what it is worth is not the parser's business"},
		{"internal/runbook", []string{"internal/migration", "internal/analysis", "internal/journal", "internal/inventory", "internal/readiness", "internal/workload"}, whyDomain},
		{"internal/scan/gitleaks", []string{"internal/scan"}, "the second detector for vendors' tokens; what it finds is told as the first one tells it"},
		{"internal/scan/corpus", nil, "texts and their labels; if they knew how secrets are found they would say what the finder says"},
		{"internal/scan", []string{"internal/lazy"}, "it sees what may be a secret, and hands on nothing that it has found"},
		{"internal/lazy", nil, "it spares a program at its start what it may never use; what that is for is its users' business"},
		{"internal/sweep", []string{"internal/scan", "internal/scan/gitleaks"}, "it brings texts from files, streams and revisions to the scanner, and knows no rule"},
		{"internal/sarif", nil, "a file format that several commands write; what a result means is theirs to say"},
		{"internal/tree/...", []string{"internal/tree"}, "whoever reads a tree hands it on and judges nothing"},
		{"internal/convert", []string{"internal/scan", "internal/tree"}, "what becomes of a file is decided from the file; where objects are kept is not its business"},
		{"internal/workload", []string{"internal/migration", "internal/inventory"}, whyDomain},
		{"internal/render/schemagen", nil, "what manifests are checked by must not come from those who write them"},
		{"internal/render", []string{"internal/migration", "internal/inventory", "internal/manifest", "internal/workload"}, "what is written for review is made from the same objects that are applied"},
		{"internal/secrets/...", []string{"internal/migration", "internal/convert", "internal/tree", "internal/secrets", "internal/netfail"}, whyAdapter},
		{"internal/drill/drilltest", []string{"internal/migration", "internal/inventory"}, whySuite},
		{"internal/drill/...", []string{"internal/migration", "internal/inventory", "internal/tree", "internal/load", "internal/drill"},
			"an experiment declares what it needs of a cluster and of machines, so that each can be made without them"},
		{"internal/manifest", []string{"internal/migration"}, whyDomain},
		{"internal/engine", []string{"internal/migration", "internal/analysis", "internal/journal", "internal/runbook", "internal/scan", "internal/inventory"},
			"the engine declares the ports; if it knew an adapter, that one could not be replaced"},

		{"internal/collect/scope", []string{"internal/inventory"}, whyCollector},
		{"internal/collect/descriptor", nil, "it says what is open and who holds it; what that means is the collectors' business"},
		{"internal/collect/owner", nil, "it says whose a file is; who asks, and why, is the collectors' business"},
		{"internal/collect", []string{"internal/inventory", "internal/scan", "internal/collect/..."}, whyCollector},
		{"internal/collect/...", []string{"internal/inventory", "internal/scan", "internal/accesslog", "internal/lazy", "internal/collect/scope", "internal/collect/descriptor", "internal/collect/owner"}, whyCollector},
		{"internal/forward", nil, "it leads connections from here to there; what that is for decides whoever starts it"},
		{"internal/agent", []string{"internal/inventory", "internal/collect", "internal/collect/...", "internal/tree", "internal/tree/...", "internal/forward"},
			"it is copied to other people's machines: what it does not contain it cannot do there"},
		{"internal/vm/vmtest", []string{"internal/migration", "internal/inventory"}, whySuite},
		{"internal/vm/...", []string{"internal/migration", "internal/inventory", "internal/scan", "internal/vm", "internal/agent", "internal/tree", "internal/tree/...", "internal/netfail"}, whyAdapter},
		{"internal/image/...", []string{"internal/migration", "internal/inventory", "internal/scan", "internal/tree", "internal/image"}, whyAdapter},
		{"internal/load", []string{"internal/inventory"}, "it makes requests and counts answers; whom it asks and why is the caller's affair"},
		{"internal/assessment", []string{"internal/migration", "internal/inventory", "internal/readiness", "internal/sarif"}, "it writes down a judgement, and makes none"},

		{"internal/store/storetest", []string{"internal/migration", "internal/journal", "internal/engine"}, whySuite},
		{"internal/store/...", []string{"internal/migration", "internal/journal", "internal/engine", "internal/store"}, whyStore},
		{"internal/dns/dnstest", []string{"internal/migration"}, whySuite},
		{"internal/dns/...", []string{"internal/migration", "internal/dns", "internal/dns/ask"}, whyAdapter},
		{"internal/metrics/metricstest", []string{"internal/migration", "internal/analysis", "internal/metrics"}, whySuite},
		{"internal/metrics/httpclient", nil, "who logs in must not know what is asked for"},
		{"internal/metrics/...", []string{"internal/migration", "internal/analysis", "internal/metrics", "internal/metrics/httpclient", "internal/accesslog"}, whyAdapter},
		{"internal/cluster/clustertest", []string{"internal/migration", "internal/manifest"}, whySuite},
		{"internal/cluster/...", []string{"internal/migration", "internal/manifest", "internal/tree", "internal/netfail"}, whyAdapter},
		{"internal/netfail", nil, "why a connection failed is the same for every adapter, and none of their business"},
		{"internal/archive/archivetest", []string{"internal/migration", "internal/engine"}, whySuite},
		{"internal/archive/...", []string{"internal/migration"}, whyAdapter},
		{"internal/probe", []string{"internal/migration", "internal/load"}, whyAdapter},
		{"internal/smoke", []string{"internal/migration"}, whyAdapter},

		{"api/v1alpha1", nil, "files are wire types: other programs import them, and must not get the product with them"},
		{"internal/config/schemagen", []string{"api/v1alpha1", "internal/config"}, "schemas come from the wire types alone"},
		{"internal/config", []string{"api/v1alpha1", "internal/migration"},
			"the one place where a wire type becomes a value of the domain; it must not know what is done with it"},

		{"internal/sim/faults", []string{"internal/migration", "internal/analysis", "internal/engine", "internal/inventory"},
			"what fails stands between the engine and any port, whoever is behind it"},
		{"internal/sim", []string{"internal/migration", "internal/analysis", "internal/journal", "internal/runbook", "internal/engine",
			"internal/inventory", "internal/inventory/imagined", "internal/vm/memory", "internal/image/memory", "internal/store/memory", "internal/dns/memory", "internal/cluster/memory", "internal/metrics/memory", "internal/archive/memory", "internal/drill/memory"},
			"the virtual world stands behind the ports; with a real adapter in it, it would not be virtual"},
		{"internal/wire", []string{"internal/migration", "internal/analysis", "internal/journal", "internal/engine",
			"internal/store/...", "internal/dns/...", "internal/cluster/...", "internal/metrics/...", "internal/archive/...", "internal/probe", "internal/smoke",
			"internal/inventory", "internal/vm/...", "internal/image", "internal/accesslog",
			"internal/drill", "internal/load", "internal/tree/...", "internal/secrets/..."},
			"the only place that knows all adapters: one explicit registry; the procedure is not its business"},
		{"internal/report/docgen", []string{"internal/migration", "internal/runbook", "internal/report"},
			"documents follow from the table and from what reports call the codes"},
		{"internal/report", []string{"internal/migration", "internal/analysis", "internal/journal", "internal/runbook", "internal/readiness"},
			"a report is a view of the journal; it must be writable when nothing else can be reached"},
		{"internal/cli", []string{"api/v1alpha1", "internal/config", "internal/migration", "internal/analysis", "internal/journal", "internal/runbook",
			"internal/engine", "internal/manifest", "internal/report", "internal/sim", "internal/wire",
			"internal/inventory", "internal/readiness", "internal/assessment", "internal/load",
			"internal/scan", "internal/sweep", "internal/sarif", "internal/tree", "internal/convert", "internal/workload", "internal/render", "internal/secrets", "internal/image",
			"internal/trace", "internal/metrics", "internal/forward"},
			"the command line speaks with people and drives the engine; it gets adapters from wire, never by itself"},
		{"cmd/rehome-agent", []string{"internal/agent"}, "main only calls agent.Run, so that everything can be tested without a process"},
		{"cmd/rehome", []string{"internal/cli", "internal/agent"}, "main only calls cli.Run, and the agent's part of a drill that is made here; everything can be tested without a process"},

		{"internal/archtest", nil, "whoever checks the packages must not depend on them"},
		{"docs", nil, "whoever checks the documents runs the program as a reader would"},
		{"bench/...", []string{"internal/...", "lab/part", "lab/cluster"}, "measurements may look at everything; nothing looks at them"},
		{"e2e/...", []string{"internal/...", "lab/..."}, "end-to-end suites stand outside; nothing looks at them"},
		{"lab/client", []string{"lab/..."}, "the witness of a migration must not share code with what it testifies about"},
		{"lab/app/...", []string{"lab/..."}, "the application that is moved knows nothing of who moves it"},
		{"lab/...", []string{"lab/..."}, "the lab gives real parts and runs rehome as a person does; if it used the product, a mistake could hide itself"},
	}
}

// A library's home is the only place that imports it, tests included.
type home struct {
	library string
	at      []string
	why     string
}

func homes() []home {
	return []home{
		{"github.com/miekg/dns", []string{"internal/dns/...", "lab/...", "e2e/..."}, "its successor lives elsewhere: one package tree to change, not twenty"},
		{"modernc.org/sqlite", []string{"internal/store/..."}, "the journal's file format is one store's affair"},
		{"k8s.io/client-go", []string{"internal/cluster/...", "internal/secrets/kubernetes", "lab/..."}, "it is most of the binary; what needs no cluster must not need it, and secrets are written by an adapter of their own, which may never change or show one"},
		{"github.com/prometheus/client_golang", []string{"internal/metrics/...", "lab/..."}, "whoever reads counters is exchanged behind the port"},
		{"github.com/spf13/cobra", []string{"internal/cli", "lab/..."}, "flags and help are the command line's; a package that parses them cannot be driven by another front end"},
		{"charm.land/lipgloss/v2", []string{"internal/cli", "internal/report"}, "only what speaks with a person knows about terminals"},
		{"go.yaml.in/yaml/v3", []string{"internal/config/..."}, "files of people are decoded in one place, strictly"},
		{"golang.org/x/crypto/ssh", []string{"internal/vm/...", "lab/..."}, "who logs in to machines answers for host keys; two places would answer differently"},
		{"github.com/google/go-containerregistry", []string{"internal/image/...", "lab/...", "e2e/..."}, "registries are asked in one place, with one set of credentials"},
		{"github.com/zricethezav/gitleaks/v8", []string{"internal/scan/gitleaks", "bench/..."}, "a second detector stays a second one: its rules are nowhere else relied on"},
		{"github.com/hashicorp/vault/api", []string{"internal/secrets/vault"}, "who speaks with a vault answers for what it is told"},
		{"github.com/yannh/kubeconform", []string{"internal/render", "e2e/..."}, "manifests are checked where they are written"},
		{"github.com/moby/buildkit", []string{"internal/image/..."}, "a Dockerfile is read in one place"},
		{"github.com/tsenart/vegeta", []string{"internal/load"}, "one place says when a load counts"},
		{"github.com/nginxinc/nginx-go-crossplane", []string{"internal/collect/config"}, "it is copied to other people's machines with the agent: nothing else of it is needed there"},
		{"github.com/rogpeppe/go-internal", []string{"internal/cli", "cmd/...", "docs", "e2e/..."}, "scripts test the command line; a package below it is tested in Go"},
	}
}
