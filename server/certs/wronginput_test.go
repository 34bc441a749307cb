package certs

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sec1 is the key of i as openssl ecparam writes it.
func sec1(t *testing.T, i issued) string {
	t.Helper()
	key, err := decodeKey(i.der())
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("EC PARAMETERS", []byte{1}) + block("EC PRIVATE KEY", der)
}

// der is the key of i without PEM.
func (i issued) der() []byte {
	decoded, _ := pem.Decode([]byte(i.key))
	return decoded.Bytes
}

func TestWrongInput(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	good, other := ca.issue(1, nil), ca.issue(2, nil)
	expired := ca.issue(3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := ca.issue(4, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	exchangeDER, err := x509.MarshalPKCS8PrivateKey(exchange)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := string(pem.EncodeToMemory(&pem.Block{
		Type: "EC PRIVATE KEY", Bytes: good.der(),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	}))

	const crt, key, roots = "tls.crt", "tls.key", "ca.crt"
	for name, c := range map[string]struct {
		file, text string // instead of the good one
		want       string
	}{
		"certificate: empty":            {crt, " \n", "tls.crt: is empty"},
		"certificate: no PEM":           {crt, "a canary", "tls.crt: holds no PEM"},
		"certificate: DER":              {crt, string(good.der()), "tls.crt: holds no PEM"},
		"certificate: cut short":        {crt, good.cert[:len(good.cert)/2], "tls.crt: holds a PEM block that is damaged or cut short"},
		"certificate: chain cut short":  {crt, good.cert + ca.pem()[:100], "tls.crt: holds a PEM block that is damaged or cut short"},
		"certificate: malformed":        {crt, good.cert + block("CERTIFICATE", []byte("a canary")), "tls.crt: certificate 2 is malformed"},
		"certificate: a request":        {crt, block("CERTIFICATE REQUEST", []byte("x")), "tls.crt: holds a certificate request where a certificate belongs"},
		"certificate: unknown type":     {crt, block("A CANARY", []byte("x")), "tls.crt: holds PEM of an unknown type where a certificate belongs"},
		"certificate: a key":            {crt, good.key, "tls.crt: holds a private key where a certificate belongs: are certificate and key swapped?"},
		"certificate: and its key":      {crt, good.cert + good.key, "tls.crt: holds a private key where a certificate belongs"},
		"certificate: expired":          {crt, expired.cert, "tls.key: is not the key of the certificate in "},
		"certificate: too large":        {crt, strings.Repeat("#", maxFile+1), "tls.crt: is larger than 1048576 bytes"},
		"certificate: issuer first":     {crt, ca.pem() + good.cert, "tls.crt: the certificate of the key is not the first one"},
		"key: empty":                    {key, "", "tls.key: is empty"},
		"key: no PEM":                   {key, "a canary", "tls.key: holds no PEM"},
		"key: cut short":                {key, good.key[:len(good.key)/2], "tls.key: holds a PEM block that is damaged or cut short"},
		"key: malformed":                {key, block("PRIVATE KEY", []byte("a canary")), "tls.key: the private key is malformed"},
		"key: a certificate":            {key, good.cert, "tls.key: holds a certificate where a private key belongs: are certificate and key swapped?"},
		"key: a public key":             {key, block("PUBLIC KEY", []byte("x")), "tls.key: holds a public key where a private key belongs"},
		"key: of OpenSSH":               {key, block("OPENSSH PRIVATE KEY", []byte("x")), "tls.key: holds a private key of OpenSSH where"},
		"key: only parameters":          {key, block("EC PARAMETERS", []byte("x")), "tls.key: holds no private key"},
		"key: two":                      {key, good.key + other.key, "tls.key: holds more than one private key"},
		"key: of another certificate":   {key, other.key, "tls.key: is not the key of the certificate in "},
		"key: encrypted":                {key, block("ENCRYPTED PRIVATE KEY", []byte("x")), "tls.key: the private key is encrypted"},
		"key: encrypted, the older way": {key, encrypted, "tls.key: the private key is encrypted"},
		"key: for agreement":            {key, block("PRIVATE KEY", exchangeDER), "tls.key: the private key is of a kind that cannot sign"},
		"CA: empty":                     {roots, "", "ca.crt: is empty"},
		"CA: no PEM":                    {roots, "a canary", "ca.crt: holds no PEM"},
		"CA: a key":                     {roots, good.key, "ca.crt: holds a private key where a certificate belongs"},
		"CA: and a key":                 {roots, ca.pem() + good.key, "ca.crt: holds a private key where a certificate belongs"},
		"CA: and a list":                {roots, ca.pem() + block("X509 CRL", []byte("x")), "ca.crt: holds a revocation list where"},
		"CA: malformed":                 {roots, ca.pem() + block("CERTIFICATE", []byte("a canary")), "ca.crt: certificate 2 is malformed"},
		"CA: cut short":                 {roots, ca.pem() + ca.pem()[:200], "ca.crt: holds a PEM block that is damaged or cut short"},
	} {
		dir.putPair(good)
		dir.put(roots, ca.pem())
		s := dir.server(true, nil)
		dir.put(c.file, c.text)
		wrong(t, name, dir, s, c.want)
	}
	for name, c := range map[string]struct {
		pair issued
		want string
	}{
		"expired":     {expired, "tls.crt: the certificate expired at 2"},
		"early":       {early, "tls.crt: the certificate is not valid before 2"},
		"swapped":     {issued{good.key, good.cert}, "tls.crt: holds a private key where a certificate belongs"},
		"swapped too": {issued{good.key, good.cert}, "tls.key: holds a certificate where a private key belongs"},
	} {
		dir.putPair(good)
		dir.put(roots, ca.pem())
		s := dir.server(true, nil)
		dir.putPair(c.pair)
		wrong(t, name, dir, s, c.want)
	}
}

// wrong expects that s stays as it is, and that neither a server nor a client begins with
// what the folder holds.
func wrong(t *testing.T, name string, dir folder, s *ServerTLS, want string) {
	t.Helper()
	before := s.current.Load()
	changed, err := s.Reload()
	if changed || err == nil || s.current.Load() != before {
		t.Errorf("%s: changed %t, %v", name, changed, err)
		return
	}
	_, errServer := Server(ServerFiles{Cert: dir.at("tls.crt"), Key: dir.at("tls.key"), ClientCA: dir.at("ca.crt")})
	_, errClient := Client(ClientFiles{Cert: dir.at("tls.crt"), Key: dir.at("tls.key"), CA: dir.at("ca.crt")})
	for _, err := range []error{err, errServer, errClient} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+filepath.Join(dir.path, want)) {
			t.Errorf("%s: %v; want %s", name, err, want)
		} else if text := strings.ToLower(err.Error()); strings.Contains(text, "canary") || strings.Contains(text, "begin") {
			t.Errorf("%s: tells of the content: %v", name, err)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	dir.put("ca.crt", ca.pem())
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		dir.putPair(ca.issue(1, nil))
		s := dir.server(true, nil)
		if err := os.Rename(dir.at(name), dir.at("aside")); err != nil {
			t.Fatal(err)
		}
		wrong(t, "missing", dir, s, name+": no such file or directory")
		if err := os.Mkdir(dir.at(name), 0o700); err != nil {
			t.Fatal(err)
		}
		wrong(t, "a directory", dir, s, name+": is not a regular file")
		os.Remove(dir.at(name))
		if err := os.Rename(dir.at("aside"), dir.at(name)); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			continue // who may read anything
		}
		os.Chmod(dir.at(name), 0)
		wrong(t, "unreadable", dir, s, name+": permission denied")
		os.Chmod(dir.at(name), 0o600)
	}
	for name, files := range map[string]ServerFiles{
		"no key": {Cert: dir.at("tls.crt")}, "no certificate": {Key: dir.at("tls.key")}, "nothing": {},
	} {
		if _, err := Server(files); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := Client(ClientFiles{Cert: dir.at("tls.crt")}); err == nil {
		t.Error("a client's certificate without its key was taken")
	}
}

func TestModeOfAKey(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	dir.putPair(ca.issue(1, nil))
	if err := os.Symlink("tls.key", dir.at("link")); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{
		0o400: true, 0o600: true, 0o440: true, 0o640: true, 0o700: true,
		0o644: false, 0o444: false, 0o604: false, 0o602: false, 0o660: false, 0o777: false,
	} {
		if err := os.Chmod(dir.at("tls.key"), mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"tls.key", "link"} {
			_, err := Server(ServerFiles{Cert: dir.at("tls.crt"), Key: dir.at(name)})
			if (err == nil) != want || err != nil && !strings.HasPrefix(err.Error(), dir.at(name)+": mode 0") {
				t.Errorf("%s, mode %#o: %v", name, mode, err)
			}
		}
	}
}

func TestGoodForms(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	one := ca.issue(1, nil)
	for name, pair := range map[string]issued{
		"chain":                  {one.cert + ca.pem(), one.key},
		"text around":            {"a subject\r\n" + one.cert + "-- end --\n", "key:\n" + one.key},
		"of openssl ecparam":     {one.cert, sec1(t, one)},
		"lines of other systems": {strings.ReplaceAll(one.cert, "\n", "\r\n"), strings.ReplaceAll(one.key, "\n", "\r\n")},
	} {
		dir.putPair(pair)
		if _, err := Server(ServerFiles{Cert: dir.at("tls.crt"), Key: dir.at("tls.key")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir.put("both.pem", one.key+one.cert)
	if _, err := Server(ServerFiles{Cert: dir.at("both.pem"), Key: dir.at("both.pem")}); err != nil {
		t.Errorf("one file: %v", err)
	}
}
