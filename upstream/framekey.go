package upstream

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// frameKey names a request together with whoever asks. Two requests have the same one
// only if all that is sent is the same, but for the caller's name of the call: what GitLab
// answered to one credential must never be found by another. An anonymous caller is a
// credential like any other.
type frameKey [sha256.Size]byte

// keyMaker makes keys by HMAC-SHA-256 under a key of its own, so that they tell nothing
// of the tokens in them.
type keyMaker struct {
	secret [sha256.Size]byte
	states sync.Pool // of *keyState
}

type keyState struct {
	mac   hash.Hash
	parts []byte
	sum   []byte
}

func newKeyMaker() *keyMaker {
	m := new(keyMaker)
	_, _ = rand.Read(m.secret[:]) // never fails
	m.states.New = func() any { return &keyState{mac: hmac.New(sha256.New, m.secret[:])} }
	return m
}

// of makes the key of a request that is sent for call.
func (m *keyMaker) of(call *Call, r *request) (key frameKey) {
	s, _ := m.states.Get().(*keyState)
	s.parts = appendKeyParts(s.parts[:0], call, r)
	s.mac.Reset()
	s.mac.Write(s.parts)
	s.sum = s.mac.Sum(s.sum[:0])
	copy(key[:], s.sum)
	clear(s.parts) // of tokens
	m.states.Put(s)
	return key
}

// appendKeyParts writes all that tells requests apart. Each part is preceded by its
// length, and a list by its own, so that no two requests make the same bytes. What the
// client sends with every request of one kind is told by the kind.
func appendKeyParts(b []byte, call *Call, r *request) []byte {
	path := r.raw
	if path == "" {
		path = r.path
	}
	var credential Credential
	if call != nil {
		credential = call.Credential
	}
	kind := r.op.what
	if call != nil && call.Poll { // nobody is to wait for one that may come later
		kind += ", polled"
	}
	if call != nil && call.KeepRedirects {
		kind += ", where it is"
	}
	for _, part := range [...]string{kind, r.method, path, r.span} {
		b = appendPart(b, part)
	}
	b = appendPart(b, string(r.query))
	for _, field := range credential.headers() {
		b = appendPart(b, field.value)
	}
	for _, name := range call.forwarded() {
		if name == "X-Request-Id" { // names the call and chooses nothing
			continue
		}
		values := call.Forward[name]
		b = binary.AppendUvarint(appendPart(b, name), uint64(len(values)))
		for _, value := range values {
			b = appendPart(b, value)
		}
	}
	return b
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}
