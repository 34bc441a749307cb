package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// relayed is a request as it arrived.
type relayed struct {
	method, target, body string
	header               http.Header
}

func relayRecorder(t testing.TB) (*Client, *relayed) {
	t.Helper()
	got := new(relayed)
	return newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = relayed{r.Method, r.RequestURI, string(body), r.Header}
		respond(200, "application/json", "{}")(w, r)
	}), got
}

func ignoreAnswer(*http.Response) error { return nil }

// TestRelayKeepsTheURL: what is sent has every byte of what came.
func TestRelayKeepsTheURL(t *testing.T) {
	c, got := relayRecorder(t)
	for _, row := range []struct{ path, query string }{
		{"/projects/group%2Fapp/jobs", "scope[]=failed&scope%5B%5D=a+b&&x"},
		{"/projects/a%2fb%2Fc/jobs/abc", "per_page=abc%zz"},
		{"/projects/%61%00%2f%7E/jobs", ""},
		{"/", "a?b=c"},
		{"//projects//1/", "="},
		{"/projects/1;x=y/jobs,$&'()*!~:@", "%"},
		{"/projects/a\"<>^`{|}b\\c/jobs", "\"<>^`{|}\\"},
		{"/projects/gr\xc3\xbcn/\xff", "ref=gr\xc3\xbcn\xff"},
		{"/projects/...%2F.git/..a/a..%252e%252e", ""},
		{"/projects/a%20b%2B+", ""},
	} {
		err := c.Relay(t.Context(), Raw{Method: "GET", Path: row.path, Query: row.query}, ignoreAnswer)
		want := "/api/v4" + row.path
		if row.query != "" {
			want += "?" + row.query
		}
		if err != nil || got.target != want {
			t.Errorf("asked for %q, want %q, %v", got.target, want, err)
		}
	}
}

func TestRelayRefusals(t *testing.T) {
	c := newClient(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.RequestURI) })
	for name, row := range map[string]struct {
		raw   Raw
		field string
	}{
		"no path":                {Raw{}, "path"},
		"no slash":               {Raw{Path: "projects"}, "path"},
		"host":                   {Raw{Path: "@evil.example.com/"}, "path"},
		"dots":                   {Raw{Path: "/projects/../users"}, "path"},
		"dots at the end":        {Raw{Path: "/projects/.."}, "path"},
		"one dot":                {Raw{Path: "/./projects"}, "path"},
		"escaped dots":           {Raw{Path: "/projects/%2e%2E/users"}, "path"},
		"half escaped dots":      {Raw{Path: "/projects/.%2e/users"}, "path"},
		"dots in a project":      {Raw{Path: "/projects/a%2f..%2fb/jobs"}, "path"},
		"bad escape":             {Raw{Path: "/projects/%zz"}, "path"},
		"cut escape":             {Raw{Path: "/projects/%2"}, "path"},
		"query in the path":      {Raw{Path: "/projects?a=b"}, "path"},
		"fragment":               {Raw{Path: "/projects#a"}, "path"},
		"space":                  {Raw{Path: "/projects/a b"}, "path"},
		"line":                   {Raw{Path: "/projects/a\r\nX: y"}, "path"},
		"delete":                 {Raw{Path: "/projects/\x7f"}, "path"},
		"fragment in the query":  {Raw{Path: "/", Query: "a#b"}, "query"},
		"space in the query":     {Raw{Path: "/", Query: "a b"}, "query"},
		"line in the query":      {Raw{Path: "/", Query: "a\nb"}, "query"},
		"no method":              {Raw{Method: "-"}, "method"},
		"method of two words":    {Raw{Method: "GET /x", Path: "/"}, "method"},
		"tunnel":                 {Raw{Method: "CONNECT", Path: "/"}, "method"},
		"line in the type":       {Raw{Path: "/", ContentType: "a\nb"}, "content-type"},
		"line in what is wanted": {Raw{Path: "/", Accept: "a\nb"}, "accept"},
	} {
		switch row.raw.Method {
		case "":
			row.raw.Method = "POST"
		case "-":
			row.raw.Method = ""
		}
		err := c.Relay(t.Context(), row.raw, ignoreAnswer)
		if e := wantError(t, err, Invalid); e.Violations[0].Field != row.field || e.Write != (row.raw.Method != http.MethodGet) {
			t.Errorf("%s: got %#v", name, e)
		}
	}
}

