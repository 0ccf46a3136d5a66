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

func TestSecretsLeaveTheConfiguration(t *testing.T) {
	config, secrets := split(onMachine)
	if want := map[string]string{"db_password": "hunter2", "api_key": "k=1"}; !maps.Equal(secrets, want) {
		t.Errorf("secrets %v, want %v", secrets, want)
	}
	want := map[string]string{"api.conf": onMachine["api.conf"], "db.conf": "db_host = db.golemtrust.am\n# api_key = old\n"}
	if !maps.Equal(config, want) {
		t.Errorf("configuration %q, want %q", config, want)
	}
}

func TestStagingSharesNeitherDatabaseNorSecrets(t *testing.T) {
	config, secrets := split(onMachine)
	otherConfig, otherSecrets := staging(config, secrets)
	if otherConfig["api.conf"] != config["api.conf"] || !strings.Contains(otherConfig["db.conf"], "db_host = "+stagingDatabase+"\n") ||
		strings.Contains(otherConfig["db.conf"], "db.golemtrust.am") {
		t.Errorf("configuration %q", otherConfig)
	}
	for key, value := range secrets {
		if other := otherSecrets[key]; other == "" || other == value {
			t.Errorf("%s is empty or production's", key)
		}
	}
}

func TestNoSecretIsInTheConfigMap(t *testing.T) {
	config, secrets := split(onMachine)
	for _, o := range objects("royal-bank", config, secrets) {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		holds := strings.Contains(string(text), `"db_password":"aHVudGVyMg=="`) // base64 of the value
		if strings.Contains(string(text), "hunter2") || holds != (o["kind"] == "Secret") {
			t.Errorf("%s: %s", o["kind"], text)
		}
	}
}
