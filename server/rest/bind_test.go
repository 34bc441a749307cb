package rest

import (
	"net/url"
	"strings"
	"testing"
)

func routeTo(t *testing.T, path string) *route {
	t.Helper()
	m, ok := find(path)
	if !ok {
		t.Fatalf("no route for %s", path)
	}
	return m.route
}

// said is a bound request in short: query | body | extra parameters.
func (b *bound) said() string {
	var extra []string
	for _, p := range b.extra {
		extra = append(extra, p.GetName()+"="+p.GetValue())
	}
	query, _ := url.QueryUnescape(b.query.Encode())
	return query + " | " + string(b.body) + " | " + strings.Join(extra, "&")
}

// What a request says, the RPC says; what it cannot say fits none.
func TestBindQuery(t *testing.T) {
	const none = "none"
	jobs, pipeline, job, cancel := "/projects/1/jobs", "/projects/1/pipelines/2/jobs", "/projects/1/jobs/7", "/projects/1/jobs/7/cancel"
	cases := []struct{ path, query, want string }{
		{jobs, "", " |  | "},
		{jobs, "scope[]=failed&scope[]=waiting_for_resource", "scope=JOB_STATUS_FAILED&scope=JOB_STATUS_WAITING_FOR_RESOURCE |  | "},
		{jobs, "scope%5B%5D=failed", "scope=JOB_STATUS_FAILED |  | "},
		{jobs, "scope=failed", none},
		{jobs, "scope=failed&scope=success", none},
		{jobs, "scope[0]=failed", none},
		{jobs, "scope[]=failed&scope=success", none},
		{jobs, "scope[]=dreaming&scope[]=failed", none},
		{jobs, "scope[]=FAILED", none},
		{jobs, "scope[]=unspecified", none},
		{jobs, "scope=", none},
		{jobs, "ref=main", "ref=main |  | "},
		{jobs, "ref=a%2Bb+c", "ref=a+b c |  | "},
		{jobs, "ref=a&ref=b", none},
		{jobs, "ref[]=a", none},
		{jobs, "page=2&per_page=5", "paging.page=2&paging.per_page=5 |  | "},
		{jobs, "pagination=keyset&cursor=x%3D&order_by=id&sort=desc", "paging.cursor=x=&paging.order_by=id&paging.pagination=keyset&paging.sort=desc |  | "},
		{jobs, "page=-1", "paging.page=-1 |  | "},
		{jobs, "page=abc", none},
		{jobs, "page=02", none},
		{jobs, "page=", none},
		{jobs, "page=1&page=2", none},
		{jobs, "per_page[]=2", none},
		{jobs, "page_size=3&page_token=x&request_id=y&extra_parameters=z", " |  | page_size=3&page_token=x&request_id=y&extra_parameters=z"},
		{jobs, "paging.page=3", " |  | paging.page=3"},
		{jobs, "unknown=1&other[a][]=2", " |  | unknown=1&other[a][]=2"},
		{jobs, "id=5", none},
		{jobs, "private_token[]=x", none},
		{jobs, "unknown=%ff", none},
		{pipeline, "include_retried=true", "include_retried=true |  | "},
		{pipeline, "include_retried=True", none},
		{pipeline, "include_retried=1", none},
		{pipeline, "include_retried=maybe", none},
		{pipeline, "pipeline_id=9", none},
		{job, "force=true", " |  | force=true"},
		{cancel, "force=true", `force=true | {"force":true} | `},
		{cancel, "force=True", none},
		{cancel, "[force]=true", none},
		{jobs, "ref=a;b=c", none},
		{jobs, "ref=main#x", none},
		{jobs, "scope[]=ſuccess", none},
		{cancel, "_method=delete", none},
	}
	for _, c := range cases {
		query, plain := pairs(c.query)
		got := none
		if b, ok := routeTo(t, c.path).bind(query, &body{plain: true}); ok && plain {
			got = b.said()
		}
		if got != c.want {
			t.Errorf("%s?%s\ngot  %s\nwant %s", c.path, c.query, got, c.want)
		}
	}
}