func TestRelayedHeaders(t *testing.T) {
	c, got := relayRecorder(t)
	call := &Call{
		Credential: Credential{PrivateToken: "glpat-x", Sudo: "root"},
		Forward:    http.Header{"Origin": {"https://a.example"}, "X-Many": {"a", "b"}, "Accept": {"text/html"}},
	}
	raw := Raw{Method: "POST", Path: "/projects/1/jobs/7/play", ContentType: "text/odd", Body: []byte("body"), Accept: "text/plain"}
	if err := c.Relay(WithCall(t.Context(), call), raw, ignoreAnswer); err != nil {
		t.Fatal(err)
	}
	if got.method != "POST" || got.body != "body" || call.Reply.Status != 200 {
		t.Errorf("got %+v, reply %+v", got, call.Reply)
	}
	for name, want := range map[string]string{
		"Private-Token": "glpat-x", "Sudo": "root", "Origin": "https://a.example", "Accept": "text/plain",
		"Content-Type": "text/odd", "Content-Length": "4", "User-Agent": "jobgate", "Accept-Encoding": "identity",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if many := got.header["X-Many"]; len(many) != 2 {
		t.Errorf("X-Many is %q", many)
	}
	if err := c.Relay(t.Context(), Raw{Method: "POST", Path: "/", Body: []byte{}}, ignoreAnswer); err != nil {
		t.Fatal(err)
	}
	if _, typed := got.header["Content-Type"]; typed || got.header.Get("Content-Length") != "0" || got.header.Get("Accept") != "application/json" {
		t.Errorf("without a body: %v", got.header)
	}
}

// TestRelayedAnswers: whatever GitLab answers is passed on, with its status.
func TestRelayedAnswers(t *testing.T) {
	page := bytes.Repeat([]byte("<p>"), 1<<20)
	for _, status := range []int{200, 201, 204, 206, 301, 302, 304, 400, 404, 405, 429, 500, 503} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			body := page
			if method == "HEAD" || status == 204 || status == 304 {
				body = nil
			}
			calls, want := 0, 1
			if status == 503 && method != "POST" { // that may pass
				want = 3
			}
			c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Location", "/api/v4/projects/42/jobs/7")
				w.Header().Set("Content-Type", "text/html")
				if status != 204 && status != 304 {
					w.Header().Set("Content-Length", "3145728")
				}
				w.WriteHeader(status)
				_, _ = w.Write(body)
			}, WithMaxBody(100))
			call, answered := &Call{}, false
			err := c.Relay(WithCall(t.Context(), call), Raw{Method: method, Path: "/projects/old%2Fapp/jobs/7"}, func(resp *http.Response) error {
				answered = true
				got, err := io.ReadAll(resp.Body)
				if err != nil || !bytes.Equal(got, body) || resp.StatusCode != status || resp.Header.Get("Location") == "" {
					t.Errorf("%s %d: %d bytes, status %d, %v", method, status, len(got), resp.StatusCode, err)
				}
				return err
			})
			if err != nil || !answered || calls != want || call.Reply.Status != status {
				t.Errorf("%s %d: %v, %d calls, reply %d", method, status, err, calls, call.Reply.Status)
			}
		}
	}
}

