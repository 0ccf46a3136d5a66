package vaulttest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// engine answers for what is mounted: of key-value version 2, data and metadata.
func (s *Server) engine(w http.ResponseWriter, method string, t *token, path string, body []byte) {
	mount, kind := s.mountOf(path)
	api, at, ok := strings.Cut(strings.TrimPrefix(path, mount+"/"), "/")
	if kind != "2" || !ok || api != "data" && api != "metadata" {
		fail(w, 404)
		return
	}
	full := mount + "/" + at
	write := method == http.MethodPut || method == http.MethodPost
	capability := "read"
	switch {
	case write && len(s.secrets[full]) == 0:
		capability = "create"
	case write:
		capability = "update"
	}
	switch {
	case !s.allowed(t, path, capability):
		fail(w, 403, "1 error occurred:\n\t* permission denied\n\n")
	case api == "metadata" && !write:
		s.metadata(w, full)
	case write && api == "data":
		s.put(w, full, body)
	case method == http.MethodGet && api == "data":
		s.get(w, full)
		if race := s.race; race != nil {
			s.race = nil
			s.mu.Unlock()
			race()
			s.mu.Lock()
		}
	default:
		fail(w, 405, "unsupported operation")
	}
}

func (v version) metadata(n int) map[string]any {
	deleted := ""
	if !v.deleted.IsZero() {
		deleted = v.deleted.Format(time.RFC3339Nano)
	}
	return map[string]any{"version": n, "created_time": v.created.Format(time.RFC3339Nano), "deletion_time": deleted, "destroyed": false, "custom_metadata": nil}
}

// get gives the last version. One that was deleted is 404 with its metadata, and
// nothing at all is 404 without.
func (s *Server) get(w http.ResponseWriter, path string) {
	all := s.secrets[path]
	if len(all) == 0 {
		fail(w, 404)
		return
	}
	last := all[len(all)-1]
	data := map[string]any{"data": nil, "metadata": last.metadata(len(all))}
	if !last.deleted.IsZero() {
		send(w, 404, map[string]any{"data": data})
		return
	}
	data["data"] = last.data
	send(w, 200, map[string]any{"data": data})
}

func (s *Server) metadata(w http.ResponseWriter, path string) {
	all := s.secrets[path]
	if len(all) == 0 {
		fail(w, 404)
		return
	}
	send(w, 200, map[string]any{"data": map[string]any{"current_version": len(all), "cas_required": false, "max_versions": 0}})
}

// put writes a version, where the check-and-set lets it: 0 is that none was ever
// written.
func (s *Server) put(w http.ResponseWriter, path string, body []byte) {
	var in struct {
		Data    map[string]any `json:"data"`
		Options struct {
			CAS *int `json:"cas"`
		} `json:"options"`
	}
	switch err := json.Unmarshal(body, &in); {
	case err != nil:
		fail(w, 400, "error parsing JSON: "+string(body))
	case s.echo:
		fail(w, 400, "cannot take "+string(body))
	case in.Data == nil:
		fail(w, 400, "no data provided")
	case in.Options.CAS != nil && *in.Options.CAS != len(s.secrets[path]):
		fail(w, 400, "check-and-set parameter did not match the current version")
	default:
		s.writes++
		v := version{data: in.Data, created: s.now}
		s.secrets[path] = append(s.secrets[path], v)
		send(w, 200, map[string]any{"data": v.metadata(len(s.secrets[path]))})
	}
}
