package upstream

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// TestTraceAllowed: a yes is asked for in the way that works here, and costs a byte.
func TestTraceAllowed(t *testing.T) {
	log := string(lines(3000))
	yes, no := func(c *Client) { c.slices.ignored(); c.ranges.honoured() }, func(c *Client) { c.slices.ignored() }
	for name, row := range map[string]struct {
		know   func(*Client)
		held   int64
		answer frontAnswer
		asked  string
	}{
		"nothing known":              {func(*Client) {}, 5, honest, "GET byte_offset=5&byte_limit=1"},
		"slices":                     {func(c *Client) { c.slices.honoured(); c.ranges.honoured() }, 5, honest, "GET byte_offset=5&byte_limit=1"},
		"slices ignored":             {no, 5, honest, "HEAD"},
		"ranges ignored":             {func(c *Client) { c.slices.ignored(); c.ranges.ignored() }, 5, honest, "HEAD"},
		"ranges":                     {yes, 5, honest, "GET bytes=5-5"},
		"ranges, nothing held":       {yes, 0, honest, "GET bytes=0-0"},
		"ranges, at the end":         {yes, 3000, honest, "GET bytes=3000-3000"},
		"ranges, far beyond the end": {yes, 9000, honest, "GET bytes=9000-9000"},
		"ranges no longer honoured":  {yes, 5, nil, "GET bytes=5-5"},
		"something else than asked":  {yes, 5, liars["another begin"], "GET bytes=5-5, HEAD"},
		"an end that is not told":    {yes, 3000, liars["that it ends"], "GET bytes=3000-3000, HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &front{log: log, answer: row.answer}
			c := functionClient(t, f.RoundTrip)
			row.know(c)
			if err := c.TraceAllowed(t.Context(), "1", 7, row.held); err != nil {
				t.Error(err)
			}
			if asked := strings.Join(f.asked, ", "); asked != row.asked {
				t.Errorf("asked %q, want %q", asked, row.asked)
			}
			if honoured, _ := c.ranges.load(); honoured && (row.answer == nil || strings.Contains(row.asked, "HEAD")) {
				t.Error("ranges are still believed in")
			}
		})
	}
}

// TestTraceAllowedIsRefused: whatever is known, only a log is a yes.
func TestTraceAllowedIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		resp *http.Response
		kind Kind
	}{
		"forbidden":             {answer(403, `{"message":"403 Forbidden"}`), Answered},
		"not found":             {answer(404, `{"message":"404 Project Not Found"}`), Answered},
		"a page":                {answer(200, `{}`), Malformed},
		"elsewhere":             {answer(302, ``), Redirected},
		"not modified":          {answer(304, ``), Malformed},
		"unasked part":          {partial(206, "x", "bytes 5-5/10"), Malformed},
		"unasked unsatisfiable": {partial(416, "", "bytes */5"), Answered},
	} {
		for way, know := range map[string]func(*Client){
			"words":  func(c *Client) { c.slices.honoured() },
			"header": func(c *Client) { c.slices.ignored(); c.ranges.honoured() },
			"HEAD":   func(c *Client) { c.slices.ignored() },
		} {
			if way == "header" && strings.HasPrefix(name, "unasked") {
				continue
			}
			c := functionClient(t, func(*http.Request) (*http.Response, error) {
				resp := *row.resp
				return &resp, nil
			})
			know(c)
			e := wantError(t, c.TraceAllowed(t.Context(), "1", 7, 5), row.kind)
			if e.Op != "read log of job 7 of 1" {
				t.Errorf("%s, %s: %v", way, name, e)
			}
		}
	}
}

// That a byte came, or none, where one was asked for, tells nothing of who sends it; more does.
func TestTraceAllowedLearns(t *testing.T) {
	for log, ignored := range map[string]bool{"": false, "x": false, "xy": true} {
		c := functionClient(t, (&front{log: log}).RoundTrip)
		if err := c.TraceAllowed(t.Context(), "1", 7, 5); err != nil {
			t.Error(err)
		}
		if honoured, known := c.slices.load(); honoured || known != ignored {
			t.Errorf("%q: honoured %v, known %v", log, honoured, known)
		}
	}
}

func TestSandboxTraceAllowed(t *testing.T) {
	for _, opts := range [][]sandbox.Option{
		{},
		{sandbox.WithVersion(sandbox.VersionOld)},
		{sandbox.WithVersion(sandbox.VersionOld), sandbox.WithRangeFront()},
	} {
		c, sb, call := newSandbox(t, opts...)
		sb.SetTrace(sandbox.JobRunning, lines(3000))
		for range 3 {
			look(t, c, call, TraceRange{Offset: 2000})
			for token, status := range map[string]int{sandbox.TokenMaintainer: 0, sandbox.TokenOutsider: 404, "unknown": 401} {
				ctx := as(t.Context(), Credential{PrivateToken: token})
				err := c.TraceAllowed(ctx, "1", sandbox.JobRunning, 3000)
				if status == 0 {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				if e := wantError(t, err, Answered); e.Status != status {
					t.Errorf("%q: %v", token, e)
				}
			}
		}
	}
}
