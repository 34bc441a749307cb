package sandbox_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const host = sandbox.DefaultURL

func TestOffsetHeaders(t *testing.T) {
	sb, _ := newBox()
	jobs := host + widgets + "/jobs?id=1&"
	link := func(query, rel string) string { return "<" + jobs + query + `>; rel="` + rel + `"` }
	for name, tc := range map[string]struct {
		query                 string
		page, per, next, prev string
		link                  string
		count                 int
	}{
		"4 first page": {"", "1", "20", "2", "", link("page=2&per_page=20", "next") + ", " + link("page=1&per_page=20", "first"), 20},
		"4 middle page": {
			"?page=2&per_page=1&scope[]=failed", "2", "1", "3", "1",
			link("page=1&per_page=1&scope%5B%5D=failed", "prev") + ", " + link("page=3&per_page=1&scope%5B%5D=failed", "next") +
				", " + link("page=1&per_page=1&scope%5B%5D=failed", "first"), 1,
		},
		"4 capped to 100": {"?per_page=500", "1", "100", "2", "", link("page=2&per_page=100", "next") + ", " + link("page=1&per_page=100", "first"), 100},
		"4 past the end":  {"?page=99", "99", "20", "", "98", link("page=98&per_page=20", "prev") + ", " + link("page=1&per_page=20", "first"), 0},
		"4 page 0 is 1":   {"?page=0&scope=manual", "1", "20", "", "", link("page=1&per_page=20&scope=manual", "first"), 2},
		"4 page -3 is 1":  {"?page=-3&scope=manual", "1", "20", "", "", link("page=1&per_page=20&scope=manual", "first"), 2},
		"4 order is ignored": {
			"?order_by=name&sort=asc&scope=manual", "1", "20", "", "",
			link("order_by=name&page=1&per_page=20&scope=manual&sort=asc", "first"), 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, "GET", widgets+"/jobs"+tc.query, maintainer)
			if got := len(list(t, w)); got != tc.count {
				t.Errorf("%d jobs, want %d", got, tc.count)
			}
			wantHeader(t, w, "X-Page", tc.page)
			wantHeader(t, w, "X-Per-Page", tc.per)
			wantHeader(t, w, "X-Next-Page", tc.next)
			wantHeader(t, w, "X-Prev-Page", tc.prev)
			wantHeader(t, w, "Link", tc.link)
			wantNoHeader(t, w, "X-Total", "X-Total-Pages", "X-Next-Cursor")
			for _, present := range []string{"X-Next-Page", "X-Prev-Page"} {
				if w.Header()[present] == nil {
					t.Errorf("%s is absent, want present and empty", present)
				}
			}
		})
	}
}

func TestPipelineTotals(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "GET", api+"/projects/acme%2Fwidgets/pipelines/2368124402/jobs?per_page=15", maintainer)
	wantHeader(t, w, "X-Total", "40")
	wantHeader(t, w, "X-Total-Pages", "3")
	base := "<" + host + api + "/projects/acme%2Fwidgets/pipelines/2368124402/jobs?id=acme%2Fwidgets&include_retried=false&page="
	rest := `&per_page=15&pipeline_id=2368124402>; rel="`
	wantHeader(t, w, "Link", base+"2"+rest+`next", `+base+"1"+rest+`first", `+base+"3"+rest+`last"`)

	t.Run("4 at least one page", func(t *testing.T) {
		w := send(sb, "GET", mainPL+"/bridges?scope=preparing", maintainer)
		wantHeader(t, w, "X-Total", "0")
		wantHeader(t, w, "X-Total-Pages", "1")
	})
	t.Run("4 pipelines ignore keyset", func(t *testing.T) {
		w := send(sb, "GET", mainPL+"/jobs?pagination=keyset", maintainer)
		wantHeader(t, w, "X-Page", "1")
		wantNoHeader(t, w, "X-Next-Cursor")
	})
}

func TestNoTotalsBeyondTenThousand(t *testing.T) {
	sb, _ := newBox()
	for range 10001 {
		sb.AddJob(sandbox.NewJob{Pipeline: sandbox.PipelineDocs})
	}
	w := send(sb, "GET", api+"/projects/2/pipelines/200/jobs?per_page=1", maintainer)
	wantStatus(t, w, http.StatusOK)
	wantNoHeader(t, w, "X-Total", "X-Total-Pages")
	wantHeader(t, w, "X-Next-Page", "2")
	if strings.Contains(w.Header().Get("Link"), `rel="last"`) {
		t.Errorf("4 last link without totals: %s", w.Header().Get("Link"))
	}
}

