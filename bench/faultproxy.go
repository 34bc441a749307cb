package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
)

// way is how an exchange of a request and its answer goes wrong.
type way string

const (
	whole      way = "whole"
	cutRequest way = "request cut" // the connection ends after some bytes of the request
	cutAnswer  way = "answer cut"  // likewise of the answer
	lost502    way = "502"         // a front end answers, and GitLab is not asked
	done502    way = "502, done"   // a front end answers once GitLab has
)

// fault is what happens to one exchange.
type fault struct {
	how   way
	share float64 // of the bytes that pass before the connection ends
	reset bool    // it ends by a reset
}

// drawFault draws what happens to one exchange; often is the share of those to which
// anything does.
func drawFault(r *rand.Rand, often float64) fault {
	f := fault{how: whole, share: r.Float64(), reset: r.IntN(2) == 0}
	switch n := r.Float64() / often; {
	case n < 0.4:
		f.how = cutRequest
	case n < 0.7:
		f.how = cutAnswer
	case n < 0.85:
		f.how = lost502
	case n < 1:
		f.how = done502
	}
	return f
}

// faultProxy is the network before GitLab.
type faultProxy struct {
	to   string
	plan func(method, target string) fault
}

// serve carries connections until the listener fails.
func (p *faultProxy) serve(lis net.Listener) error {
	for {
		conn, err := lis.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			gitlab, err := net.Dial("tcp", p.to)
			if err != nil {
				return
			}
			defer gitlab.Close()
			p.carry(conn.(*net.TCPConn), gitlab.(*net.TCPConn))
		}()
	}
}

// carry takes exchanges back and forth until a fault, or either side, ends that.
func (p *faultProxy) carry(client, gitlab *net.TCPConn) {
	requests, answers := bufio.NewReader(client), bufio.NewReader(gitlab)
	for {
		request, err := readMessage(requests)
		if err != nil {
			return
		}
		var method, target string
		if _, err := fmt.Sscan(string(request), &method, &target); err != nil {
			return
		}
		f := p.plan(method, target)
		if f.how == lost502 {
			if _, err := client.Write(badGateway); err != nil {
				return
			}
			continue
		}
		if f.how == cutRequest {
			_, _ = gitlab.Write(f.part(request))
			f.end(client, gitlab)
			return
		}
		if _, err := gitlab.Write(request); err != nil {
			return
		}
		answer, err := readMessage(answers)
		if err != nil {
			return
		}
		switch f.how {
		case cutAnswer:
			_, _ = client.Write(f.part(answer))
			f.end(client, gitlab)
			return
		case done502:
			answer = badGateway
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// badGateway is what a front end says for GitLab.
var badGateway = answer(502, "text/html", "", []byte("<html><title>502 Bad Gateway</title></html>"))

// part is what passes of a message: anything from nothing to all.
func (f fault) part(message []byte) []byte {
	return message[:min(int(f.share*float64(len(message)+1)), len(message))]
}

// end ends both connections. GitLab gets the bytes that were sent before.
func (f fault) end(client, gitlab *net.TCPConn) {
	if f.reset {
		_ = client.SetLinger(0)
	}
	_ = client.Close()
	_ = gitlab.CloseWrite()
	_, _ = io.Copy(io.Discard, gitlab) // it may be at work
}

// readMessage reads a request or an answer, whose body has a Content-Length or is empty.
func readMessage(in *bufio.Reader) (message []byte, err error) {
	length := 0
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		message = append(message, line...)
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return nil, errors.New("a body without Content-Length")
		}
	}
	at := len(message)
	message = append(message, make([]byte, length)...)
	_, err = io.ReadFull(in, message[at:])
	return message, err
}
