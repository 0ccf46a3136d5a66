package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"rehome.dev/rehome/internal/migration"
)

// check holds an image to a policy that approves the base below it.
func (s shelf) check(img v1.Image, most int64) Check {
	s.t.Helper()
	ref := s.push("app:1", img)
	desc, err := img.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	return New().Check(s.t.Context(), migration.Workload{Name: "app", Image: untagged(ref) + "@" + desc.String()}, migration.Policy{ApprovedBases: []string{s.host + "/base/"}}, most)
}

// good is an image against which nothing speaks.
func (s shelf) good(layers ...v1.Layer) v1.Image {
	labels := map[string]string{labelBase: s.host + "/base/debian:12"}
	return imageOf(s.t, v1.Config{User: "998:997", Labels: labels, Env: []string{"PATH=/usr/bin"}}, append([]v1.Layer{packed(s.t, baseEntries()...)}, layers...)...)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	configured := func(change func(*v1.ConfigFile)) func(shelf) v1.Image {
		return func(s shelf) v1.Image {
			img := s.good()
			f, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			f = f.DeepCopy()
			change(f)
			if img, err = mutate.ConfigFile(img, f); err != nil {
				t.Fatal(err)
			}
			return img
		}
	}
	layers := func(all ...[]tarEntry) func(shelf) v1.Image {
		return func(s shelf) v1.Image {
			var out []v1.Layer
			for _, entries := range all {
				out = append(out, packed(t, entries...))
			}
			return s.good(out...)
		}
	}
	secret := file("opt/app/app.properties", "db.password="+canary+"\n")
	sum := md5.Sum([]byte(secret.content))
	sums := hex.EncodeToString(sum[:]) + "  opt/app/app.properties\n"
	user := func(u string) func(shelf) v1.Image {
		return configured(func(f *v1.ConfigFile) { f.Config.User = u })
	}
	for what, c := range map[string]struct {
		image   func(shelf) v1.Image
		code    Code
		verdict migration.Verdict
		want    string
	}{
		"nothing speaks against it":    {layers([]tarEntry{file("opt/app/app.properties", "db.password=${DB_PASSWORD}\n")}), CodeSecret, migration.Pass, "no secret"},
		"a secret in a file":           {layers([]tarEntry{secret}), CodeSecret, migration.Fail, "/opt/app/app.properties:1 db.password"},
		"deleted in a later layer":     {layers([]tarEntry{secret}, []tarEntry{file("opt/app/.wh.app.properties", "")}), CodeSecret, migration.Fail, "layer 3 hides it"},
		"its directory deleted":        {layers([]tarEntry{secret}, []tarEntry{file("opt/.wh.app", "")}), CodeSecret, migration.Fail, "layer 3 hides it"},
		"its directory emptied":        {layers([]tarEntry{secret}, []tarEntry{file("opt/app/.wh..wh..opq", "")}), CodeSecret, migration.Fail, "layer 3 hides it"},
		"overwritten in a later layer": {layers([]tarEntry{secret}, []tarEntry{file("opt/app/app.properties", "none\n")}), CodeSecret, migration.Fail, "layer 2"},
		"through a hard link":          {layers([]tarEntry{secret, hard("opt/app/other", "opt/app/app.properties")}), CodeSecret, migration.Fail, "app.properties:1"},
		"a private key":                {layers([]tarEntry{file("id", "-----BEGIN OPENSSH PRIVATE KEY-----\n"+canary+"\n-----END OPENSSH PRIVATE KEY-----\n")}), CodeSecret, migration.Fail, "/id"},
		"in what a package brought":    {layers([]tarEntry{secret, file("var/lib/dpkg/info/app.md5sums", sums)}), CodeSecret, migration.Pass, "no secret"},
		"in what was changed since":    {layers([]tarEntry{file("opt/app/app.properties", "db.password="+canary+"2\n"), file("var/lib/dpkg/info/app.md5sums", sums)}), CodeSecret, migration.Fail, "app.properties"},
		"a variable":                   {configured(func(f *v1.ConfigFile) { f.Config.Env = append(f.Config.Env, "DB_PASSWORD="+canary) }), CodeSecret, migration.Fail, "variable DB_PASSWORD"},
		"a label":                      {configured(func(f *v1.ConfigFile) { f.Config.Labels["api-token"] = canary }), CodeSecret, migration.Fail, "label api-token"},
		"a command":                    {configured(func(f *v1.ConfigFile) { f.Config.Cmd = []string{"app", "--password", canary} }), CodeSecret, migration.Fail, "command line: password"},
		"a health check": {configured(func(f *v1.ConfigFile) {
			f.Config.Healthcheck = &v1.HealthConfig{Test: []string{"CMD-SHELL", "curl --user bank:" + canary + " localhost"}}
		}), CodeSecret, migration.Fail, "command line"},
		"the history, as an argument": {configured(func(f *v1.ConfigFile) {
			f.History = []v1.History{{CreatedBy: "|1 DB_PASSWORD=" + canary + " /bin/sh -c make", EmptyLayer: true}}
		}), CodeSecret, migration.Fail, "history, step 1: DB_PASSWORD"},
		"the history, as a variable": {configured(func(f *v1.ConfigFile) {
			f.History = []v1.History{{CreatedBy: "/bin/sh -c #(nop)  ENV DB_PASSWORD " + canary, EmptyLayer: true}}
		}), CodeSecret, migration.Fail, "DB_PASSWORD"},
		"the history, as a command": {configured(func(f *v1.ConfigFile) {
			f.History = []v1.History{{CreatedBy: "RUN /bin/sh -c mysql --password=" + canary + " # buildkit", EmptyLayer: true}}
		}), CodeSecret, migration.Fail, "history, step 1"},
		"no user":                         {user(""), CodeUser, migration.Fail, "root"},
		"root by name":                    {user("root"), CodeUser, migration.Fail, "root"},
		"root by number":                  {user("0:998"), CodeUser, migration.Fail, "root"},
		"root by another name":            {user("toor"), CodeUser, migration.Fail, "another name"},
		"a user by name":                  {user("bank"), CodeUser, migration.Pass, "number 998"},
		"a user who is not there":         {user("nobody-knows"), CodeUser, migration.Fail, "not in its /etc/passwd"},
		"a user by number":                {user("65532"), CodeUser, migration.Pass, "user 65532"},
		"a base that is not approved":     {configured(func(f *v1.ConfigFile) { f.Config.Labels[labelBase] = "registry.test/other:1" }), CodeBase, migration.Fail, "does not approve"},
		"a base of Docker Hub":            {configured(func(f *v1.ConfigFile) { f.Config.Labels[labelBase] = "debian:12" }), CodeBase, migration.Fail, "Docker Hub"},
		"a name that leads out":           {layers([]tarEntry{file("../../etc/cron.d/x", "x")}), CodeLayers, migration.Fail, "leads out of the image"},
		"a hard link that leads out":      {layers([]tarEntry{hard("x", "../../../etc/shadow")}), CodeLayers, migration.Fail, "leads out of the image"},
		"what leads out and comes back":   {layers([]tarEntry{file("a/../../a/b", "x")}), CodeLayers, migration.Fail, "leads out"},
		"a link that leads out is lawful": {layers([]tarEntry{link("x", "../../../etc/shadow")}), CodeLayers, migration.Pass, "could be read"},
		"too large":                       {layers([]tarEntry{file("big", noise(2<<20))}), CodeSize, migration.Fail, "more than 1.0 MiB"},
		"not too large":                   {layers(), CodeSize, migration.Pass, "layer"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newShelf(t)
			got := s.check(c.image(s), 1<<20)
			f := verdictOf(got.Findings, c.code)
			all, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			said := f.Text
			for _, e := range f.Evidence {
				said += "; " + e.What
			}
			if f.Verdict != c.verdict || !strings.Contains(said, c.want) || f.Verdict == migration.Fail && f.Remedy == "" {
				t.Errorf("%s: %s (%s)", f.Verdict, said, f.Remedy)
			}
			if bytes.Contains(all, []byte(canary)) {
				t.Errorf("the secret is printed: %s", all)
			}
		})
	}
}

