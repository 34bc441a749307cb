package main

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/bench/payload"
)

// serveGatewayTest is the gateway under a name of its own for tests.
func serveGatewayTest(lis net.Listener, cfg roleConfig) error {
	return serveGateway(lis, cfg, cacheSize)
}

// TestPeersAnswerTheSameREST makes every call of every REST row on every peer.
func TestPeersAnswerTheSameREST(t *testing.T) {
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: testLogSize})
	cfg := roleConfig{upstream: "http://" + upstream.addr}
	peers := []*peer{
		serveTest(t, gatewayName, serveGatewayTest, cfg),
		serveTest(t, proxyName, serveProxy, cfg),
		serveTest(t, "pooledproxy", servePooledProxy, cfg),
		serveTest(t, grpcGatewayName, serveGRPCGateway, cfg),
	}
	if p, err := startNginx(t.Context(), t.TempDir(), cfg.upstream); err == nil {
		t.Cleanup(p.stop)
		peers = append(peers, p)
	} else {
		t.Logf("without nginx: %v", err)
	}
	v := payload.Variants[0]
	for _, p := range peers {
		for _, r := range restRows {
			t.Run(p.name+"/"+r.name, func(t *testing.T) {
				work := restLoad(p, v, r, 4)
				defer work.close()
				if err := verifyREST(work, p.name, v, r); err != nil {
					t.Fatal(err)
				}
				if _, err := load(t.Context(), p.name, work, 20, 4); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestVerifyRESTRefuses takes an answer for another one, and one without a header of
// GitLab's for whole.
func TestVerifyRESTRefuses(t *testing.T) {
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: 1})
	v := payload.Variants[0]
	work := restLoad(upstream, v, restRows[1], 1)
	defer work.close()
	if err := verifyREST(work, "upstream", v, restRows[2]); err == nil {
		t.Error("a page of 20 passed for one of 100")
	}
	if err := sameHeaders(http.Header{"Content-Type": {"application/json"}}, v, restRows[1]); err == nil {
		t.Error("an answer without headers passed")
	}
	other := strings.NewReplacer(`1.50`, `1.5`)
	for _, text := range []string{`{"a":1.50}`, `{"a":null}`, `{"b":1.50}`} {
		if same, err := sameJSON([]byte(text), []byte(other.Replace(text))); err != nil || same != (text == other.Replace(text)) {
			t.Errorf("%s: %v %v", text, same, err)
		}
	}
}

// TestCacheRows makes the calls of the rows about 304, and looks that the upstream is
// asked by the right peers whether its answer has changed.
func TestCacheRows(t *testing.T) {
	fake, err := newFakeUpstream(1)
	if err != nil {
		t.Fatal(err)
	}
	upstream := serveTest(t, "upstream", func(lis net.Listener, _ roleConfig) error { return fake.serve(lis) }, roleConfig{})
	cfg := roleConfig{upstream: "http://" + upstream.addr}
	const calls = 20
	for name, saves := range map[string]map[string]bool{
		cachedName:   {"unchanged100": true, "validated100": true},
		uncachedName: {},
		proxyName:    {"validated100": true},
	} {
		for _, r := range cacheRows {
			t.Run(name+"/"+r.name, func(t *testing.T) {
				p := serveTest(t, name, roles[name], cfg)
				v := payload.Variants[0].WithETag()
				work := r.load(p, v, 4)
				defer work.close()
				if err := r.verify(work, name, v); err != nil {
					t.Fatal(err)
				}
				before := fake.saved.Load()
				if _, err := load(t.Context(), name, work, calls, 4); err != nil {
					t.Fatal(err)
				}
				if got := fake.saved.Load() - before; (got >= calls/2) != saves[r.name] || !saves[r.name] && got > 0 {
					t.Errorf("the upstream answered 304 to %d of %d calls", got, calls)
				}
			})
		}
	}
}

// TestLoadRefusesAnotherStatus asks for what is not there.
func TestLoadRefusesAnotherStatus(t *testing.T) {
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: 1})
	work := newHTTPLoad(upstream.http, []string{"/api/v4/projects/1/jobs/1"}, "", http.StatusOK, 1)
	defer work.close()
	if _, err := load(t.Context(), "upstream", work, 1, 1); err == nil {
		t.Error("404 passed for 200")
	}
}
