package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind is a way to go wrong.
type FaultKind string

// The kinds. Those marked "not handled" never reach the API: a write so answered has no effect.
// The others answer a request that was carried out, unless Fault.Unhandled is set.
const (
	Latency          FaultKind = "latency"            // waits Delay, then answers as usual
	HangBeforeHeader FaultKind = "hang_before_header" // carries the request out and never answers
	HangAfterHeader  FaultKind = "hang_after_header"  // sends the header and After bytes, then nothing
	StatusFault      FaultKind = "status"             // Status, Header and Body as given; not handled
	TooManyJSON      FaultKind = "429_json"           // the jobs_index text; not handled
	TooManyText      FaultKind = "429_text"           // the general throttle with its headers; not handled
	TooManyHTML      FaultKind = "429_html"           // a front end's page; not handled
	ResetBeforeReply FaultKind = "reset_before_reply" // closes the connection hard instead of answering
	ResetMidBody     FaultKind = "reset_mid_body"     // the same after the header and After bytes
	ShortBody        FaultKind = "short_body"         // Content-Length is 1000 more than is sent, or right, and After bytes are sent
	EndlessBody      FaultKind = "endless_body"       // the body, and then bytes until the client leaves
	GzipBomb         FaultKind = "gzip_bomb"          // a small gzip body that inflates to Size bytes
	WrongContentType FaultKind = "wrong_content_type" // the right body as text/html, or Header's type
	CutJSON          FaultKind = "cut_json"           // half of the body, well framed
	WrongShape       FaultKind = "wrong_shape"        // an array for an object, an object for an array
	Redirect         FaultKind = "redirect"           // 302 to Location; not handled
	RewrittenLog     FaultKind = "rewritten_log"      // a log whose first line changed, or Body
	NoSlices         FaultKind = "no_slices"          // byte_offset and byte_limit are ignored
	RangeFront       FaultKind = "range_front"        // likewise, but a front end honours Range; see WithRangeFront
	LostChunk        FaultKind = "lost_chunk"         // Size bytes of a log from After on are lost
)

var faultKinds = []FaultKind{
	Latency, HangBeforeHeader, HangAfterHeader, StatusFault, TooManyJSON,
	TooManyText, TooManyHTML, ResetBeforeReply, ResetMidBody, ShortBody, EndlessBody, GzipBomb,
	WrongContentType, CutJSON, WrongShape, Redirect, RewrittenLog, NoSlices,
	RangeFront, LostChunk,
}

// Match chooses requests. Empty members match everything.
type Match struct {
	Method string `json:"method,omitempty"`
	Route  string `json:"route,omitempty"` // one of the Route constants
	Path   string `json:"path,omitempty"`  // a part of the path as sent
	Token  string `json:"token,omitempty"` // value of PRIVATE-TOKEN, JOB-TOKEN or Bearer
}

// Fault says what goes wrong, and how often.
type Fault struct {
	Kind  FaultKind `json:"kind"`
	Times int       `json:"times,omitempty"` // 0: until ClearFaults
	Skip  int       `json:"skip,omitempty"`  // lets so many matching requests pass first

	Delay     Duration          `json:"delay,omitempty"`     // before answering, with any kind
	Status    int               `json:"status,omitempty"`    // StatusFault; 0: 500
	Header    map[string]string `json:"header,omitempty"`    // added to the answer, with any kind
	Body      string            `json:"body,omitempty"`      // StatusFault, TooManyHTML, RewrittenLog
	After     int               `json:"after,omitempty"`     // body bytes sent first; 0: half of them. LostChunk: before the hole
	Size      int64             `json:"size,omitempty"`      // GzipBomb; 0: 64 MiB. LostChunk; 0: 128 KiB
	Location  string            `json:"location,omitempty"`  // Redirect; empty: another host, same path
	Unhandled bool              `json:"unhandled,omitempty"` // the request is not carried out
	// NoRetryAfter leaves Retry-After out of TooManyText and TooManyHTML.
	NoRetryAfter bool `json:"no_retry_after,omitempty"`
}

// Duration is a time.Duration that is text such as "1.5s" in JSON.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// armed is a fault that waits for its requests.
type armed struct {
	match     Match
	fault     Fault
	skip      int
	remaining int // meaningless when fault.Times is 0
}

// Fail arms a fault. The oldest fault that matches a request strikes, alone.
func (s *Sandbox) Fail(m Match, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armed{m, f, f.Skip, f.Times})
}

// ClearFaults disarms all faults.
func (s *Sandbox) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike takes the fault for a request, if there is one.
func (s *Sandbox) strike(r *http.Request, m match) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range s.faults {
		if !a.match.hits(r, m) {
			continue
		}
		if a.skip > 0 {
			a.skip--
			continue
		}
		if a.fault.Times > 0 {
			a.remaining--
			if a.remaining == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &a.fault
	}
	return nil
}

func (m Match) hits(r *http.Request, found match) bool {
	if m.Method != "" && m.Method != r.Method || m.Route != "" && m.Route != found.name {
		return false
	}
	if m.Path != "" && !strings.Contains(r.URL.EscapedPath(), m.Path) {
		return false
	}
	h := r.Header
	return m.Token == "" || m.Token == h.Get("Private-Token") || m.Token == h.Get("Job-Token") ||
		"Bearer "+m.Token == h.Get("Authorization")
}

var (
	errFaultKind  = errors.New("unknown fault kind")
	errFaultRoute = errors.New("unknown route: the Route constants of the package name them")
)

// parseFault reads the body of POST /-/sandbox/faults.
func parseFault(body []byte) (Match, Fault, error) {
	var in struct {
		Match Match `json:"match"`
		Fault Fault `json:"fault"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return Match{}, Fault{}, err
	}
	if !slices.Contains(faultKinds, in.Fault.Kind) {
		return Match{}, Fault{}, errFaultKind
	}
	if named := in.Match.Route; named != "" && !slices.ContainsFunc(routes, func(rt *route) bool { return rt.name == named }) {
		return Match{}, Fault{}, errFaultRoute
	}
	return in.Match, in.Fault, nil
}