func TestLinkRepeatsSecrets(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "GET", widgets+"/jobs?private_token="+sandbox.TokenDeveloper+"&colour=a+b")
	want := "colour=a+b&id=1&page=2&per_page=20&private_token=" + sandbox.TokenDeveloper
	if !strings.Contains(w.Header().Get("Link"), want) {
		t.Errorf("4 Link repeats every parameter: %s", w.Header().Get("Link"))
	}
}

func TestOffsetTooDeep(t *testing.T) {
	sb, _ := newBox(sandbox.WithLimits(sandbox.Limits{MaxOffset: 50}))
	wantStatus(t, send(sb, "GET", widgets+"/jobs?page=3", maintainer), http.StatusOK)
	w := send(sb, "GET", widgets+"/jobs?page=4", maintainer)
	wantStatus(t, w, http.StatusMethodNotAllowed)
	wantBody(t, w, `{"error":"Offset pagination has a maximum allowed offset of 50 for requests that return `+
		`objects of type Ci::Build. Remaining records can be retrieved using keyset pagination."}`)
	wantStatus(t, send(sb, "GET", mainPL+"/jobs?page=99", maintainer), http.StatusOK)
}

// next returns the target of the next link, or "".
func next(t *testing.T, h http.Header) string {
	t.Helper()
	link, _, ok := strings.Cut(h.Get("Link"), `>; rel="next"`)
	if !ok {
		return ""
	}
	u, err := url.Parse(strings.TrimPrefix(link, "<"))
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func TestKeysetWalk(t *testing.T) {
	sb, _ := newBox()
	var seen []string
	pages := 0
	for target := widgets + "/jobs?pagination=keyset&per_page=50&order_by=id&sort=desc"; target != ""; pages++ {
		w := send(sb, "GET", target, maintainer)
		seen = append(seen, ids(t, w)...)
		wantNoHeader(t, w, "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages")
		if strings.Contains(w.Header().Get("Link"), `rel="first"`) {
			t.Error("4 keyset has a first link")
		}
		target = next(t, w.Header())
	}
	if len(seen) < 150 || pages != (len(seen)+49)/50 {
		t.Errorf("%d jobs on %d pages", len(seen), pages)
	}
	if !slices.IsSortedFunc(seen, func(a, b string) int { return number(t, b) - number(t, a) }) {
		t.Error("4 not by id, newest first")
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeysetHeaders(t *testing.T) {
	sb, _ := newBox()
	first := send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=2", maintainer)
	last := ids(t, first)[1]
	cursor := first.Header().Get("X-Next-Cursor")
	wantHeader(t, first, "Link", "<"+host+widgets+"/jobs?cursor="+url.QueryEscape(cursor)+
		`&id=1&page=1&pagination=keyset&per_page=2>; rel="next"`)
	wantHeader(t, first, "X-Prev-Cursor", "")
	if cursor != "eyJpZCI6IjEzMzcyMzY4Mjg2IiwiX2tkIjoibiJ9" || last != "13372368286" {
		t.Errorf("4 cursor %q after job %s", cursor, last)
	}
	t.Run("4 and back again", func(t *testing.T) {
		second := send(sb, "GET", next(t, first.Header()), maintainer)
		back := second.Header().Get("X-Prev-Cursor")
		again := send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=2&cursor="+url.QueryEscape(back), maintainer)
		if diff := cmp.Diff(ids(t, first), ids(t, again)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("4 per_page is not capped", func(t *testing.T) {
		w := send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=1000", maintainer)
		if len(ids(t, w)) < 150 {
			t.Errorf("%d jobs", len(ids(t, w)))
		}
		wantNoHeader(t, w, "Link")
		wantHeader(t, w, "X-Next-Cursor", "")
	})
	t.Run("4 scope and ref combine", func(t *testing.T) {
		w := send(sb, "GET", widgets+"/jobs?pagination=keyset&scope=failed&ref=stable", maintainer)
		if diff := cmp.Diff([]string{"161"}, ids(t, w)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("4 no id_after", func(t *testing.T) {
		w := send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=2&id_after=1", maintainer)
		if diff := cmp.Diff(ids(t, first), ids(t, w)); diff != "" {
			t.Error(diff)
		}
	})
	for name, query := range map[string]string{
		"4 other column": "order_by=name", "4 other direction": "sort=asc", "4 both": "order_by=created_at&sort=asc",
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, "GET", widgets+"/jobs?pagination=keyset&"+query, maintainer)
			wantStatus(t, w, http.StatusMethodNotAllowed)
		})
	}
}
