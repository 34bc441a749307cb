package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// sendRaw writes text to the HTTP listener as it is, and reads the first answer.
func sendRaw(t *testing.T, gw *gateway, text string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(gw.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, text) }() // the answer may come before the end
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}

const (
	rawHost = " HTTP/1.1\r\nHost: jobs.example.com\r\n"
	rawAuth = "Private-Token: " + sandbox.TokenMaintainer + "\r\n"
)

// Hostile requests: GitLab's answer where it has one, else a 4xx of ours. What GitLab
// sees of it is one well-formed request, or none.
func TestHostileRequests(t *testing.T) {
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	asJSONBody := "Content-Type: application/json\r\n"
	cancel := "POST /api/v4/projects/1/jobs/105/cancel" + rawHost + rawAuth
	withBody := func(head, body string) string {
		return cancel + head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	cases := map[string]struct {
		raw     string
		status  int
		body    string // in the answer
		arrives int    // requests at GitLab
	}{
		"dot segments":            {"GET /api/v4/projects/%2e%2e/jobs" + rawHost + rawAuth + "\r\n", 404, "404 Project Not Found", 1},
		"dots behind a slash":     {"GET /api/v4/projects/1%2F..%2F..%2Fusers/jobs" + rawHost + rawAuth + "\r\n", 404, "404 Project Not Found", 1},
		"plain dots":              {"GET /api/v4/projects/1/jobs/../../../users" + rawHost + rawAuth + "\r\n", 404, `{"error":"404 Not Found"}`, 0},
		"dots for a job":          {"GET /api/v4/projects/1/jobs/%2e%2e" + rawHost + rawAuth + "\r\n", 400, "job_id is invalid", 1},
		"NUL":                     {"GET /api/v4/projects/%00/jobs" + rawHost + rawAuth + "\r\n", 400, "", 1},
		"encoded twice":           {"GET /api/v4/projects/acme%252Fwidgets/jobs" + rawHost + rawAuth + "\r\n", 404, "404 Project Not Found", 1},
		"semicolon in the path":   {"GET /api/v4/projects/1;x=1/jobs" + rawHost + rawAuth + "\r\n", 404, "404 Project Not Found", 1},
		"semicolon in the query":  {"GET /api/v4/projects/1/jobs/101?a=1;b=2" + rawHost + rawAuth + "\r\n", 200, `"id":101`, 1},
		"un-encoded project":      {"GET /api/v4/projects/acme/widgets/jobs" + rawHost + rawAuth + "\r\n", 404, `{"error":"404 Not Found"}`, 0},
		"bad escape":              {"GET /api/v4/projects/%zz/jobs" + rawHost + rawAuth + "\r\n", 400, "", 0},
		"64 kB path":              {"GET /api/v4/projects/" + strings.Repeat("a", 64<<10) + "/jobs" + rawHost + rawAuth + "\r\n", 414, "414", 0},
		"64 kB query":             {"GET /api/v4/projects/1/jobs?a=" + strings.Repeat("a", 64<<10) + rawHost + rawAuth + "\r\n", 414, "414", 0},
		"200 kB header":           {"GET /api/v4/job" + rawHost + "X-A: " + strings.Repeat("a", 200<<10) + "\r\n\r\n", 431, "", 0},
		"10,000 parameters":       {"GET /api/v4/projects/1/jobs/101?" + strings.Repeat("a=1&", 10_000) + "b=2" + rawHost + rawAuth + "\r\n", 200, `"id":101`, 1},
		"header with CRLF":        {"GET /api/v4/projects/1/jobs/101?private_token=x%0d%0aSudo:%20root" + rawHost + "\r\n", 401, "401 Unauthorized", 1},
		"bare CR in a header":     {"GET /api/v4/job" + rawHost + "Private-Token: a\rSudo: root\r\n\r\n", 400, "", 0},
		"two tokens":              {"GET /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "Private-Token: other\r\n\r\n", 401, "401 Unauthorized", 1},
		"Connection names it":     {"GET /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "Connection: Private-Token\r\n\r\n", 200, `"id":101`, 1},
		"two lengths":             {cancel + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400, "", 0},
		"bad length":              {cancel + "Content-Length: -1\r\n\r\n", 400, "", 0},
		"unknown coding":          {cancel + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, "", 0},
		"no host":                 {"GET /api/v4/job HTTP/1.1\r\n\r\n", 400, "", 0},
		"two hosts":               {"GET /api/v4/job HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "", 0},
		"announced 50 MB":         {cancel + asJSONBody + "Content-Length: 50000000\r\n\r\n", 413, "413", 0},
		"chunked 5 MB":            {cancel + asJSONBody + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 80) + "0\r\n\r\n", 413, "413", 0},
		"chunked and cut":         {cancel + asJSONBody + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"for\r\nzz\r\n", 400, "cut off", 0},
		"deep JSON":               {withBody(asJSONBody, `{"x":`+strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20)+`}`), 400, "", 1},
		"bad JSON":                {withBody(asJSONBody, `{"force":`), 400, "", 1},
		"bad UTF-8":               {withBody(asJSONBody, "{\"force\":\"\xff\"}"), 400, "", 1},
		"wrong type":              {withBody("Content-Type: text/xml\r\n", "<force/>"), 415, "not supported", 1},
		"form":                    {withBody(form, "force=maybe"), 400, "force is invalid", 1},
		"method override":         {cancel + "X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n", 201, `"id":105`, 1},
		"a timeout for us":        {"GET /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "Grpc-Timeout: 1n\r\n\r\n", 200, `"id":101`, 1},
		"metadata for us":         {"GET /api/v4/projects/1/jobs/101" + rawHost + "Grpc-Metadata-Private-Token: " + sandbox.TokenMaintainer + "\r\nJobgate-Face: grpc\r\n\r\n", 401, "401 Unauthorized", 1},
		"a cookie":                {"GET /api/v4/projects/1/jobs/101" + rawHost + "Cookie: _gitlab_session=" + sandbox.Session + "\r\n\r\n", 401, "401 Unauthorized", 1},
		"TRACE":                   {"TRACE /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "\r\n", 405, `{"error":"405 Not Allowed"}`, 0},
		"an invented method":      {"FETCH /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "\r\n", 405, "405", 0},
		"absolute form":           {"GET http://elsewhere.example/api/v4/projects/1/jobs/101" + rawHost + rawAuth + "\r\n", 200, `"id":101`, 1},
		"double slash":            {"GET /api/v4//projects/1//jobs/101" + rawHost + rawAuth + "\r\n", 0, "", 1},
		"no slash behind v4":      {"GET /api/v4job" + rawHost + rawAuth + "\r\n", 404, `{"error":"404 Not Found"}`, 0},
		"a body that never comes": {"POST /api/v4/nope" + rawHost + "Content-Length: 10\r\n\r\nx", 404, `{"error":"404 Not Found"}`, 0},
		"an id for the write":     {cancel + "Jobgate-Request-Id: 1\r\nContent-Length: 0\r\n\r\n", 201, `"id":105`, 1},
		"a bad id for the write":  {cancel + "Jobgate-Request-Id: a b\r\nContent-Length: 0\r\n\r\n", 400, "request_id", 0},
		"two ids for the write":   {cancel + "Jobgate-Request-Id: a\r\nJobgate-Request-Id: b\r\nContent-Length: 0\r\n\r\n", 400, "request_id", 0},
		"an id for what is odd":   {withBody(form+"Jobgate-Request-Id: 1\r\n", "force=maybe"), 501, "NOT_IMPLEMENTED", 0},
		"an id for a read":        {"GET /api/v4/projects/1/jobs/101" + rawHost + rawAuth + "Jobgate-Request-Id: 1\r\n\r\n", 200, `"id":101`, 1},
		"fragment":                {"GET /api/v4/projects/1/jobs?ref=main#x" + rawHost + rawAuth + "\r\n", 400, "query", 0},
		"multipart":               {withBody("Content-Type: multipart/form-data; boundary=b\r\n", "--b\r\nContent-Disposition: form-data; name=\"force\"\r\n\r\nmaybe\r\n--b--\r\n"), 400, "force is invalid", 1},
		"other API":               {"GET /api/v4/users" + rawHost + rawAuth + "\r\n", 404, `{"error":"404 Not Found"}`, 0},
		"the sandbox's own paths": {"POST /-/sandbox/reset" + rawHost + "Content-Length: 0\r\n\r\n", 404, "404", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			gw, box := newSandbox(t)
			resp, body := sendRaw(t, gw, c.raw)
			if resp == nil {
				t.Fatal(body)
			}
			if c.status != 0 && resp.StatusCode != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %.300q, want %d %q", resp.StatusCode, body, c.status, c.body)
			}
			requests := box.Requests()
			if len(requests) != c.arrives {
				t.Errorf("%d requests arrived: %v", len(requests), requests)
			}
			for _, r := range requests {
				if r.Header.Get("Sudo") != "" || r.Header.Get("Cookie") != "" || strings.Contains(r.Path, "..") {
					t.Errorf("arrived: %s %s %v", r.Method, r.Path, r.Header)
				}
			}
			wantNoToken(t, gw, nil, sandbox.TokenMaintainer)
		})
	}
}

// What follows a request that is framed in two ways is not taken for another request to
// GitLab.
func TestSmuggling(t *testing.T) {
	inner := "GET /api/v4/projects/1/jobs/102" + rawHost + rawAuth + "\r\n"
	for name, raw := range map[string]string{
		"length and chunks": "POST /api/v4/projects/1/jobs/105/cancel" + rawHost + rawAuth + fmt.Sprintf("Content-Length: %d\r\n", len(inner)+5) +
			"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"length of a GET": "GET /api/v4/projects/1/jobs/101" + rawHost + rawAuth + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner,
	} {
		t.Run(name, func(t *testing.T) {
			gw, box := newSandbox(t)
			resp, body := sendRaw(t, gw, raw)
			if resp == nil {
				t.Fatal(body)
			}
			_ = gw.stop()
			for _, r := range box.Requests() {
				if strings.HasSuffix(r.Path, "/102") && name == "length of a GET" {
					t.Errorf("the body became %s %s", r.Method, r.Path)
				}
				if r.Header.Get("Transfer-Encoding") != "" {
					t.Errorf("framing came through: %v", r.Header)
				}
			}
		})
	}
}

// A body that ends too early reaches nobody.
func TestBodyCutOff(t *testing.T) {
	gw, box := newSandbox(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(gw.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST /api/v4/projects/1/jobs/105/cancel"+rawHost+rawAuth+"Content-Length: 100\r\n\r\n{")
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if n := len(box.Requests()); n != 0 || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, %d requests arrived", resp.StatusCode, n)
	}
}
