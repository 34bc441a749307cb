package main

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// synCounter counts attempts to connect to an address on loopback where nobody listens,
// which nobody but the kernel sees. It needs the right to see packets (CAP_NET_RAW).
type synCounter struct {
	fd    int
	n     atomic.Int64
	ended atomic.Bool
	done  chan struct{}
}

// countSYNs begins to count.
func countSYNs(addr string) (*synCounter, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	// Without a protocol it gets nothing yet: what came before the filter would be counted.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	filter := synFilter(to)
	err = errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	if err == nil {
		const ip = unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8 // in the network's byte order
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ip})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	c := &synCounter{fd: fd, done: make(chan struct{})}
	go c.receive()
	return c, nil
}

// ownLoopback is an address on loopback that no other process is likely to use, so that what
// comes to it while nobody listens is meant for this one.
func ownLoopback() string {
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, 1 + byte(pid>>16&0x7f), byte(pid >> 8), 1 + byte(pid%254)}).String()
}

// synFilter passes the first packets of TCP connections over IPv4 to an address.
func synFilter(to netip.AddrPort) []unix.SockFilter {
	const synAck, syn = 0x12, 0x02
	host, port := to.Addr().As4(), to.Port()
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // host
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(host[:]), Jf: 9},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9}, // protocol
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_TCP, Jf: 7},
		{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // where TCP begins
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},  // port
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(port), Jf: 4},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 13}, // flags
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: synAck},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 64},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}

// receive counts until it is told to end. A packet on loopback shows twice: as it leaves
// and as it comes.
func (c *synCounter) receive() {
	defer close(c.done)
	buf := make([]byte, 64)
	for !c.ended.Load() {
		_, from, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil {
			continue // nothing came for a while
		}
		if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_HOST {
			c.n.Add(1)
		}
	}
}

// count is how many there were so far.
func (c *synCounter) count() int64 { return c.n.Load() }

// stop ends the counting and tells the sum.
func (c *synCounter) stop() int64 {
	c.ended.Store(true)
	<-c.done
	_ = unix.Close(c.fd)
	return c.n.Load()
}
