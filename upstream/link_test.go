package upstream

import (
	"strings"
	"testing"
)

func TestNextLink(t *testing.T) {
	const u = "https://gitlab.example.com/api/v4/projects/1/jobs"
	for name, row := range map[string]struct {
		headers []string
		cursor  string
		page    int64
		found   bool
	}{
		"none":           {nil, "", 0, false},
		"keyset":         {[]string{`<` + u + `?cursor=eyJpZCI6IjEifQ%3D%3D&id=1&pagination=keyset>; rel="next"`}, "eyJpZCI6IjEifQ==", 0, true},
		"offset":         {[]string{`<` + u + `?page=1>; rel="prev", <` + u + `?page=3&per_page=2>; rel="next", <` + u + `?page=1>; rel="first"`}, "", 3, true},
		"two headers":    {[]string{`<` + u + `?page=1>; rel="first"`, `<` + u + `?page=2>; rel="next"`}, "", 2, true},
		"unquoted":       {[]string{`<` + u + `?page=2>;rel=next`}, "", 2, true},
		"several rels":   {[]string{`<` + u + `?page=2>; title="a, b; rel=x"; REL="last Next"`}, "", 2, true},
		"last page":      {[]string{`<` + u + `?page=1>; rel="first", <` + u + `?page=9>; rel="last"`}, "", 0, false},
		"comma in URL":   {[]string{`<` + u + `?ref=a,b&page=2>; rel="next"`}, "", 2, true},
		"no place":       {[]string{`<` + u + `>; rel="next"`}, "", 0, true},
		"page below one": {[]string{`<` + u + `?page=-3>; rel="next"`}, "", 0, true},
		"bad escape":     {[]string{`<` + u + `?cursor=%zz>; rel="next"`}, "", 0, true},
		"fragment":       {[]string{`<` + u + `#?page=2>; rel="next"`}, "", 0, true},
		"unclosed":       {[]string{`<` + u + `?page=2; rel="next"`}, "", 0, false},
		"garbage":        {[]string{`,,;"<>`, `rel="next"`}, "", 0, false},
		"enormous":       {[]string{`<` + u + `?` + strings.Repeat("a", maxLink) + `&page=2>; rel="next"`}, "", 0, false},
	} {
		cursor, page, found := nextLink(row.headers)
		if cursor != row.cursor || page != row.page || found != row.found {
			t.Errorf("%s: %q, %d, %v", name, cursor, page, found)
		}
	}
}

// FuzzNextLink: whatever a header says, the place is usable or there is none.
func FuzzNextLink(f *testing.F) {
	f.Add(`<https://evil.example.com/?cursor=a&page=2>; rel="next"`, "", "")
	f.Add(`<>;rel=next,<?page=9>;rel=next`, "3", "c")
	f.Add(`<?page=1>; rel="next`, "-1", "\xff")
	f.Fuzz(func(t *testing.T, link, nextPage, nextCursor string) {
		header := map[string][]string{"Link": {link}, "X-Next-Page": {nextPage}, "X-Next-Cursor": {nextCursor}}
		for _, l := range []*list{
			{cursors: true, size: 20},
			{cursors: true, size: 20, at: Position{Cursor: "a"}},
			{size: 20, at: Position{Page: 3, PerPage: 20}},
		} {
			to, err := next(header, l)
			switch {
			case err != nil || to == (Position{}):
			case to == l.at, len(to.Cursor) > maxCursor, to.Cursor != "" && !l.cursors:
				t.Fatalf("%q leads from %v to %v", link, l.at, to)
			case to.Cursor == "" && (to.Page <= max(l.at.Page, 1) || to.PerPage != 20):
				t.Fatalf("%q leads from %v to %v", link, l.at, to)
			}
		}
	})
}
