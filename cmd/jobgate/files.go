package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jobgate/jobgate/server/admission"
	"github.com/jobgate/jobgate/server/certs"
	"github.com/jobgate/jobgate/server/identity"
	"github.com/jobgate/jobgate/server/policy"
	"github.com/jobgate/jobgate/upstream"
)

// files is what serve has read from files beside the configuration, and reads again when
// they change.
type files struct {
	reloaders []certs.Reloader
	gate      *admission.Gate // nil: callers have credentials of their own
	upstream  []upstream.Option
	close     []func()
}

// read reads all files that the settings name.
func (c *serveCmd) readFiles(k *checks, log *slog.Logger) *files {
	f := new(files)
	c.readUpstreamTLS(k, f)
	c.readGate(k, f, log)
	return f
}

// faceTLS reads the certificates of one face; nil is plaintext.
func (c *serveCmd) faceTLS(k *checks, f *files, face, cert, key, clientCA string) *tls.Config {
	certFlag, keyFlag, caFlag := face+"-cert", face+"-key", face+"-client-ca"
	k.must(cert == "" || key != "", certFlag, "needs --"+keyFlag+" too")
	k.must(key == "" || cert != "", keyFlag, "needs --"+certFlag+" too")
	k.must(clientCA == "" || cert != "", caFlag, "needs --"+certFlag+" too")
	if cert == "" || key == "" {
		return nil
	}
	minVersion := uint16(tls.VersionTLS13)
	if c.TLSMinVersion == "1.2" {
		minVersion = tls.VersionTLS12
	}
	loaded, err := certs.Server(certs.ServerFiles{
		Cert: cert, Key: key, ClientCA: clientCA, Optional: c.ClientCert == "optional", MinVersion: minVersion,
	})
	if err != nil {
		names := k.s.name(certFlag) + " and " + k.s.name(keyFlag)
		if clientCA != "" {
			names = k.s.name(certFlag) + ", " + k.s.name(keyFlag) + " and " + k.s.name(caFlag)
		}
		k.errs = append(k.errs, fmt.Errorf("%s: %w", names, err))
		return nil
	}
	f.reloaders = append(f.reloaders, loaded)
	return loaded.Config()
}

// readUpstreamTLS reads what connections to GitLab are secured with.
func (c *serveCmd) readUpstreamTLS(k *checks, f *files) {
	k.must(c.UpstreamCert == "" || c.UpstreamKey != "", "upstream-cert", "needs --upstream-key too")
	k.must(c.UpstreamKey == "" || c.UpstreamCert != "", "upstream-key", "needs --upstream-cert too")
	named := c.UpstreamCA != "" || c.UpstreamCert != ""
	k.must(!named || strings.HasPrefix(c.Upstream, "https://"), "upstream-ca", "needs an --upstream that begins with https://")
	if !named || (c.UpstreamCert == "") != (c.UpstreamKey == "") {
		return
	}
	loaded, err := certs.Client(certs.ClientFiles{CA: c.UpstreamCA, Cert: c.UpstreamCert, Key: c.UpstreamKey})
	if err != nil {
		k.errs = append(k.errs, fmt.Errorf("%s, %s and %s: %w", k.s.name("upstream-ca"), k.s.name("upstream-cert"), k.s.name("upstream-key"), err))
		return
	}
	f.reloaders = append(f.reloaders, loaded)
	f.upstream = append(f.upstream, upstream.WithTLS(func(build func(*tls.Config) *http.Transport) http.RoundTripper {
		return loaded.Transport(build)
	}))
}

// readGate reads what the gateway needs to let callers in by itself.
func (c *serveCmd) readGate(k *checks, f *files, log *slog.Logger) {
	gated := c.UpstreamTokenFile != ""
	k.must(!gated || c.Policy != "", "upstream-token-file", "needs --policy too: who may do what with the gateway's token")
	k.must(gated || c.Policy == "", "policy", "needs --upstream-token-file too: callers with credentials of their own are judged by GitLab")
	k.must(gated || c.JWTKeys == "", "jwt-keys", "needs --upstream-token-file too")
	k.must(c.JWTKeys == "" || c.JWTAudience != "", "jwt-keys", "needs --jwt-audience too")
	k.must(c.JWTKeys != "" || c.JWTAudience == "", "jwt-audience", "needs --jwt-keys too")
	k.must(c.JWTKeys != "" || c.JWTIssuer == "", "jwt-issuer", "needs --jwt-keys too")
	k.must(!gated || c.JWTKeys != "" || c.GRPCClientCA != "" || c.HTTPClientCA != "", "upstream-token-file",
		"needs a way to know callers: --jwt-keys, --grpc-client-ca or --http-client-ca")
	if !gated || c.Policy == "" {
		return
	}
	token, errToken := admission.NewTokenFile(c.UpstreamTokenFile)
	rules, errPolicy := policy.NewStore(c.Policy)
	verifier, errKeys := c.verifier(log)
	for _, read := range []struct {
		flag string
		err  error
	}{{"upstream-token-file", errToken}, {"policy", errPolicy}, {"jwt-keys", errKeys}} {
		if read.err != nil {
			k.must(false, read.flag, read.err.Error())
		}
	}
	if verifier != nil {
		f.close = append(f.close, verifier.Close)
	}
	if errToken != nil || errPolicy != nil || errKeys != nil {
		return
	}
	f.gate = admission.New(token, verifier, rules)
	f.reloaders = append(f.reloaders, token, f.gate)
	if verifier != nil && !strings.Contains(c.JWTKeys, "://") {
		f.reloaders = append(f.reloaders, verifier)
	}
	f.upstream = append(f.upstream, upstream.WithMovedProjects(false)) // the policy judges what is asked for
}

// verifier is that of bearer tokens, nil if none are taken.
func (c *serveCmd) verifier(log *slog.Logger) (*identity.Verifier, error) {
	if c.JWTKeys == "" || c.JWTAudience == "" {
		return nil, nil //nolint:nilnil // as admission.New has it
	}
	return identity.New(identity.Config{
		JWKS: c.JWTKeys, Issuer: c.JWTIssuer, Audience: c.JWTAudience,
		Refreshed: func(changed bool, err error) {
			switch {
			case err != nil:
				log.Error("the keys that verify bearer tokens could not be read", slog.Any("error", err))
			case changed:
				log.Info("the keys that verify bearer tokens have changed")
			}
		},
	})
}

// watch reads files again when they change, and all at once on SIGHUP, until ctx ends.
func (f *files) watch(ctx context.Context, interval time.Duration, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go certs.Watch(ctx, interval, log, f.reloaders...)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			f.reload(ctx, log)
		}
	}
}

// reload reads all files now.
func (f *files) reload(ctx context.Context, log *slog.Logger) {
	changed := 0
	var errs []error
	for _, r := range f.reloaders {
		one, err := r.Reload()
		if one {
			changed++
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		log.LogAttrs(ctx, slog.LevelError, "files are not reloaded, what was loaded stays in use", slog.Any("error", err))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "reloaded", slog.Int("files_changed", changed))
}

func (f *files) closeAll() {
	for _, end := range f.close {
		end()
	}
}
