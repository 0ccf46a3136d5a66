package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

// lifetime is long enough for a lab that somebody forgets over a holiday.
const lifetime = 90 * 24 * time.Hour

// authority signs everything in the cluster; its key is never written.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

// identities are those who speak to the API server with a kubeconfig. The names
// are those that Kubernetes' built-in roles are bound to.
var identities = map[string]pkix.Name{
	"admin":                   {CommonName: "lab-admin", Organization: []string{"system:masters"}},
	"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
	"kube-scheduler":          {CommonName: "system:kube-scheduler"},
	"kube-proxy":              {CommonName: "system:kube-proxy"},
	"kubelet":                 {CommonName: "system:node:" + NodeName, Organization: []string{"system:nodes"}},
}

// writeCredentials makes all certificates, keys and kubeconfigs, unless an earlier
// call finished: the administrator's kubeconfig is written last.
func writeCredentials(lab *part.Lab, p paths) error {
	if _, err := os.Stat(Kubeconfig(lab)); err == nil {
		return nil
	}
	now := time.Now()
	ca, err := newAuthority(now)
	if err != nil {
		return err
	}
	if err := part.WriteFile(filepath.Join(p.pki, "ca.crt"), ca.pem, 0o644); err != nil {
		return err
	}
	servicesFirst := network.Services.Masked().Addr().Next() // the Service kubernetes.default
	serving := map[string]x509.Certificate{
		"kube-apiserver": server("kube-apiserver", []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
			network.Node.Address, servicesFirst, netip.MustParseAddr("127.0.0.1")),
		"kubelet-serving":   server("system:node:"+NodeName, []string{NodeName}, network.Node.Address),
		"apiserver-kubelet": client(pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}}),
	}
	for name, template := range serving {
		if err := ca.writePair(filepath.Join(p.pki, name), template, now); err != nil {
			return err
		}
	}
	if err := writeServiceAccountKey(p); err != nil {
		return err
	}
	return writeKubeconfigs(lab, p, ca, now)
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: "rehome-lab"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := sign(&template, &template, key.Public(), key, now)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: pemBlock("CERTIFICATE", der)}, nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(lifetime)
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

// issue returns a new key and its certificate, both as PEM.
func (a *authority) issue(template x509.Certificate, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := sign(&template, a.cert, key.Public(), a.key, now)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", private), nil
}

func (a *authority) writePair(base string, template x509.Certificate, now time.Time) error {
	cert, key, err := a.issue(template, now)
	if err != nil {
		return err
	}
	if err := part.WriteFile(base+".crt", cert, 0o644); err != nil {
		return err
	}
	return part.WriteFile(base+".key", key, 0o600)
}

func client(name pkix.Name) x509.Certificate {
	return x509.Certificate{
		Subject:     name,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func server(name string, dns []string, addresses ...netip.Addr) x509.Certificate {
	var ips []net.IP
	for _, a := range addresses {
		ips = append(ips, a.AsSlice())
	}
	return x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    dns,
		IPAddresses: ips,
	}
}

// writeServiceAccountKey writes the pair that signs and checks the tokens of pods.
func writeServiceAccountKey(p paths) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := part.WriteFile(filepath.Join(p.pki, "sa.pub"), pemBlock("PUBLIC KEY", public), 0o644); err != nil {
		return err
	}
	return part.WriteFile(filepath.Join(p.pki, "sa.key"), pemBlock("EC PRIVATE KEY", private), 0o600)
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