func TestAGoodImagePassesWhole(t *testing.T) {
	s := newShelf(t)
	got := s.check(s.good(packed(t, file("opt/app", "x"))), 1<<20)
	if !OK(got.Findings) || len(got.Findings) != len(Codes) || got.Layers != 2 || got.Digest == "" {
		t.Errorf("%+v", got)
	}
}

// A registry that says nothing leaves everything unknown; unknown never passes.
func TestWhatCannotBeSeenIsUnknown(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(server.Close)
	digest := "@sha256:" + strings.Repeat("a", 64)
	for host, want := range map[string]string{strings.TrimPrefix(server.URL, "http://"): "docker login", "127.0.0.1:1": "is up?"} {
		c := New().Check(t.Context(), migration.Workload{Name: "app", Image: host + "/app" + digest}, migration.Policy{ApprovedBases: []string{"x/y"}}, 0)
		if len(c.Findings) != len(Codes) || OK(c.Findings) {
			t.Errorf("%+v", c.Findings)
		}
		for _, f := range c.Findings {
			if f.Code != CodeDigest && (f.Verdict != migration.Unknown || f.Remedy == "") {
				t.Errorf("%s: %s is %s: %s (%s)", host, f.Code, f.Verdict, f.Text, f.Remedy)
			}
		}
		if f := verdictOf(c.Findings, CodeSecret); !strings.Contains(f.Remedy, want) && !strings.Contains(f.Remedy, "up? see") {
			t.Errorf("%s: %s", host, f.Remedy)
		}
	}
	s := newShelf(t)
	c := New().Check(t.Context(), migration.Workload{Name: "app", Image: s.host + "/gone:1"}, migration.Policy{ApprovedBases: []string{"x/y"}}, 0)
	if f := verdictOf(c.Findings, CodeDigest); f.Verdict != migration.Fail || !strings.Contains(f.Remedy, "@sha256:") {
		t.Errorf("%+v", f)
	}
	if f := verdictOf(c.Findings, CodeSecret); f.Verdict != migration.Unknown || !strings.Contains(f.Remedy, "no such image") {
		t.Errorf("%+v", f)
	}
}