func TestBindBody(t *testing.T) {
	const none, form = "none", "application/x-www-form-urlencoded"
	cases := []struct{ action, kind, body, want string }{
		{"cancel", "application/json", `{"force":true}`, `{"force":true}`},
		{"cancel", "application/json; charset=utf-8", `{ "force" : false }`, `{"force":false}`},
		{"cancel", "application/json", `{}`, `{}`},
		{"cancel", "application/json", `{"force":"true"}`, none},
		{"cancel", "application/json", `{"force":null}`, none},
		{"cancel", "application/json", `{"force":true,"force":false}`, none},
		{"cancel", "application/json", `{"force":true} x`, none},
		{"cancel", "application/json", `{"force":true`, none},
		{"cancel", "application/json", `[true]`, none},
		{"cancel", "application/json", `{"new":1}`, none},
		{"cancel", "application/json", "{\"force\":true,\"x\":\"\xff\"}", none},
		{"cancel", "text/plain", `{"force":true}`, none},
		{"cancel", "", `force=true`, none},
		{"cancel", form, `force=true`, `{"force":true}`},
		{"cancel", form, `force=1`, none},
		{"cancel", form, `force=true&force=true`, none},
		{"cancel", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"force\"\r\n\r\ntrue\r\n--b--\r\n", none},
		{"retry", "application/json", `{"inputs":{"a":1,"b":[true,"x",2.5],"c":{"d":null}}}`, `{"inputs":{"a":1,"b":[true,"x",2.5],"c":{"d":null}}}`},
		{"retry", "application/json", `{"inputs":{"a":1.0}}`, none},
		{"retry", "application/json", `{"inputs":{"a":9007199254740993}}`, none},
		{"retry", "application/json", `{"inputs":{"a":1e400}}`, none},
		{"retry", "application/json", `{"inputs":{"a":1,"a":2}}`, none},
		{"retry", "application/json", `{"inputs":{"a":"\ud800"}}`, none},
		{"retry", "application/json", `{"inputs":[]}`, none},
		{"retry", "application/json", `{"inputs":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) + `}`, none},
		{"retry", "application/json", `{"job_inputs":{"a":1}}`, none},
		{"retry", "application/json", `{"request_id":"x"}`, none},
		{"play", "application/json", `{"job_inputs":{"a":"x"}}`, `{"job_inputs":{"a":"x"}}`},
		{"play", "application/json", `{"job_variables_attributes":[{"key":"A","value":"B"}]}`, `{"job_variables_attributes":[{"key":"A","value":"B"}]}`},
		{"play", "application/json", `{"job_variables_attributes":[]}`, none},
		{"play", "application/json", `{"job_variables_attributes":[{"key":"A"}]}`, none},
		{"play", "application/json", `{"job_variables_attributes":[{"key":"A","value":1}]}`, none},
		{"play", "application/json", `{"job_variables_attributes":[{"key":"A","value":"B","x":""}]}`, none},
		{
			"play", form, `job_variables_attributes[][key]=A&job_variables_attributes[][value]=B%26&job_variables_attributes[][key]=C&job_variables_attributes[][value]=`,
			`{"job_variables_attributes":[{"key":"A","value":"B\u0026"},{"key":"C","value":""}]}`,
		},
		{"play", form, `job_variables_attributes[][value]=B&job_variables_attributes[][key]=A`, none},
		{"play", form, `job_variables_attributes[][key]=A`, none},
		{"play", form, `job_variables_attributes[0][key]=A&job_variables_attributes[0][value]=B`, none},
		{"play", form, `a;b=c`, none},
		{"erase", form, `x=1`, none},
	}
	for _, c := range cases {
		sent := &body{bytes: []byte(c.body), contentType: c.kind, plain: true}
		sent.parse()
		got := none
		if b, ok := routeTo(t, "/projects/1/jobs/7/"+c.action).bind(nil, sent); ok {
			got = string(b.body)
		}
		if got != c.want {
			t.Errorf("%s %s %.100q\ngot  %s\nwant %s", c.action, c.kind, c.body, got, c.want)
		}
	}
}

// A parameter in both the query and the body is GitLab's to merge.
func TestBindConflict(t *testing.T) {
	query, _ := pairs("force=true")
	sent := &body{bytes: []byte(`{"force":false}`), contentType: "application/json"}
	sent.parse()
	if b, ok := routeTo(t, "/projects/1/jobs/7/cancel").bind(query, sent); ok {
		t.Errorf("bound to %s", b.said())
	}
}

func FuzzBind(f *testing.F) {
	f.Add("scope[]=failed&page=2", `{"force":true}`)
	f.Add("a=1&a[]=2", `{"inputs":{"x":[1,2.5,{"y":"z"}]}}`)
	f.Fuzz(func(t *testing.T, query, text string) {
		params, plain := pairs(query)
		if !plain {
			return
		}
		for _, rt := range routes {
			sent := &body{plain: true}
			if rt.method == "POST" && text != "" {
				sent.bytes, sent.contentType = []byte(text), "application/json"
				sent.parse()
			}
			b, ok := rt.bind(params, sent)
			if !ok {
				continue
			}
			said := 0
			for _, values := range b.query {
				said += len(values)
			}
			if rt.method == "GET" && said+len(b.extra) != len(params) {
				t.Errorf("%q says %d things of %d", query, said+len(b.extra), len(params))
			}
		}
	})
}
