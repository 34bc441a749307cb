// Package certs holds the TLS material of PEM files, and takes up new files while it
// serves: each handshake uses what is current then, and none fails for a change.
//
// Server and Client read the files once, and refuse what is not good. Reload reads them
// again: what is good replaces what was loaded, as a whole; what is not leaves it in use.
// Watch calls Reload when the files have changed. All of it is for concurrent use.
//
// An error begins with the path of the file that it is about and tells the rule that
// the file breaks. It never holds the file's content, nor what a parser said about it.
//
// A change concerns handshakes that come after it; connections that are open stay open.
package certs