// Layers are read within bounds, and what lies beyond is unknown.
func TestLayersThatNobodyShouldUnpack(t *testing.T) {
	t.Parallel()
	bounds := Bounds{Entries: 100, Layer: 256 << 10, Image: 768 << 10, File: 16 << 10}
	var many, large []tarEntry
	for range 101 {
		many = append(many, file("x", ""))
	}
	for range 4 {
		large = append(large, file("x", "\x00"+strings.Repeat("a", 225<<10)))
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	w := tar.NewWriter(z)
	h := tar.Header{Name: "zeros", Mode: 0o644, Size: 2 << 20}
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if _, err := w.Write(make([]byte, 256<<10)); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	_ = z.Close()
	var claim bytes.Buffer
	w = tar.NewWriter(&claim)
	h = tar.Header{Name: "claim", Mode: 0o644, Size: 10 << 30}
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	behind, err := packed(t, file("a", "b")).Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var hidden bytes.Buffer
	_, _ = hidden.ReadFrom(behind)
	hidden.WriteString("password=" + canary)
	for what, c := range map[string]struct {
		layers []v1.Layer
		want   string
	}{
		"a bomb":                   {[]v1.Layer{zipped(t, bomb.Bytes())}, "more of it than is read"},
		"too many names":           {[]v1.Layer{packed(t, many...)}, "more of it than is read"},
		"too much in all":          {[]v1.Layer{packed(t, large[0]), packed(t, large[1]), packed(t, large[2]), packed(t, large[3])}, "more of it than is read"},
		"a size that is not there": {[]v1.Layer{static.NewLayer(claim.Bytes(), types.OCIUncompressedLayer)}, ""},
		"something behind its end": {[]v1.Layer{static.NewLayer(hidden.Bytes(), types.OCIUncompressedLayer)}, errBehind.Error()},
		"no archive":               {[]v1.Layer{static.NewLayer([]byte(strings.Repeat("x", 4096)), types.OCIUncompressedLayer)}, "read the layer"},
	} {
		_, err := searched(t.Context(), imageOf(t, v1.Config{}, c.layers...), bounds)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; wanted %q", what, err, c.want)
		}
		if _, err := systemOf(t.Context(), imageOf(t, v1.Config{}, c.layers...), bounds, func(string) bool { return true }); err == nil {
			t.Errorf("%s: it is taken for a base", what)
		}
	}
	if s, err := searched(t.Context(), imageOf(t, v1.Config{}, packed(t, large[0]), packed(t, many[:50]...)), bounds); err != nil || s.files != 51 {
		t.Errorf("within the bounds: %d files, %v", s.files, err)
	}
}

