package rfc2136

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecretFile is far above any key's size and far below a wrong file's.
const maxSecretFile = 4096

// key says which TSIG key signs and where its secret is. It never holds the
// secret, so that no print of it can.
type key struct {
	name      string // canonical
	algorithm string // as it is sent
	file      string
	env       string
}

// secret reads the secret in base64 at the time of use: a key that was changed on
// disk counts from then on. No error holds any of it.
func (k key) secret(lookupEnv func(string) (string, bool)) (string, error) {
	setting, text := SettingSecretEnv, ""
	if k.file != "" {
		setting = SettingSecretFile
		var err error
		if text, err = readSecret(k.file); err != nil {
			return "", fmt.Errorf("setting %s: %w", setting, err)
		}
	} else {
		var ok bool
		if text, ok = lookupEnv(k.env); !ok {
			return "", fmt.Errorf("setting %s: the environment has no variable %s; set it to the key's base64 secret", setting, k.env)
		}
	}
	text = strings.TrimSpace(text)
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case strings.Contains(text, "secret ") && strings.Contains(text, "{"):
		return "", fmt.Errorf("setting %s: this is a BIND key clause; give only what stands in quotes behind the word secret", setting)
	case err != nil:
		return "", fmt.Errorf("setting %s: what it leads to is not base64; give the key's secret as tsig-keygen prints it, alone", setting)
	case len(raw) == 0:
		return "", fmt.Errorf("setting %s: what it leads to is empty; give the key's base64 secret", setting)
	}
	return text, nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%w; put the key's base64 secret there, readable for this user only", err)
	case err != nil:
		return "", fmt.Errorf("%w; this user must be able to read it", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("%w; it must be a file with the key's base64 secret", err)
	}
	if len(text) > maxSecretFile {
		return "", fmt.Errorf("%s is longer than any key; it must hold the key's base64 secret alone", path)
	}
	return string(text), nil
}
