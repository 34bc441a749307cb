// Command scenario makes every call of the Jobs API that client-go offers, and prints what came
// of each as JSON.
//
//	scenario URL        URL: a GitLab, without /api/v4
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	"golang.org/x/oauth2"
)

// headers are those that the client reads, or leaves to its caller.
var headers = strings.Fields(`content-type content-disposition link location retry-after www-authenticate
	x-page x-per-page x-next-page x-prev-page x-total x-total-pages x-next-cursor x-prev-cursor
	ratelimit-limit ratelimit-remaining ratelimit-reset allow`)

// call is what came of one call.
type call struct {
	Name string `json:"call"`
	// Want is "ok", the status of an error, or "client" for an error that the client makes itself.
	Want   any             `json:"want"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *failure        `json:"error,omitempty"`
	Page   *page           `json:"page,omitempty"`
	Wire   []exchange      `json:"wire"`
}

type failure struct {
	Type    string `json:"type"`
	Status  int    `json:"status"`
	Message string `json:"message"`
	Body    string `json:"body"`
	Text    string `json:"text"`
}

// page is what the client makes of the headers of a list.
type page struct {
	Total, Pages, PerPage, Current, Next, Previous int64
	PreviousLink, NextLink, FirstLink, LastLink    string
}

// exchange is one request of a call and what was answered.
type exchange struct {
	Request string            `json:"request"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
}

// recorder makes the calls and remembers them.
type recorder struct {
	base    string
	calls   []call
	wire    []exchange
	clients map[string]*gitlab.Client
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// note tells a transport's exchanges to the recorder.
func (r *recorder) note(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		one := exchange{req.Method + " " + req.URL.String(), resp.StatusCode, map[string]string{}}
		for _, name := range headers {
			if values := resp.Header.Values(name); len(values) > 0 {
				one.Headers[name] = strings.Join(values, ", ")
			}
		}
		r.wire = append(r.wire, one)
		return resp, nil
	})
}

var trailers = regexp.MustCompile(`"extended_trailers":\s*\{[^{}]+\}`)

// withoutTrailers empties each commit's extended_trailers. client-go declares that member as
// text where GitLab sends lists of text, and refuses every job that has some.
func withoutTrailers(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.Header.Get("Content-Type") != "application/json" {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read to its end, or broken
		if err != nil {
			return nil, err
		}
		body = trailers.ReplaceAll(body, []byte(`"extended_trailers":{}`))
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return resp, nil
	})
}

// with returns a new client for a credential.
func (r *recorder) with(source gitlab.AuthSource, options ...gitlab.ClientOptionFunc) *gitlab.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	options = append([]gitlab.ClientOptionFunc{
		gitlab.WithBaseURL(r.base),
		gitlab.WithHTTPClient(&http.Client{Transport: transport, Timeout: 30 * time.Second}),
		gitlab.WithInterceptor(r.note),
	}, options...)
	client, err := gitlab.NewAuthSourceClient(source, options...)
	if err != nil {
		panic(err)
	}
	return client
}

func (r *recorder) cached(key string, source gitlab.AuthSource) *gitlab.Client {
	if r.clients[key] == nil {
		r.clients[key] = r.with(source, gitlab.WithInterceptor(withoutTrailers))
	}
	return r.clients[key]
}

func (r *recorder) by(name string) *gitlab.Client {
	return r.cached(name, gitlab.AccessTokenAuthSource{Token: "glpat-sandbox-" + name})
}

func (r *recorder) ofJob(name string) *gitlab.Client {
	return r.cached("job "+name, gitlab.JobTokenAuthSource{Token: "glcbt-sandbox-" + name})
}

func (r *recorder) bearer(token string) *gitlab.Client {
	return r.cached("bearer "+token, gitlab.OAuthTokenSource{
		TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}),
	})
}

func (r *recorder) anonymous() *gitlab.Client { return r.cached("", gitlab.Unauthenticated{}) }

// plain is a client that gets answers as they are.
func (r *recorder) plain(name string) *gitlab.Client {
	return r.with(gitlab.AccessTokenAuthSource{Token: "glpat-sandbox-" + name})
}

// impatient is a client that does not try again.
func (r *recorder) impatient(name string) *gitlab.Client {
	return r.with(gitlab.AccessTokenAuthSource{Token: "glpat-sandbox-" + name}, gitlab.WithoutRetries())
}

// do makes a call that must give want, and remembers what came of it.
func (r *recorder) do(name string, want any, fn func() (any, *gitlab.Response, error)) {
	r.wire = []exchange{}
	result, resp, err := fn()
	entry := call{Name: name, Want: want, Wire: r.wire}
	if err != nil {
		entry.Error = fail(err)
	} else {
		entry.Result = encode(result)
		entry.Page = pageOf(resp)
	}
	r.calls = append(r.calls, entry)
}

func fail(err error) *failure {
	f := &failure{Type: fmt.Sprintf("%T", err), Text: err.Error()}
	var answer *gitlab.ErrorResponse
	if errors.As(err, &answer) {
		f.Status, f.Message, f.Body = answer.StatusCode, answer.Message, string(answer.Body)
	}
	return f
}

func encode(result any) json.RawMessage {
	if log, ok := result.(*bytes.Reader); ok {
		text, _ := io.ReadAll(log) // from memory
		result = string(text)
	}
	out, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	return out
}

func pageOf(resp *gitlab.Response) *page {
	if resp == nil || resp.Header.Get("Link") == "" && resp.Header.Get("X-Page") == "" {
		return nil
	}
	return &page{
		resp.TotalItems, resp.TotalPages, resp.ItemsPerPage, resp.CurrentPage, resp.NextPage, resp.PreviousPage,
		resp.PreviousLink, resp.NextLink, resp.FirstLink, resp.LastLink,
	}
}

// query adds parameters that the client's options lack.
func query(pairs ...string) gitlab.RequestOptionFunc {
	return func(req *retryablehttp.Request) error {
		q := req.URL.Query()
		for i := 0; i < len(pairs); i += 2 {
			q.Add(pairs[i], pairs[i+1])
		}
		req.URL.RawQuery = q.Encode()
		return nil
	}
}

// raw asks for what the client has no method for.
func raw(client *gitlab.Client, method, path string, body any, options ...gitlab.RequestOptionFunc) (any, *gitlab.Response, error) {
	req, err := client.NewRequest(method, path, body, options)
	if err != nil {
		return nil, nil, err
	}
	var out json.RawMessage
	resp, err := client.Do(req, &out)
	return out, resp, err
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scenario URL")
		os.Exit(2)
	}
	r := &recorder{base: os.Args[1], clients: map[string]*gitlab.Client{}}
	r.listing()
	r.pipelines()
	r.oneJob()
	r.who()
	r.cancelling()
	r.playing()
	r.retrying()
	r.erasing()
	r.beyond()
	r.troubles()
	if err := json.NewEncoder(os.Stdout).Encode(r.calls); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