// A text that is longer than what is read at once is read in pieces, and its lines
// are counted on; one line may be longer than a piece.
func TestALongTextIsReadInPieces(t *testing.T) {
	line := "db.password=" + canary + "\n"
	text := strings.Repeat("a.b=c\n", 1000) + line + strings.Repeat("x", 5000) + "\n" + line
	found, _, err := look("app.properties", strings.NewReader(text), 1<<10, false)
	var lines []int
	for _, p := range found {
		lines = append(lines, p.Line)
	}
	if err != nil || !slices.Equal(lines, []int{1001, 1003}) {
		t.Errorf("lines %v, %v", lines, err)
	}
}

// zipped is a compressed layer as a registry gives it.
func zipped(t *testing.T, data []byte) v1.Layer {
	t.Helper()
	digest, _, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return &layer{packed: data, unpacked: out.Bytes(), digest: digest, diff: digest, media: types.OCILayer}
}

// What remains of several layers is what a runtime would show.
func TestTheFileSystemOfLayers(t *testing.T) {
	s, err := systemOf(t.Context(), imageOf(t, v1.Config{},
		packed(t, file("a/b/c", "1"), file("a/d", "2"), file("e", "3"), link("l", "a"), link("up", "../../a"), link("loop", "loop"), dir("f"), file("f/g", "4")),
		packed(t, file("a/.wh.d", ""), file("a/b/.wh..wh..opq", ""), file("a/b/new", "5"), file("f", "now a file"), hard("h", "e")),
	), DefaultBounds, func(p string) bool { return p == "a/d" || p == "e" })
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{"a/b/c": false, "a/b/new": true, "a/b": true, "a/d": false, "e": true, "l/b/new": true, "/up/b/new": true, "f/g": false, "f": true, "h": true, "loop": false, "x": false} {
		if _, got := s.has(p); got != want {
			t.Errorf("%s is there: %v", p, got)
		}
	}
	if string(s.kept["e"]) != "3" || s.kept["a/d"] != nil {
		t.Errorf("kept: %q", s.kept)
	}
}

