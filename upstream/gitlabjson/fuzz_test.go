package gitlabjson

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func FuzzRoundTrip(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.json)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkRoundTrip(t, text, &jobgatev1.Job{})
		checkRoundTrip(t, text, &jobgatev1.AllowedAgents{})
	})
}

// FuzzAppendJSON gives the writer bytes that are no wire form, or that of another
// sender: it may refuse them, but what it writes is JSON of the right shape.
func FuzzAppendJSON(f *testing.F) {
	for _, s := range samples(f) {
		wire, err := TableOf(s.message).AppendWire(nil, s.json)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, m := range []proto.Message{&jobgatev1.Job{}, &jobgatev1.AllowedAgents{}} {
			out, err := TableOf(m).AppendJSON([]byte("kept"), wire)
			if !bytes.HasPrefix(out, []byte("kept")) || err != nil && len(out) != 4 {
				t.Fatalf("dst was not kept: %q, %v", out, err)
			}
		}
	})
}

// Mutations that real payloads may meet, by name; each is applied at a random place.
var mutations = map[string]func(r *rand.Rand, text []byte) []byte{
	"unknown member":    insertAfter("{", `"new_member":{"a":[1,null]},`),
	"member extra":      insertAfter("{", `"extra":{"id":"7"},"absent":[3],`),
	"null":              replaceValue("null"),
	"text":              replaceValue(`"what"`),
	"object":            replaceValue(`{"a":{}}`),
	"array":             replaceValue(`[1,"a",[]]`),
	"largest":           replaceValue("9223372036854775807"),
	"beyond largest":    replaceValue("9223372036854775808"),
	"whole":             replaceValue("240"),
	"fraction":          replaceValue("240.0"),
	"exponent":          replaceValue("2.4E2"),
	"tiny":              replaceValue("1.5e-07"),
	"other zone":        replaceValue(`"2026-03-04T12:22:40.180+02:00"`),
	"odd time":          replaceValue(`"2026-03-04T12:22:40.1Z"`),
	"surrogate":         replaceValue(`"\udead"`),
	"pair":              replaceValue(`"\ud83d\ude00"`),
	"unknown word":      replaceValue(`"quantum"`),
	"duplicate":         insertAfter("{", `"id":1,"name":"twice","status":"failed","user":null,"commit":{"id":"x"},`),
	"duplicate unknown": insertAfter("{", `"zz":1,"zz":2,`),
	"nesting":           replaceValue(string(bytes.Repeat([]byte("["), 300)) + string(bytes.Repeat([]byte("]"), 300))),
	"truncation":        func(r *rand.Rand, text []byte) []byte { return text[:r.IntN(len(text))] },
	"bad UTF-8":         flip(func(r *rand.Rand) byte { return byte(0x80 + r.IntN(0x80)) }),
	"any byte":          flip(func(r *rand.Rand) byte { return byte(r.IntN(0x80)) }),
	"missing member":    dropMember,
}

func insertAfter(what, insertion string) func(*rand.Rand, []byte) []byte {
	return func(r *rand.Rand, text []byte) []byte {
		at := nth(r, text, what)
		return splice(text, at, at, insertion)
	}
}

// replaceValue replaces the value after a random colon.
func replaceValue(value string) func(*rand.Rand, []byte) []byte {
	return func(r *rand.Rand, text []byte) []byte {
		s := scanner{src: text, pos: nth(r, text, ":")}
		s.peek()
		start := s.pos
		if !s.skip() {
			return text
		}
		return splice(text, start, s.pos, value)
	}
}

func flip(b func(*rand.Rand) byte) func(*rand.Rand, []byte) []byte {
	return func(r *rand.Rand, text []byte) []byte {
		at := r.IntN(len(text))
		return splice(text, at, at+1, string([]byte{b(r)}))
	}
}

func dropMember(r *rand.Rand, text []byte) []byte {
	start := nth(r, text, ",")
	s := scanner{src: text, pos: start}
	if s.peek() != '"' || !s.key() || !s.skip() || s.peek() != ',' {
		return text
	}
	return splice(text, start, s.pos+1, "")
}

// nth returns the place after a random occurrence of what.
func nth(r *rand.Rand, text []byte, what string) int {
	n := bytes.Count(text, []byte(what))
	if n == 0 {
		return len(text)
	}
	at := 0
	for range 1 + r.IntN(n) {
		at += bytes.Index(text[at:], []byte(what)) + len(what)
	}
	return at
}

func splice(text []byte, from, to int, insertion string) []byte {
	return append(append(append([]byte{}, text[:from]...), insertion...), text[min(to, len(text)):]...)
}

// TestMutatedPayloads applies one to four mutations to real payloads and asserts
// the identity each time.
func TestMutatedPayloads(t *testing.T) {
	all := samples(t)
	rounds := 12
	if testing.Short() {
		rounds = 5
	}
	for name, mutate := range mutations {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			for sampleName, s := range all {
				for range rounds {
					text := mutate(r, s.json)
					history := name
					for other, more := range mutations {
						if len(text) > 0 && r.IntN(30) == 0 {
							text = more(r, text)
							history += fmt.Sprintf(" + %s", other)
						}
					}
					func() {
						defer func() {
							if t.Failed() {
								t.Logf("%s: %s", sampleName, history)
							}
						}()
						checkRoundTrip(t, text, s.message)
					}()
				}
			}
		})
	}
}
