package identity

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// Bounds of a token's claims.
const (
	maxClaims  = 100
	maxValues  = 1000 // in all
	maxSubject = 1024 // bytes
)

// caller reads the payload of a token whose signature is good, and holds it to the rules.
func (r *rules) caller(payload []byte, now time.Time) (Caller, error) {
	var claims map[string]json.RawMessage
	if !utf8.Valid(payload) || json.Unmarshal(payload, &claims) != nil || claims == nil {
		return Caller{}, malformed("payload", "is no JSON object")
	}
	if issuer, ok := textOf(claims["iss"]); r.issuer != "" && (!ok || issuer != r.issuer) {
		return Caller{}, &Error{WrongIssuer, "claim iss", "is not " + r.issuer}
	}
	if audience, ok := textsOf(claims["aud"]); !ok || !slices.Contains(audience, r.audience) {
		return Caller{}, &Error{WrongAudience, "claim aud", "does not name " + r.audience}
	}
	expires, err := r.times(claims, now)
	if err != nil {
		return Caller{}, err
	}
	subject, ok := textOf(claims["sub"])
	switch {
	case claims["sub"] == nil || ok && subject == "":
		return Caller{}, &Error{NoSubject, "claim sub", "is missing"}
	case !ok || len(subject) > maxSubject || strings.ContainsFunc(subject, strange):
		return Caller{}, malformed("claim sub", "must be a text of at most 1024 bytes without control characters")
	}
	kept, fail := keep(claims)
	if fail != nil {
		return Caller{}, fail
	}
	return Caller{Name: "jwt:" + subject, Claims: kept, Expires: expires}, nil
}

// strange says whether a name must not have this: a control character, or what stands for
// text that could not be read.
func strange(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// times holds a token to its times, and returns when it ends, leeway included.
func (r *rules) times(claims map[string]json.RawMessage, now time.Time) (time.Time, error) {
	var times [3]time.Time
	for i, name := range []string{"exp", "nbf", "iat"} {
		t, ok := timeOf(claims[name])
		if claims[name] != nil && !ok {
			return t, malformed("claim "+name, "must be a number of seconds since 1970")
		}
		times[i] = t
	}
	expires, begins, issued := times[0].Add(r.leeway), times[1].Add(-r.leeway), times[2].Add(-r.leeway)
	switch {
	case claims["exp"] == nil:
		return expires, malformed("claim exp", "is missing")
	case !now.Before(expires):
		return expires, &Error{Expired, "claim exp", "the token has expired"}
	case claims["nbf"] != nil && now.Before(begins):
		return expires, &Error{NotYetValid, "claim nbf", "the token is not valid yet"}
	case claims["iat"] != nil && now.Before(issued):
		return expires, &Error{IssuedInFuture, "claim iat", "the token was issued in the future"}
	}
	return expires, nil
}

// timeOf reads a number of seconds, which may have a fraction.
func timeOf(raw json.RawMessage) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !isNumber(raw) || seconds < 0 || seconds > 1e11 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// textsOf reads a text or a list of texts.
func textsOf(raw json.RawMessage) (texts []string, ok bool) {
	if text, ok := textOf(raw); ok {
		return []string{text}, true
	}
	var members []json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil, false
	}
	for _, member := range members {
		text, ok := textOf(member)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// keep returns the claims that can be compared. A token with more than there is room for
// is refused: a rule that denies must see all of them.
func keep(claims map[string]json.RawMessage) (map[string]any, *Error) {
	tooMany := &Error{TooLong, "payload", "has too many claims"}
	if len(claims) > maxClaims {
		return nil, tooMany
	}
	kept := make(map[string]any, len(claims))
	values := 0
	for name, raw := range claims {
		if slices.Contains([]string{"exp", "nbf", "iat", "jti"}, name) {
			continue
		}
		if raw[0] != '[' {
			if value := scalar(raw); value != nil {
				kept[name] = value
			}
			continue
		}
		var members []json.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return nil, malformed("payload", "is no JSON object")
		}
		if values += len(members); values > maxValues {
			return nil, tooMany
		}
		if list, ok := texts(members); ok {
			kept[name] = list
		}
	}
	return kept, nil
}

// scalar is a text, a bool, or a number as text; nil for anything else.
func scalar(raw json.RawMessage) any {
	if text, ok := textOf(raw); ok {
		return text
	}
	switch {
	case bytes.Equal(raw, []byte("true")):
		return true
	case bytes.Equal(raw, []byte("false")):
		return false
	case isNumber(raw):
		return string(raw)
	}
	return nil
}

// texts are the members of a list, as texts. It is not ok if one cannot be compared: nobody
// could prove that it is not what a rule denies.
func texts(members []json.RawMessage) (list []string, ok bool) {
	list = make([]string, 0, len(members))
	for _, raw := range members {
		switch value := scalar(raw).(type) {
		case string:
			list = append(list, value)
		case bool:
			list = append(list, strconv.FormatBool(value))
		default:
			return nil, false
		}
	}
	return list, true
}