func TestCheckDockerfile(t *testing.T) {
	s := newShelf(t)
	digest := "@sha256:" + strings.Repeat("a", 64)
	for what, c := range map[string]struct {
		text    string
		code    Code
		verdict migration.Verdict
		want    string
	}{
		"a good one":                   {"FROM r.test/base/x" + digest + "\nENV A=b\nUSER 998\n", CodeSecret, migration.Pass, "no secret"},
		"pinned":                       {"FROM r.test/base/x" + digest + "\nUSER 998\n", CodeDigest, migration.Pass, "pinned"},
		"not pinned":                   {"FROM r.test/base/x:1\nUSER 998\n", CodeDigest, migration.Fail, "names no digest"},
		"approved":                     {"FROM r.test/base/x:1\nUSER 998\n", CodeBase, migration.Pass, "approved"},
		"another base":                 {"FROM r.test/other:1\nUSER 998\n", CodeBase, migration.Fail, "does not approve"},
		"nobody knows the base":        {"ARG B\nFROM $B\n", CodeBase, migration.Unknown, "no default"},
		"root":                         {"FROM r.test/base/x:1\nUSER 0\n", CodeUser, migration.Fail, "root"},
		"no user":                      {"FROM r.test/base/x:1\n", CodeUser, migration.Unknown, "its base says"},
		"a user by name":               {"FROM r.test/base/x:1\nUSER bank\n", CodeUser, migration.Unknown, "the built image says"},
		"ENV":                          {"FROM r.test/base/x:1\nENV DB_PASSWORD=\"" + canary + "\"\n", CodeSecret, migration.Fail, "line 2: ENV DB_PASSWORD"},
		"ARG before FROM":              {"ARG API_TOKEN=" + canary + "\nFROM r.test/base/x:1\n", CodeSecret, migration.Fail, "line 1: ARG API_TOKEN"},
		"ARG without a default":        {"FROM r.test/base/x:1\nARG API_TOKEN\n", CodeSecret, migration.Pass, ""},
		"LABEL":                        {"FROM r.test/base/x:1\nLABEL api-token=" + canary + "\n", CodeSecret, migration.Fail, "LABEL api-token"},
		"RUN":                          {"FROM r.test/base/x:1\nRUN mysql --password=" + canary + " <x\n", CodeSecret, migration.Fail, "line 2: RUN"},
		"CMD":                          {"FROM r.test/base/x:1\nCMD [\"a\", \"--password\", \"" + canary + "\"]\n", CodeSecret, migration.Fail, "CMD: password"},
		"a file in the text":           {"FROM r.test/base/x:1\nCOPY <<EOF /a.properties\ndb.password=" + canary + "\nEOF\n", CodeSecret, migration.Fail, "db.password"},
		"a script in the text":         {"FROM r.test/base/x:1\nRUN <<EOF\nexport DB_PASSWORD=" + canary + "\nEOF\n", CodeSecret, migration.Fail, "DB_PASSWORD"},
		"a stage that is not the last": {"FROM r.test/base/x:1 AS b\nENV DB_PASSWORD=" + canary + "\nFROM r.test/base/x:1\n", CodeSecret, migration.Fail, "DB_PASSWORD"},
	} {
		path := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := New().Check(t.Context(), migration.Workload{Name: "app", Dockerfile: path}, migration.Policy{ApprovedBases: []string{"r.test/base/"}}, 0)
		f := verdictOf(got.Findings, c.code)
		said := f.Text
		for _, e := range f.Evidence {
			said += "; " + e.What
		}
		all, _ := json.Marshal(got)
		if f.Verdict != c.verdict || !strings.Contains(said, c.want) || strings.Contains(string(all), canary) {
			t.Errorf("%s: %s: %s", what, f.Verdict, said)
		}
	}
	got := New().Check(t.Context(), migration.Workload{Name: "app", Dockerfile: filepath.Join(t.TempDir(), "gone"), Image: s.host + "/gone:1"}, migration.Policy{}, 0)
	if len(got.Findings) != 4+len(Codes) || verdictOf(got.Findings, CodeBase).Verdict != migration.Unknown {
		t.Errorf("%+v", got.Findings)
	}
}

// noise is what cannot be compressed, the same each time.
func noise(n int) string {
	out := make([]byte, n)
	x := uint32(1)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x >> 24)
	}
	return string(out)
}
