package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/scan"
)

// lookFor bounds the look at a whole image, its layers included.
const lookFor = 10 * time.Minute

// Check is what an image, and the Dockerfile that it is built from, are like by the
// policy.
type Check struct {
	Workload string `json:"workload"`
	Image    string `json:"image,omitempty"`
	// Digest is that of the image that was looked at; what Image names by a tag may
	// be another one tomorrow.
	Digest     string    `json:"digest,omitempty"`
	Dockerfile string    `json:"dockerfile,omitempty"`
	Layers     int       `json:"layers,omitempty"`
	Compressed int64     `json:"compressedBytes,omitempty"`
	Unpacked   int64     `json:"unpackedBytes,omitempty"`
	Findings   []Finding `json:"findings"`
}

// Check holds the image of w, and its Dockerfile where one is declared, to the
// policy. An image of more than most bytes, compressed, is too large; 0 allows any.
// What could not be seen is unknown in the findings: there is no other error.
func (i *Images) Check(ctx context.Context, w migration.Workload, policy migration.Policy, most int64) Check {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	c := Check{Workload: w.Name, Image: w.Image, Dockerfile: w.Dockerfile}
	if w.Dockerfile != "" {
		c.Findings = append(c.Findings, checkDockerfile(w.Dockerfile, policy)...)
	}
	if w.Image == "" {
		return c
	}
	w.Dockerfile = "" // the image is judged by itself
	base, err := i.Base(ctx, w, policy)
	c.Findings = append(c.Findings, baseFinding(w.Image, base, err, policy), pinned(w.Image))
	img, desc, err := i.open(ctx, w.Image)
	if err != nil {
		for _, code := range []Code{CodeUser, CodeSize, CodeLayers, CodeSecret} {
			c.Findings = append(c.Findings, unseen(code, w.Image, err))
		}
		return c
	}
	c.Digest = desc.String()
	return c.look(ctx, img, most)
}

// look judges the image itself.
func (c Check) look(ctx context.Context, img v1.Image, most int64) Check {
	config, err := img.ConfigFile()
	if err != nil {
		err = registryError("look at", c.Image, err)
		c.Findings = append(c.Findings, unseen(CodeUser, c.Image, err), unseen(CodeSecret, c.Image, err))
		return c
	}
	var sizeErr error
	c.Layers, c.Compressed, sizeErr = sizeOf(img)
	s, err := searched(ctx, img, DefaultBounds)
	c.Unpacked = s.bytes
	c.Findings = append(c.Findings,
		userFinding(c.Image, config.Config.User, s.passwd, err),
		c.sizeFinding(most, sizeErr),
		layersFinding(c.Image, s, err),
		secretFinding(c.Image, append(s.evidence(), configEvidence(config)...), s.more, err))
	return c
}

// open finds an image and the digest that its reference stands for now.
func (i *Images) open(ctx context.Context, text string) (v1.Image, v1.Hash, error) {
	ref, err := name.ParseReference(text)
	if err != nil {
		return nil, v1.Hash{}, registryError("look at", text, err)
	}
	desc, err := remote.Get(ref, i.options(ctx)...)
	if err != nil {
		return nil, v1.Hash{}, registryError("look at", text, err)
	}
	img, err := desc.Image()
	if err != nil {
		return nil, v1.Hash{}, registryError("look at", text, err)
	}
	return img, desc.Digest, nil
}

func unseen(code Code, subject string, err error) Finding {
	f := Finding{Code: code, Subject: subject, Verdict: migration.Unknown, Text: plainText(err.Error())}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		f.Remedy = hinted.Hint()
	}
	return f
}

// plainText is a sentence from elsewhere without what looks like a secret, on one
// line.
func plainText(text string) string {
	clean, _ := scan.Redact([]byte(text))
	return strings.Join(strings.Fields(string(clean)), " ")
}

// baseFinding is BASE-IMAGE of one image or Dockerfile. err is why there are no facts.
func baseFinding(subject string, facts migration.BaseFacts, err error, policy migration.Policy) Finding {
	f := Finding{Code: CodeBase, Subject: subject, Remedy: "build on a base of the policy's approvedBases"}
	name := facts.From
	if name == "" {
		name = facts.Approved
	}
	switch {
	case errors.Is(err, errNoBase):
		f.Verdict, f.Text = migration.Fail, plainText(err.Error())
	case err != nil:
		f = unseen(CodeBase, subject, registryCause(subject, err))
	case migration.OnDockerHub(name):
		f.Verdict, f.Text = migration.Fail, fmt.Sprintf("it stands on %s of Docker Hub", name)
	case len(policy.ApprovedBases) == 0:
		f.Verdict, f.Text, f.Remedy = migration.Unknown, "the policy approves no base, so that none can be judged", "name them in the policy's images.approvedBases"
	case !policy.Approves(name) && !policy.Approves(facts.Approved):
		f.Verdict, f.Text = migration.Fail, fmt.Sprintf("it stands on %s, which the policy does not approve", name)
	default:
		f.Verdict, f.Text, f.Remedy = migration.Pass, fmt.Sprintf("it stands on %s, which is approved", name), ""
	}
	if facts.By != "" {
		f.Evidence = []Evidence{{What: name + ", by its " + facts.By}}
	}
	return f
}

// registryCause gives an error of a registry the hints of one.
func registryCause(ref string, err error) error {
	if _, ok := errors.AsType[*RegistryError](err); ok {
		return err
	}
	return &RegistryError{Op: "look at", Ref: ref, Err: err}
}

