package wire

import (
	"errors"
	"strings"
	"testing"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/secrets/vault/vaulttest"
	"rehome.dev/rehome/internal/tree"
)

func TestAVaultByItsSettings(t *testing.T) {
	t.Parallel()
	s := vaulttest.Start(t)
	env := func(name string) string { return map[string]string{"MY_TOKEN": vaulttest.Root}[name] }
	order := StoreOrder{Type: "vault", Path: "kv/apps/bank", Getenv: env, Settings: map[string]string{"address": s.URL, "tokenEnv": "MY_TOKEN", "kubeconfig": "/none"}}
	store, err := Standard().Store(order)
	if err != nil {
		t.Fatal(err)
	}
	o := convert.Object{Kind: convert.Secret, Namespace: "bank", Name: "bank-1", Data: map[string]tree.Content{"a": tree.Content("1")}}
	if r, err := store.Put(t.Context(), []convert.Object{o}, false); err != nil || r[0].Done != secrets.Written {
		t.Fatalf("%+v, %v", r, err)
	}
	source, err := VaultSource(order)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := source.Values(t.Context(), []secrets.Ref{{Path: "kv/apps/bank/bank-1", Key: "a"}}); err != nil || string(v[0]) != "1" {
		t.Errorf("%v, %v", v, err)
	}
	if err := errors.Join(CloseStore(t.Context(), store), CloseStore(t.Context(), source), CloseStore(t.Context(), nil)); err != nil {
		t.Error(err)
	}
	order.Settings = map[string]string{"token": "hunter2"}
	if _, err := Standard().Store(order); err == nil || !strings.Contains(err.Error(), `no setting "token"`) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if _, err := Standard().Store(StoreOrder{Type: "none"}); err == nil || !strings.Contains(err.Error(), "kubernetes, vault") {
		t.Error(err)
	}
}
