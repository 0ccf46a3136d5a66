package convert

// Placement is where a file goes.
type Placement string

// The placements. Vault is a Secret of the cluster that comes from a vault. What is
// skipped is missing in the pod, because a person has decided so.
const (
	InConfigMap Placement = "ConfigMap"
	InSecret    Placement = "Secret"
	InVault     Placement = "Vault"
	Skip        Placement = "Skip"
)

// The reasons of a placement.
const (
	CodePlain       = "PLAIN"         // nothing in it looks like a secret
	CodeSecret      = "SECRET"        // what stands there is one
	CodeDoubtful    = "DOUBTFUL"      // it may be one, and is treated as one
	CodeModePrivate = "MODE-PRIVATE"  // on the machine nobody but its owner may read it
	CodeDecided     = "DECIDED"       // a person has decided it
	CodeTogether    = "TOGETHER"      // it holds no secret, and goes where the secrets go
	CodeLink        = "LINK-RESOLVED" // it is a link there, and the content of what it names here
	CodeExtracted   = "EXTRACTED"     // a reference stands where the secret stood
	CodeNotExtract  = "NOT-EXTRACTED" // the file goes as a whole, because nobody knows that a reference would be read
)

// The warnings: what a volume cannot keep, and what is worth knowing.
const (
	CodeOwner     = "OWNER"
	CodeMode      = "MODE"
	CodeGroupRead = "GROUP-READ"
	CodeDirMode   = "DIRECTORY-MODE"
	CodeEmptyDir  = "EMPTY-DIRECTORY"
	CodeLinkKept  = "LINK"
	CodeManyItems = "MANY-FILES"
	CodeUnused    = "DECISION-UNUSED"
	CodeOwnCheck  = "APPLICATION-CHECKS-MODE"
)

// The problems: what cannot be converted. A decision to skip the file answers all
// but TOO-MANY.
const (
	CodeUnreadable = "UNREADABLE"
	CodeSpecial    = "SPECIAL-FILE"
	CodeLinkLoop   = "LINK-LOOP"
	CodeLinkOut    = "LINK-OUTSIDE"
	CodeLinkBroken = "LINK-BROKEN"
	CodeTooLarge   = "TOO-LARGE"
	CodeName       = "NAME"
	CodeTooMany    = "TOO-MANY"
)

// Plan is what becomes of a tree. With a problem or a question there are no objects:
// a conversion is whole, or none.
type Plan struct {
	Files     []File     `json:"files"`
	Warnings  []Warning  `json:"warnings"`
	Problems  []Problem  `json:"problems,omitempty"`
	Questions []Question `json:"questions,omitempty"`
	Objects   []Object   `json:"-"`
	Mounts    []Mount    `json:"-"`
	// FSGroup says that the pod needs one: a file of the volume belongs to root and
	// is not for everybody.
	FSGroup bool `json:"fsGroup"`
}

// Whole says whether the plan can be carried out.
func (p Plan) Whole() bool { return len(p.Problems) == 0 && len(p.Questions) == 0 }

// File is one path below the mount, and what becomes of it. Paths, here and below, are
// printable: bytes that are no UTF-8 are written \xNN.
type File struct {
	Path      string    `json:"path"`
	Placement Placement `json:"placement"`
	Object    string    `json:"object,omitempty"`
	Key       string    `json:"key,omitempty"`
	Mode      string    `json:"mode,omitempty"` // octal, as the pod sees it
	Reasons   []Reason  `json:"reasons"`
}

// Reason is why a file is placed so. Line and KeyPath are those of a secret in it.
type Reason struct {
	Code    string `json:"code"`
	Line    int    `json:"line,omitempty"`
	KeyPath string `json:"keyPath,omitempty"`
	Rule    string `json:"rule,omitempty"` // of the scanner
	Text    string `json:"text,omitempty"`
}

// Warning is what differs in the pod from the machine, of one path or of several.
type Warning struct {
	Code  string   `json:"code"`
	Paths []string `json:"paths,omitempty"`
	Text  string   `json:"text"`
}

// Problem is what cannot be converted, and what helps. Open is true where a person
// only has to decide; otherwise something is wrong.
type Problem struct {
	Code string `json:"code"`
	Path string `json:"path"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	Open bool   `json:"open,omitempty"`
}

// Question is what may be a secret. Places are how often it stands under that key.
type Question struct {
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	KeyPath string `json:"keyPath"`
	Rule    string `json:"rule"`
	Places  int    `json:"places"`
}

// Mount is one object at the mount's path or, with Env, as environment variables.
type Mount struct {
	Kind  Kind
	Name  string
	Env   bool
	Items []Item
}

// Item leads a key to a path below the mount. Mode is what the object declares; a pod
// with an fsGroup adds what Kubernetes adds.
type Item struct {
	Key  string
	Path string
	Mode uint32
}

// Options are what a conversion is asked for. Mount is the absolute path at which the
// application finds the tree. Vault says that what is secret comes from one. NameKey
// makes the names of Secrets unguessable for whoever does not have it; it may be empty.
type Options struct {
	Name, Namespace string
	Mount           string
	Vault           bool
	Together        bool // all files go where the secrets go
	Extract         bool
	DoubtfulSecret  bool // what may be a secret is taken for one
	Decisions       []Decision
	NameKey         []byte
	// NameCost is how many rounds the names of Secrets take; 0 is Rounds. Fewer are
	// for tests that make many.
	NameCost int
}
