package sandbox

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// rubyFloat prints as Ruby does: a whole number keeps its ".0".
type rubyFloat float64

// MarshalJSON implements json.Marshaler.
func (f rubyFloat) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(f), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return []byte(text), nil
}

// stamp prints with exactly three fraction digits in the zone of the time, so that a commit keeps
// its author's offset (contract section 1).
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(s).Format(`"2006-01-02T15:04:05.000Z07:00"`)), nil
}

// utc is a time on GitLab's side; the instance is on UTC.
func utc(t time.Time) stamp { return stamp(t.UTC()) }

func utcIf(t time.Time, ok bool) *stamp {
	if !ok {
		return nil
	}
	return new(utc(t))
}

// nullable is a member that may be absent, null, or there.
type nullable[T any] struct {
	present bool
	value   *T
}

// IsZero tells encoding/json to leave the member out.
func (n nullable[T]) IsZero() bool { return !n.present }

// MarshalJSON implements json.Marshaler.
func (n nullable[T]) MarshalJSON() ([]byte, error) { return encode(n.value), nil }

// pairs is an object from texts to values that keeps its order.
type pairs [][2]string

// MarshalJSON implements json.Marshaler.
func (p pairs) MarshalJSON() ([]byte, error) {
	return p.object(func(value string) any { return value }), nil
}

func (p pairs) object(wrap func(string) any) []byte {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, pair := range p {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(encode(pair[0]))
		buf.WriteByte(':')
		buf.Write(encode(wrap(pair[1])))
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

// listPairs is the same with each value in a list.
type listPairs pairs

// MarshalJSON implements json.Marshaler.
func (p listPairs) MarshalJSON() ([]byte, error) {
	return pairs(p).object(func(value string) any { return []string{value} }), nil
}

var (
	_ json.Marshaler = rubyFloat(0)
	_ json.Marshaler = stamp{}
	_ json.Marshaler = nullable[int]{}
	_ json.Marshaler = pairs{}
	_ json.Marshaler = listPairs{}
)
