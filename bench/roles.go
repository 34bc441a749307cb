package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // profiles on the control address
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// gcPercent is the gateway's own setting. Every Go peer gets it, so that no
// difference comes from how lazily garbage is collected.
const gcPercent = 200

// roleConfig is what the parent tells a role on its command line.
type roleConfig struct {
	upstream string
	logSize  int64
}

// role serves one kind of server on a listener until that fails.
type role func(lis net.Listener, cfg roleConfig) error

// roles are the servers that this program can be, by the name of the peer.
var roles = map[string]role{
	"upstream":      serveUpstream,
	"floor":         serveFloor,
	"relay":         serveRelay,
	"memory":        serveMemory,
	"clientgo":      serveClientGo,
	"vanguard":      serveVanguard,
	proxyName:       serveProxy,
	"pooledproxy":   servePooledProxy,
	grpcGatewayName: serveGRPCGateway,
	cachedName:      serveCached,
	uncachedName:    serveUncached,
	fanoutName:      serveFanout,
	badDayName:      serveBadDay,
	faultsName:      serveFaults,
	collectorName:   serveCollector,
}

// announcement is the line that a role prints once it listens.
type announcement struct {
	Addr    string `json:"addr"`
	Control string `json:"control"`
}

// allocStats is what a role tells about its heap at /stats.
type allocStats struct {
	Mallocs uint64 `json:"mallocs"`
	Bytes   uint64 `json:"bytes"`
}

// runRole is the whole life of a child process: it listens, says where, and
// ends with its standard input, which the parent holds open.
func runRole(name string, cfg roleConfig) error {
	serve, ok := roles[name]
	if !ok {
		return fmt.Errorf("no role %q", name)
	}
	debug.SetGCPercent(gcPercent)
	host := "127.0.0.1"
	if name == badDayName { // leaves its port at times
		host = ownLoopback()
	}
	lis, err := net.Listen("tcp", host+":0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	http.HandleFunc("/stats", writeStats)
	failed := make(chan error, 3)
	go func() { failed <- (&http.Server{ReadHeaderTimeout: time.Minute}).Serve(control) }()
	go func() { failed <- serve(lis, cfg) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	said := announcement{Addr: lis.Addr().String(), Control: control.Addr().String()}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	return <-failed
}

// writeStats answers the heap counters of this process.
func writeStats(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_ = json.NewEncoder(w).Encode(allocStats{Mallocs: m.Mallocs, Bytes: m.TotalAlloc})
}

// serveUpstream is the role of GitLab.
func serveUpstream(lis net.Listener, cfg roleConfig) error {
	u, err := newFakeUpstream(cfg.logSize)
	if err != nil {
		return err
	}
	return u.serve(lis)
}

// upstreamTransport is the gateway's transport to GitLab: HTTP/1.1, room for
// idle connections, big reads, no compression.
func upstreamTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols:           protocols,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		ReadBufferSize:      32 << 10,
	}
}