func TestRelayedGzip(t *testing.T) {
	c := functionClient(t, func(req *http.Request) (*http.Response, error) {
		resp := zipped(403, []byte(`{"message":"403 Forbidden"}`))
		if req.Method == http.MethodHead {
			resp.Body = http.NoBody
		}
		return resp, nil
	})
	for method, want := range map[string]string{"GET": `{"message":"403 Forbidden"}`, "HEAD": ""} {
		err := c.Relay(t.Context(), Raw{Method: method, Path: "/"}, func(resp *http.Response) error {
			if body, err := io.ReadAll(resp.Body); string(body) != want || err != nil || encoded(resp.Header) != "" {
				t.Errorf("%s: got %q, %v", method, body, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestErrorOfTheAnswerComesBack(t *testing.T) {
	c, _ := relayRecorder(t)
	own := errors.New("own")
	if err := c.Relay(t.Context(), Raw{Method: "GET", Path: "/"}, func(*http.Response) error { return own }); err != own {
		t.Errorf("got %v", err)
	}
}

func TestRelayThatIsNotAnswered(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	down := clientOf(t, server.URL)
	for method, write := range map[string]bool{"GET": false, "HEAD": false, "OPTIONS": false, "POST": true, "DELETE": true, "BREW": true} {
		raw := Raw{Method: method, Path: "/projects/a%2Fb/jobs", Query: "private_token=secret", Body: []byte("x")}
		err := down.Relay(t.Context(), raw, ignoreAnswer)
		e := wantError(t, err, map[bool]Kind{true: NotSent, false: NotSent}[write])
		if e.Write != write || e.Op != "relay "+method+" /projects/a%2Fb/jobs" || strings.Contains(e.Error(), "secret") {
			t.Errorf("got %#v", e)
		}
	}
}

// TestRelayedWriteArrivesOnce: with a body, on a kept connection that dies.
func TestRelayedWriteArrivesOnce(t *testing.T) {
	for _, body := range [][]byte{nil, []byte("{}")} {
		s := newFaultyServer(t)
		s.fail = func(_ net.Conn, in *bufio.Reader) { s.read(in) }
		c := clientOf(t, "http://"+s.listener.Addr().String())
		if err := getJob(t, c); err != nil {
			t.Fatal(err)
		}
		call := &Call{Forward: http.Header{"Idempotency-Key": {"x"}, "X-Idempotency-Key": {"x"}}}
		err := c.Relay(WithCall(t.Context(), call), Raw{Method: "POST", Path: "/x", Body: body}, ignoreAnswer)
		if e := wantError(t, err, Interrupted); !e.Write || s.posts.Load() != 1 {
			t.Errorf("arrived %d times, %v", s.posts.Load(), e)
		}
		c.Close()
		<-s.ended
	}
}

func TestRelayBrokenInTheBody(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		resp := answer(200, "abcd")
		resp.ContentLength = 10
		return resp, nil
	})
	err := c.Relay(t.Context(), Raw{Method: "GET", Path: "/"}, func(resp *http.Response) error {
		got, err := io.ReadAll(resp.Body)
		if e := wantError(t, err, Interrupted); string(got) != "abcd" || e.Status != 200 || !errors.Is(e, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v", got, e)
		}
		if _, again := resp.Body.Read(make([]byte, 1)); again != err {
			t.Errorf("then %v", again)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestIdleRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nearly = 29 * time.Second
		c := functionClient(t, slowLog(2*nearly, nearly, nearly), WithTimeout(time.Second))
		err := c.Relay(t.Context(), Raw{Method: "GET", Path: "/"}, func(resp *http.Response) error {
			one := make([]byte, 1)
			if _, err := resp.Body.Read(one); err != nil {
				return err
			}
			time.Sleep(time.Hour) // a slow reader is no idle answer
			start := time.Now()
			got, err := io.ReadAll(resp.Body)
			if e := wantError(t, err, Interrupted); !errors.Is(e, ErrUpstreamTimeout) || len(got) != 1 || time.Since(start) != nearly+30*time.Second {
				t.Errorf("after %v: %q, %v", time.Since(start), got, e)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		start := time.Now()
		late := functionClient(t, hanging, WithTimeout(time.Hour))
		err = late.Relay(t.Context(), Raw{Method: "POST", Path: "/"}, ignoreAnswer)
		if e := wantError(t, err, Interrupted); !errors.Is(e, ErrUpstreamTimeout) || time.Since(start) != time.Hour || !e.Write {
			t.Errorf("after %v: %v", time.Since(start), e)
		}
	})
}

func TestRelaysCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := functionClient(t, slowLog(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Relay(ctx, Raw{Method: "GET", Path: "/"}, func(resp *http.Response) error {
			_, err := io.ReadAll(resp.Body)
			return err
		})
		if e := wantError(t, err, Interrupted); !errors.Is(e, context.DeadlineExceeded) || errors.Is(e, ErrUpstreamTimeout) {
			t.Errorf("got %v", e)
		}
	})
}

// FuzzRelayedURL: what arrives is what was to be relayed, or nothing.
func FuzzRelayedURL(f *testing.F) {
	f.Add("/projects/a%2Fb/jobs", "scope[]=x")
	f.Add("/projects/%2e%2e/x", "a#b")
	f.Add("/a|b", "%")
	var target string
	c := newClient(f, func(w http.ResponseWriter, r *http.Request) {
		target = r.RequestURI
		respond(200, "application/json", "{}")(w, r)
	})
	f.Fuzz(func(t *testing.T, path, query string) {
		target = ""
		err := c.Relay(t.Context(), Raw{Method: "GET", Path: path, Query: query}, ignoreAnswer)
		if err != nil {
			wantError(t, err, Invalid)
			if target != "" {
				t.Errorf("%q, %q arrived", path, query)
			}
			return
		}
		want := "/api/v4" + path
		if query != "" {
			want += "?" + query
		}
		if target != want {
			t.Errorf("%q arrived, want %q", target, want)
		}
	})
}
