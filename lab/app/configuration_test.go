package app

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

var onMachine = map[string]string{
	"api.conf": "# where things are\nlisten = :8080\n",
	"db.conf":  "db_host = db.golemtrust.am\ndb_password = hunter2\n# api_key = old\n  api_key=k=1  \n",
}

func TestFilesWithSecretsLeaveTheConfiguration(t *testing.T) {
	config, secrets := split(onMachine)
	if want := map[string]string{"api.conf": onMachine["api.conf"]}; !maps.Equal(config, want) {
		t.Errorf("configuration %q, want %q", config, want)
	}
	if want := map[string]string{"db.conf": onMachine["db.conf"]}; !maps.Equal(secrets, want) {
		t.Errorf("secrets %v, want %v", secrets, want)
	}
}

func TestStagingSharesNeitherDatabaseNorSecrets(t *testing.T) {
	config, secrets := split(onMachine)
	otherConfig, otherSecrets := staging(config, secrets)
	if otherConfig["api.conf"] != config["api.conf"] {
		t.Errorf("configuration %q", otherConfig)
	}
	text := otherSecrets["db.conf"]
	if !strings.Contains(text, "db_host = "+stagingDatabase+"\n") || strings.Contains(text, "db.golemtrust.am") ||
		strings.Contains(text, "hunter2") || strings.Contains(text, "k=1") || strings.Count(text, "\n") != 4 {
		t.Errorf("secrets %q", text)
	}
}

func TestNoSecretIsInTheConfigMap(t *testing.T) {
	config, secrets := split(onMachine)
	for _, o := range objects("royal-bank", config, secrets) {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		holds := strings.Contains(string(text), `"db.conf"`)
		if strings.Contains(string(text), "hunter2") || holds != (o["kind"] == "Secret") {
			t.Errorf("%s: %s", o["kind"], text)
		}
	}
}
