// Package identity finds out who a caller is by the signed bearer token that he shows: a
// JWT, such as GitLab's ID tokens for CI jobs or those of any OpenID provider, verified with
// the issuer's public keys (JWKS). It knows nothing of gRPC, nor of what callers may do.
//
// # What is taken
//
// A compact JWS of at most 8 KiB, signed by an allowed algorithm with a key of the set that
// is for that algorithm, for our audience, by our issuer if one is set, with a subject, and
// with an end that is not past. Keys inside a token are never looked at. A token without
// `exp` is refused.
//
// # Keys
//
// Keys are read at the start, every ten minutes, when [Verifier.Reload] is called, and when
// a token names a key that is not there, or is signed by none of those that it could be
// by; but for that last reason at most once per 30 seconds, whatever strangers send. All
// who wait share one refresh. If it fails, the old keys stay. A key that is gone from the
// set is not trusted any more, nor is any token that it signed.
//
// # Memory
//
// Tokens that were found good are remembered until they end, by a keyed digest, at most
// 10,000. No token is kept, nor quoted by an error.
package identity
