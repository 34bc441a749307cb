package gitlabjson

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// rooms are capacities for dst: the fast ways need room to spare.
var rooms = []int{0, 1, 7, 24, 33, 200}

func TestAppendInt(t *testing.T) {
	check := func(n int64) {
		for _, room := range rooms {
			if got := appendInt(make([]byte, 0, room), n); string(got) != strconv.FormatInt(n, 10) {
				t.Fatalf("%s, want %d", got, n)
			}
		}
	}
	for n := int64(1); n > 0 && n < math.MaxInt64/10; n *= 10 {
		for d := int64(-2); d < 3; d++ {
			check(n + d)
			check(-n + d)
		}
	}
	check(math.MaxInt64)
	check(math.MinInt64)
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		check(int64(r.Uint64() >> r.IntN(64)))
	}
}

// Every double is written in the fewest digits that stand for it, as Ruby does.
func TestAppendDouble(t *testing.T) {
	check := func(f float64) {
		t.Helper()
		want := strconv.FormatFloat(f, 'f', -1, 64)
		if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
			want = strconv.FormatFloat(f, 'e', -1, 64)
			if mantissa, exponent, _ := strings.Cut(want, "e"); !strings.Contains(mantissa, ".") {
				want = mantissa + ".0e" + exponent
			}
		} else if !strings.Contains(want, ".") {
			want += ".0"
		}
		for _, room := range rooms {
			if got := appendDouble(make([]byte, 0, room), f); string(got) != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
	around := func(f float64) {
		t.Helper()
		for _, f := range []float64{f, math.Nextafter(f, 0), math.Nextafter(f, math.MaxFloat64)} {
			check(f)
			check(-f)
		}
	}
	for _, f := range []float64{0, 1e-4, 1e-5, 1e-6, 1, 100, 1e9, 999999999.999999, 1e15, 1e16, 0.1 + 0.2, 5e-324, math.MaxFloat64} {
		around(f)
	}
	check(math.Copysign(0, -1))
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		for decimals := range 10 {
			around(float64(r.Uint64()>>(11+r.IntN(53))) / pow10[decimals])
		}
		if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			check(f)
		}
	}
}

func TestAppendTime(t *testing.T) {
	check := func(seconds int64, nanos int32) {
		want := time.Unix(seconds, int64(nanos)).UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		for _, room := range rooms {
			if got := appendTime(make([]byte, 0, room), seconds, nanos); string(got) != want {
				t.Fatalf("%d: %s, want %s", seconds, got, want)
			}
		}
	}
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()
	for day := int64(0); day <= last; day += 86400 {
		year, month, d := date(uint32(day / 86400))
		if daysSinceEpoch(int64(year), int64(month), int64(d)) != day/86400 || d < 1 || int64(d) > daysIn(int64(year), int64(month)) {
			t.Fatalf("%d: %d-%d-%d", day, year, month, d)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		check(first+r.Int64N(last-first), r.Int32N(1e9))
		check(r.Int64N(last), r.Int32N(1e9))
	}
	for _, edge := range []int64{0, -1, first, last + 86399, maxSeconds} {
		check(edge, 999999999)
	}
}

func TestAppendTimestamp(t *testing.T) {
	cases := map[string]struct{ wire, want string }{
		"nothing":             {"", `"1970-01-01T00:00:00.000Z"`},
		"seconds":             {"\x08\x01", `"1970-01-01T00:00:01.000Z"`},
		"nanos":               {"\x10\x80\x89\x7a", `"1970-01-01T00:00:00.002Z"`},
		"both":                {"\x08\x01\x10\x80\x89\x7a", `"1970-01-01T00:00:01.002Z"`},
		"another order":       {"\x10\x80\x89\x7a\x08\x01", `"1970-01-01T00:00:01.002Z"`},
		"last of several":     {"\x08\x01\x10\x80\x89\x7a\x08\x02", `"1970-01-01T00:00:02.002Z"`},
		"another field":       {"\x08\x01\x1a\x00", `"1970-01-01T00:00:01.000Z"`},
		"before the epoch":    {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", `"1969-12-31T23:59:59.000Z"`},
		"too many nanos":      {"\x08\x01\x10\x80\x94\xeb\xdc\x03", ""},
		"negative nanos":      {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""},
		"cut short":           {"\x08\x01\x10", ""},
		"cut short, in a tag": {"\x08\x01\x90", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := appendTimestamp(nil, []byte(c.wire))
			if ok != (c.want != "") || ok && string(got) != c.want {
				t.Errorf("%s, %v, want %s", got, ok, c.want)
			}
		})
	}
}

// Every byte is escaped, or not, at every place of texts of every length.
func TestAppendQuoted(t *testing.T) {
	for n := range 26 {
		for at := range n {
			for c := range 256 {
				text := []byte("é abcdefghijklmnopqrstuvwxyz"[:n+1])[1:]
				text[at] = byte(c)
				text[n-1-at] = byte(c)
				var want []byte
				for _, c := range text {
					if c < 0x20 || c == '"' || c == '\\' {
						want = appendEscape(want, c)
					} else {
						want = append(want, c)
					}
				}
				for _, room := range []int{0, n, n + 1, n + 2, 200} {
					if got := appendQuoted(make([]byte, 0, room), text); string(got) != `"`+string(want)+`"` {
						t.Fatalf("%q: %s", text, got)
					}
				}
			}
		}
	}
	for c := range byte(0x80) {
		var back string
		if err := json.Unmarshal(appendQuoted(nil, []byte{c}), &back); err != nil || back != string(rune(c)) {
			t.Errorf("%q: %q, %v", c, back, err)
		}
	}
}

// Varints are read as protowire reads them, wherever the text ends.
func TestVarint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50000 {
		b := protowire.AppendVarint(nil, r.Uint64()>>r.IntN(64))
		if r.IntN(4) == 0 { // longer than need be
			b[len(b)-1] |= 0x80
			b = append(b, bytes.Repeat([]byte{0x80}, r.IntN(3))...)
			b = append(b, byte(r.IntN(2)))
		}
		before, after := r.IntN(12), r.IntN(12)
		text := bytes.Repeat([]byte{0xff}, before)
		text = append(append(text, b...), bytes.Repeat([]byte{byte(r.Uint32())}, after)...)
		text = text[:len(text)-r.IntN(after+len(b)+1)]
		want, size := protowire.ConsumeVarint(text[before:])
		got, next := varint(text, before)
		if size < 0 {
			want, size = 0, -1-before
		}
		if got != want || next != before+size {
			t.Fatalf("%x from %d on: %d up to %d, want %d, %d", text, before, got, next, want, before+size)
		}
	}
}