// pinned is IMAGE-DIGEST: a tag can be another image tomorrow.
func pinned(ref string) Finding {
	f := Finding{Code: CodeDigest, Subject: ref, Verdict: migration.Pass, Text: "it is pinned by its digest"}
	if migration.ImageDigest(ref) == "" && ref != scratch {
		f.Verdict, f.Text = migration.Fail, ref+" names no digest: what it is can change any day"
		f.Remedy = "write " + untagged(ref) + "@sha256:… as skopeo inspect docker://" + ref + " gives it"
	}
	return f
}

// userFinding is IMAGE-USER. A name counts as what the image's own /etc/passwd says.
func userFinding(subject, user string, passwd []byte, lookErr error) Finding {
	f := Finding{Code: CodeUser, Subject: subject, Evidence: []Evidence{{What: "user " + quoted(user)}},
		Remedy: "set USER to a number above 0, as 65532:65532; what it reads must be readable for that user"}
	who, _, _ := strings.Cut(user, ":")
	id, err := strconv.ParseUint(who, 10, 32)
	switch {
	case user == "" || who == "":
		f.Verdict, f.Text = migration.Fail, "it names no user, and so runs as root"
	case err == nil && id == 0, who == "root":
		f.Verdict, f.Text = migration.Fail, "it runs as root"
	case err == nil:
		f.Verdict, f.Text, f.Remedy = migration.Pass, "it runs as user "+who, ""
	default:
		return namedUser(f, who, passwd, lookErr)
	}
	return f
}

func namedUser(f Finding, who string, passwd []byte, lookErr error) Finding {
	for line := range strings.Lines(string(passwd)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 3 || fields[0] != who {
			continue
		}
		if fields[2] == "0" {
			f.Verdict, f.Text = migration.Fail, fmt.Sprintf("its user %s is root by another name", who)
			return f
		}
		f.Verdict, f.Text = migration.Pass, fmt.Sprintf("its user %s is number %s", who, fields[2])
		f.Remedy = "write USER " + fields[2] + ": runAsNonRoot cannot judge a name"
		return f
	}
	f.Verdict, f.Text = migration.Fail, fmt.Sprintf("its user %s is not in its /etc/passwd", who)
	if lookErr != nil {
		f.Verdict, f.Text = migration.Unknown, fmt.Sprintf("who its user %s is could not be seen", who)
	}
	return f
}

func quoted(user string) string {
	if user == "" {
		return "not set"
	}
	return strconv.Quote(user)
}

// sizeOf is the number of layers and the bytes that are transferred.
func sizeOf(img v1.Image) (int, int64, error) {
	m, err := img.Manifest()
	if err != nil {
		return 0, 0, err
	}
	size := m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	return len(m.Layers), size, nil
}

func (c Check) sizeFinding(most int64, err error) Finding {
	f := Finding{Code: CodeSize, Subject: c.Image, Verdict: migration.Pass}
	if err != nil {
		return unseen(CodeSize, c.Image, registryError("look at", c.Image, err))
	}
	f.Text = fmt.Sprintf("%s in %s, %s unpacked", Bytes(c.Compressed), times(c.Layers, "layer"), Bytes(c.Unpacked))
	if most > 0 && c.Compressed > most {
		f.Verdict, f.Text = migration.Fail, f.Text+": more than "+Bytes(most)
		f.Remedy = "take less into it: rehome image FILE --build takes what the application was seen to need"
	}
	return f
}

// layersFinding is IMAGE-LAYERS.
func layersFinding(subject string, s *search, err error) Finding {
	f := Finding{Code: CodeLayers, Subject: subject, Verdict: migration.Pass, Text: fmt.Sprintf("all %s could be read", times(s.files, "file"))}
	switch {
	case err == nil:
	case errors.Is(err, errEscapes), errors.Is(err, errBehind):
		f.Verdict, f.Text, f.Remedy = migration.Fail, plainText(err.Error()), "build it anew with a builder that is known; who made this one is not to be trusted"
	default:
		f = unseen(CodeLayers, subject, registryCause(subject, err))
		if errors.Is(err, errTooMuch) {
			f.Remedy = "make it smaller: no image that is read whole unpacks to more than " + Bytes(DefaultBounds.Image)
		}
	}
	return f
}

// secretFinding is IMAGE-SECRETS. What was not read may hold any.
func secretFinding(subject string, found []Evidence, more int, err error) Finding {
	f := Finding{Code: CodeSecret, Subject: subject, Evidence: found[:min(len(found), 50)],
		Remedy: "build it anew without them, give them as a Secret, and change them: whoever could pull the image has them"}
	sure := len(found) - len(slices.DeleteFunc(slices.Clone(found), func(e Evidence) bool { return !e.Doubtful }))
	switch {
	case sure > 0:
		f.Verdict, f.Text = migration.Fail, times(sure+more, "secret")+" in it"
	case err != nil:
		f = unseen(CodeSecret, subject, registryCause(subject, err))
	case len(found) > 0:
		f.Verdict, f.Text, f.Remedy = migration.Unknown, times(len(found), "text")+" in it may be a secret: a person has to look", "look at each; what is one must leave the image"
	default:
		f.Verdict, f.Text, f.Remedy = migration.Pass, "no secret is in its layers, its history, its variables or its labels", ""
	}
	return f
}

func (s *search) evidence() []Evidence {
	out := make([]Evidence, 0, len(s.places))
	for _, p := range s.places {
		out = append(out, p.evidence())
	}
	return out
}
