package once

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"github.com/jobgate/jobgate/upstream"
)

type (
	// Owner names a credential.
	Owner [sha256.Size]byte
	// Key names a write: of an owner, by a method and a request id.
	Key [sha256.Size]byte
	// Digest tells whether two writes with one name ask for the same.
	Digest [sha256.Size]byte
)

// Keys makes names by HMAC-SHA-256 under a key of its own, so that they tell nothing of
// the tokens and variables in them and nobody can choose two that meet. It is safe for
// concurrent use.
type Keys struct{ secret [sha256.Size]byte }

// NewKeys makes Keys whose names are like those of no other.
func NewKeys() *Keys {
	k := new(Keys)
	_, _ = rand.Read(k.secret[:]) // never fails
	return k
}

// Owner names all that is sent as a credential, with the user to act as. The proof of
// possession is left out: it is made anew for each request, a repeat has another one, and
// GitLab judges it when it is asked for a yes.
//
// Where callers share a credential that is not their own, identity alone tells whose it is,
// whatever the credential is by then; it is "" else.
func (k *Keys) Owner(c upstream.Credential, identity string) Owner {
	if identity != "" {
		c = upstream.Credential{}
	}
	return Owner(k.sum("owner", c.PrivateToken, c.Authorization, c.JobToken, c.Sudo, identity))
}

// Key names a write.
func (k *Keys) Key(owner Owner, method, requestID string) Key {
	return Key(k.sum("key", string(owner[:]), method, requestID))
}

// Content is the digest of what a write asks for, in parts that tell all of it but the
// request id.
func (k *Keys) Content(parts ...string) Digest {
	return Digest(k.sum("content", parts...))
}

// sum writes each part after its length, so that no two lists make the same bytes.
func (k *Keys) sum(what string, parts ...string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k.secret[:])
	var length []byte
	for _, part := range append([]string{what}, parts...) {
		length = binary.AppendUvarint(length[:0], uint64(len(part)))
		mac.Write(length)
		mac.Write([]byte(part))
	}
	return [sha256.Size]byte(mac.Sum(nil))
}
