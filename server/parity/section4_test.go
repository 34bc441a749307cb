package parity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const keyset = jobs + "?pagination=keyset"

// paged makes a case of every list, with the same query.
func paged(prefix string, want int, queries map[string]string) []testCase {
	var cases []testCase
	for list, target := range lists {
		cases = append(cases, each(queries, func(name, query string) testCase {
			return c(prefix+list+"/"+name, want, get(target+"?"+query, ada))
		})...)
	}
	slices.SortFunc(cases, func(a, b testCase) int { return strings.Compare(a.id, b.id) })
	return cases
}

// crowded gives a pipeline more jobs than GitLab counts.
func crowded(box *sandbox.Sandbox) {
	for range 10001 {
		box.AddJob(sandbox.NewJob{Pipeline: sandbox.PipelineTopic, Steps: []sandbox.Step{{Status: "created"}}})
	}
}

var section4 = section{"4 Pagination", []rule{
	{"Pages have 20 entries; `per_page` and `page` change that, 100 is the most, past the end is `[]`", paged("4/page/", 200, map[string]string{
		"default": "", "per-page": "per_page=3", "second": "per_page=2&page=2", "last": "per_page=10&page=3",
		"hundred": "per_page=100", "capped": "per_page=101", "capped-high": "per_page=100000",
		"past-the-end": "page=1000", "far-past-the-end": "page=9223372036854775807",
		"beyond-64-bits": "page=99999999999999999999", "one": "per_page=1", "page-one": "page=1",
		"twice": "page=2&page=1&per_page=5",
	})},
	{"`page` of zero and below is the first, and so is an empty one", paged("4/first-page/", 200, map[string]string{
		"zero": "page=0", "negative": "page=-3", "empty": "page=&per_page=", "no-value": "page&per_page",
		"leading-zero": "page=01&per_page=005", "plus": "page=%2B1", "negative-size": "per_page=-1",
	})},
	{"`per_page=0` and values that are no integers are 400", paged("4/bad-page/", 400, map[string]string{
		"zero": "per_page=0", "words": "page=first", "fraction": "per_page=2.5", "exponent": "page=1e1",
		"hex": "page=0x1", "blank": "page=1%202", "list": "page[]=1", "hash": "per_page[a]=1",
		"both": "page=a&per_page=b",
	})},
	{"The headers tell page, size, next and previous, empty where there is none, and links in order", []testCase{
		c("4/headers/first", 200, get(jobs+"?per_page=5", ada)).says("X-Prev-Page: \n"),
		c("4/headers/middle", 200, get(jobs+"?per_page=5&page=3", ada)).says(`rel="prev", <`),
		c("4/headers/only", 200, get("/projects/2/jobs", ada)).says("X-Next-Page: "),
		c("4/headers/empty", 200, get(jobs+"?ref=nothing", ada)),
		c("4/headers/past-the-end", 200, get(mainPL+"/jobs?page=9", ada)).says("X-Prev-Page: 8"),
		c("4/headers/capped", 200, get(jobs+"?per_page=500", ada)).says("X-Per-Page: 100"),
		c("4/headers/capped-link", 200, get(jobs+"?per_page=500", ada)).says("per_page=100>"),
	}},
	{"Only the pipeline routes send totals, at least one page, and none beyond 10,000", []testCase{
		c("4/totals/pipeline", 200, get(mainPL+"/jobs?per_page=4", ada)).says("X-Total: 29"),
		c("4/totals/bridges", 200, get(mainPL+"/bridges", ada)).says(`rel="last"`),
		c("4/totals/trigger-jobs", 200, get(mainPL+"/trigger_jobs?per_page=2", ada)).says("X-Total-Pages: 2"),
		c("4/totals/empty", 200, get(mainPL+"/bridges?scope=pending", ada)).says("X-Total-Pages: 1"),
		c("4/totals/too-many", 200, get(widgets+"/pipelines/110/jobs?per_page=2", ada)).says(`rel="first"`).given(crowded),
		c("4/totals/retried", 200, get(mainPL+"/jobs?include_retried=true", ada)).says("X-Total: 30"),
	}},
	{"Links repeat every parameter in the order of names, those of the path and defaults too", []testCase{
		c("4/links/pipeline", 200, get(mainPL+"/jobs?scope[]=failed&per_page=20", ada)).says("?id=1&include_retried=false&page=1&per_page=20&pipeline_id=100&scope%5B%5D=failed>"),
		c("4/links/unknown", 200, get(jobs+"?zebra=1&ape=2&per_page=2", ada)).says("?ape=2&id=1&page=1&per_page=2&zebra=1>"),
		c("4/links/spellings", 200, get(jobs+"?scope=failed&ref=+main+", ada)).says("&ref=+main+&scope=failed>"),
		c("4/links/hash", 200, get(jobs+"?scope[1]=failed&scope[0]=success&per_page=2", ada)),
		c("4/links/path", 200, get("/projects/acme%2fwidgets/jobs?per_page=2", ada)).says("/projects/acme%2fwidgets/jobs?id=acme%2Fwidgets&"),
		c("4/links/json-suffix", 200, get(jobs+".json?per_page=2", ada)).says("jobs.json?"),
		c("4/links/slash", 200, get(jobs+"/?per_page=2", ada)).says("jobs/?"),
		c("4/links/bridges", 200, get(mainPL+"/trigger_jobs?per_page=1", ada)).says("/trigger_jobs?"),
		c("4/links/special", 200, get(jobs+"?ref=a%26b%3Dc%3Cd%3E%22%20%C3%A9~*", ada)).says("%3Cd%3E"),
		c("4/links/form", 200, get(jobs, ada, form("per_page=2&a=b"))).says("?a=b&id=1"),
		c("4/links/head", 200, head(jobs+"?per_page=2", ada)),
		c("4/links/sort", 200, get(jobs+"?order_by=id&sort=asc&per_page=2", ada)).says("order_by=id"),
		c("4/links/cased", 200, get("/projects/ACME%2FWidgets/jobs?per_page=2", ada)).says("ACME%2FWidgets"),
	}},
	{"Following `next` gives every entry once", []testCase{
		c("4/walk/project", 200, get(jobs+"?per_page=50", ada)).walks(),
		c("4/walk/pipeline", 200, get(mainPL+"/jobs?per_page=7&include_retried=true", ada)).walks(),
		c("4/walk/bridges", 200, get(mainPL+"/bridges?per_page=1", ada)).walks(),
		c("4/walk/scope", 200, get(jobs+"?per_page=9&scope[]=failed&scope[]=canceled", ada)).walks(),
		c("4/walk/token-in-query", 200, get(mainPL+"/jobs?per_page=9&private_token="+developer, ben)).walks(),
	}},
	{"Keyset paging walks by `cursor`: links only to the next page, none on the last, no page numbers, no cap", []testCase{
		c("4/keyset/first", 200, get(keyset, ada)).says("X-Next-Cursor: ey"),
		c("4/keyset/walk", 200, get(keyset+"&per_page=50", ada)).walks(),
		c("4/keyset/size", 200, get(keyset+"&per_page=150", ada)).says("X-Prev-Cursor: "),
		c("4/keyset/all", 200, get(keyset+"&per_page=1000", ada)).says("X-Next-Cursor: \n"),
		c("4/keyset/scope-and-ref", 200, get(keyset+"&per_page=5&scope[]=failed&ref=main", ada)).walks(),
		c("4/keyset/plain-scope", 200, get(keyset+"&scope=failed&per_page=5", ada)),
		c("4/keyset/cursor", 200, get(keyset+"&per_page=5", ada), get(keyset+"&per_page=5&cursor={cursor}", ada)),
		c("4/keyset/back", 200, get(keyset+"&per_page=5", ada), get(keyset+"&per_page=5&cursor={cursor}", ada), get(keyset+"&per_page=5&cursor={prev-cursor}", ada)),
		c("4/keyset/with-page", 200, get(keyset+"&page=3&per_page=5", ada)),
		c("4/keyset/empty-cursor", 200, get(keyset+"&cursor=", ada)),
		c("4/keyset/no-match", 200, get(keyset+"&ref=nothing", ada)),
		c("4/keyset/head", 200, head(keyset+"&per_page=3", ada)),
		c("4/keyset/known-cursor", 200, get(keyset+"&per_page=3&cursor=eyJpZCI6IjEyMCIsIl9rZCI6Im4ifQ==", ada)).says(`[{"id":119,`),
		c("4/keyset/unpadded-cursor", 200, get(keyset+"&cursor=eyJpZCI6IjEyMCIsIl9rZCI6Im4ifQ", ada)),
		c("4/keyset/end-cursor", 200, get(keyset+"&cursor=eyJpZCI6IjEiLCJfa2QiOiJuIn0%3D", ada)).says("[]"),
		c("4/keyset/size-0", 400, get(keyset+"&per_page=0", ada)),
		c("4/keyset/old", 200, get(keyset+"&per_page=5", ada)).old().walks(),
		c("4/keyset/path", 200, get("/projects/acme%2Fwidgets/jobs?pagination=keyset&per_page=60", ada)).walks(),
		c("4/keyset/cursor-without-it", 200, get(jobs+"?per_page=3&cursor=eyJpZCI6IjEyMCIsIl9rZCI6Im4ifQ==", ada)).says("X-Page: 1"),
	}},
	{"Keyset's one order is `id` descending; another is 405", slices.Concat(
		[]testCase{
			c("4/keyset-order/spelt", 200, get(keyset+"&order_by=id&sort=desc&per_page=2", ada)),
			c("4/keyset-order/id", 200, get(keyset+"&order_by=id&per_page=2", ada)),
			c("4/keyset-order/desc", 200, get(keyset+"&sort=desc&per_page=2", ada)),
			c("4/keyset-order/empty", 200, get(keyset+"&order_by=&sort=", ada)),
		},
		each(map[string]string{
			"asc": "sort=asc", "id-asc": "order_by=id&sort=asc", "created-at": "order_by=created_at",
			"name": "order_by=name&sort=desc", "capitals": "sort=DESC",
		}, func(name, query string) testCase {
			return c("4/keyset-order/"+name, 405, get(keyset+"&"+query, ada)).says("Keyset pagination is not yet available")
		}),
	)},
	{"A cursor that is none is 500", each(map[string]string{
		"words": "abc", "sign": "%21", "not-json": "YWJj", "no-id": "e30=", "id-no-number": "eyJpZCI6IngifQ==",
	}, func(name, cursor string) testCase {
		return c("4/bad-cursor/"+name, 500, get(keyset+"&cursor="+cursor, ada)).says("500 Internal Server Error")
	})},
	{"The pipeline routes ignore keyset paging, and another word for `pagination` is offset paging", []testCase{
		c("4/offset/pipeline", 200, get(mainPL+"/jobs?pagination=keyset&per_page=2", ada)).says("X-Page: 1"),
		c("4/offset/bridges", 200, get(mainPL+"/bridges?pagination=keyset&sort=asc", ada)).says("X-Total: 4"),
		c("4/offset/trigger-jobs", 200, get(mainPL+"/trigger_jobs?pagination=keyset", ada)),
		c("4/offset/spelt", 200, get(jobs+"?pagination=offset&per_page=2", ada)),
		c("4/offset/unknown", 200, get(jobs+"?pagination=Keyset&per_page=2", ada)).says("X-Page: 1"),
		c("4/offset/empty", 200, get(jobs+"?pagination=", ada)),
		c("4/offset/list", 200, get(jobs+"?pagination[]=keyset", ada)),
	}},
	{"Offset paging ignores `order_by` and `sort`: newest first", paged("4/ignored-order/", 200, map[string]string{
		"asc": "sort=asc&per_page=3", "created-at": "order_by=created_at&sort=asc&per_page=3",
		"nonsense": "order_by=x&sort=y", "since": "id_after=5&id_before=9",
	})},
	{"Deep offsets into a project's jobs are 405 where the limit is on", []testCase{
		c("4/deep/refused", 405, get(jobs+"?page=4&per_page=50", ada)).says("maximum allowed offset of 100").on(sandbox.WithLimits(sandbox.Limits{MaxOffset: 100})),
		c("4/deep/allowed", 200, get(jobs+"?page=3&per_page=50", ada)).on(sandbox.WithLimits(sandbox.Limits{MaxOffset: 100})),
		c("4/deep/keyset", 200, get(fmt.Sprintf("%s&per_page=%d", keyset, 150), ada)).on(sandbox.WithLimits(sandbox.Limits{MaxOffset: 100})),
		c("4/deep/pipeline", 200, get(mainPL+"/jobs?page=9", ada)).on(sandbox.WithLimits(sandbox.Limits{MaxOffset: 100})),
	}},
}}
