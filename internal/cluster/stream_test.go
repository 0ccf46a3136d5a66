package cluster_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/migration"
)

func podWithLogs(s *apiServer) {
	s.add(apps+"deployments/app", ours("Deployment", "app", selecting(appLabels)))
	s.add(core+"pods/a", pod("a", object{}, object{
		"conditions":            []any{object{"type": "Ready", "status": "True"}},
		"initContainerStatuses": []any{containerStatus("init", 0, "", object{"state": ended("Completed", "2026-03-01T12:00:00Z", 0)})},
		"containerStatuses": []any{
			containerStatus("app", 2, "", object{"lastState": ended("Error", "2026-03-01T12:00:00Z", 1)}),
			containerStatus("late", 0, "", object{"state": object{"waiting": object{"reason": "ContainerCreating"}}}),
		},
	}, nil))
}

func TestLogsOfEveryContainer(t *testing.T) {
	s := newAPIServer(t)
	podWithLogs(s)
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return false
		}
		q := r.URL.Query()
		fmt.Fprintf(w, "%s %s %s\n", q.Get("container"), q.Get("previous"), q.Get("tailLines"))
		return true
	}
	got, err := connect(t, s.URL, nil).Logs(t.Context(), bank(), migration.Production, "app", 5)
	want := map[string][]byte{
		"a/init": []byte("init false 5\n"), "a/app": []byte("app false 5\n"), "a/app.previous": []byte("app true 5\n"),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// In an incident what can be saved is saved.
func TestLogsInPart(t *testing.T) {
	s := newAPIServer(t)
	podWithLogs(s)
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return false
		}
		if r.URL.Query().Get("previous") == "true" {
			failed(w, 403, "Forbidden", `pods "a" is forbidden: User "u" cannot get resource "pods/log"`)
			return true
		}
		fmt.Fprintln(w, "words")
		return true
	}
	got, err := connect(t, s.URL, nil).Logs(t.Context(), bank(), migration.Production, "app", 5)
	if len(got) != 2 || err == nil || !strings.Contains(err.Error(), `verb "get" on pods/log`) {
		t.Errorf("%q, %v", got, err)
	}
}

// A server that does not speak WebSocket is asked again in SPDY.
func TestForwardFallsBack(t *testing.T) {
	s := newAPIServer(t)
	podWithLogs(s)
	var upgrades []string
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/portforward") {
			return false
		}
		upgrades = append(upgrades, r.Method+" "+strings.ToLower(r.Header.Get("Upgrade")))
		if r.Method == http.MethodGet {
			http.Error(w, "Upgrade request required", http.StatusBadRequest)
			return true
		}
		failed(w, 403, "Forbidden", `pods "a" is forbidden: User "u" cannot create resource "pods/portforward"`)
		return true
	}
	_, _, err := connect(t, s.URL, nil).Forward(t.Context(), bank(), migration.Production, "app")
	if err == nil || !strings.Contains(err.Error(), "pods/portforward") {
		t.Errorf("%v", err)
	}
	if want := []string{"GET websocket", "POST spdy/3.1"}; !reflect.DeepEqual(upgrades, want) {
		t.Errorf("asked for %v", upgrades)
	}
}

func TestForwardNeedsAPort(t *testing.T) {
	spec := bank()
	spec.Workloads[0].Ports = nil
	if _, _, err := connect(t, "http://127.0.0.1:1", nil).Forward(t.Context(), spec, migration.Production, "app"); err == nil || !strings.Contains(err.Error(), "no port") {
		t.Errorf("%v", err)
	}
}
