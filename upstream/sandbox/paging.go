package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPerPage = 20
	maxPerPage     = 100
	maxCounted     = 10000 // beyond it the pipeline routes send no totals
)

// pageOf is one page of jobs with the headers that go with it.
type pageOf struct {
	jobs   []*job
	header http.Header
}

func (c *call) perPage() int64 {
	n, ok := c.int("per_page")
	if !ok || n < 0 {
		return defaultPerPage
	}
	return n
}

// offsetPage cuts a page out of all jobs, newest first (contract section 4). Totals are for the
// pipeline routes.
func (c *call) offsetPage(all []*job, totals bool) (pageOf, *reply) {
	page, per := c.pageNumber(), min(c.perPage(), maxPerPage)
	offset := (page - 1) * per
	if limit := int64(c.s.limits.MaxOffset); !totals && limit > 0 && offset > limit {
		return pageOf{}, grapeError(http.StatusMethodNotAllowed, fmt.Sprintf(offsetTooDeep, limit))
	}
	count := int64(len(all))
	c.params["per_page"] = per
	h := http.Header{}
	put(h, "X-Page", strconv.FormatInt(page, 10))
	put(h, "X-Per-Page", strconv.FormatInt(per, 10))
	put(h, "X-Next-Page", "")
	put(h, "X-Prev-Page", "")
	var links []string
	if page > 1 {
		put(h, "X-Prev-Page", strconv.FormatInt(page-1, 10))
		links = append(links, c.pageLink("prev", page-1))
	}
	if offset+per < count {
		put(h, "X-Next-Page", strconv.FormatInt(page+1, 10))
		links = append(links, c.pageLink("next", page+1))
	}
	links = append(links, c.pageLink("first", 1))
	if totals && count <= maxCounted {
		pages := max((count+per-1)/per, 1)
		put(h, "X-Total", strconv.FormatInt(count, 10))
		put(h, "X-Total-Pages", strconv.FormatInt(pages, 10))
		links = append(links, c.pageLink("last", pages))
	}
	put(h, "Link", strings.Join(links, ", "))
	return pageOf{all[min(offset, count):min(offset+per, count)], h}, nil
}

func put(h http.Header, name, value string) { h[name] = []string{value} }

func (c *call) pageLink(rel string, page int64) string {
	c.params["page"] = page
	return c.link(rel)
}

// link repeats every parameter, secrets included, on the configured host.
func (c *call) link(rel string) string {
	return "<" + c.origin() + c.requestPath() + "?" + toQuery(c.params) + `>; rel="` + rel + `"`
}

// toQuery writes parameters as Rails does: sorted by name, lists and hashes in brackets.
func toQuery(params map[string]any) string {
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, toPairs(name, value)...)
	}
	slices.SortStableFunc(pairs, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	return strings.Join(pairs, "&")
}

func toPairs(name string, value any) []string {
	var pairs []string
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			pairs = append(pairs, toPairs(name+"[]", item)...)
		}
	case map[string]any:
		for key, item := range v {
			pairs = append(pairs, toPairs(name+"["+key+"]", item)...)
		}
	case nil:
		return []string{url.QueryEscape(name) + "="}
	default:
		return []string{url.QueryEscape(name) + "=" + url.QueryEscape(fmt.Sprint(v))}
	}
	return pairs
}

// cursor is the opaque place in a keyset listing; direction is n for next, p for previous.
type cursor struct {
	ID        string `json:"id"`
	Direction string `json:"_kd"`
}

func cursorText(id int64, direction string) string {
	return base64.URLEncoding.EncodeToString(encode(cursor{strconv.FormatInt(id, 10), direction}))
}

func parseCursor(text string) (id int64, direction string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return 0, "", false
	}
	var at cursor
	if json.Unmarshal(raw, &at) != nil {
		return 0, "", false
	}
	id, err = strconv.ParseInt(at.ID, 10, 64)
	return id, at.Direction, err == nil
}

// keysetPage walks by id, newest first; no other order is to be had (contract section 4).
func (c *call) keysetPage(all []*job) (pageOf, *reply) {
	order, sort := c.text("order_by"), c.text("sort")
	if order != "" && order != "id" || sort != "" && sort != "desc" {
		return pageOf{}, grapeError(http.StatusMethodNotAllowed, keysetUnavailable)
	}
	per := int(min(c.perPage(), int64(len(all)+1)))
	c.params["per_page"] = c.perPage()
	if _, ok := c.int("page"); !ok {
		c.params["page"] = int64(1)
	}
	from, to := 0, min(per, len(all))
	if text := c.text("cursor"); text != "" {
		id, direction, ok := parseCursor(text)
		if !ok {
			return pageOf{}, serverError()
		}
		from, to = window(all, id, direction, per)
	}
	page := pageOf{jobs: all[from:to], header: http.Header{}}
	next, prev := "", ""
	if to < len(all) && to > 0 {
		next = cursorText(all[to-1].id, "n")
		c.params["cursor"] = next
		put(page.header, "Link", c.link("next"))
	}
	if from > 0 && from < len(all) {
		prev = cursorText(all[from].id, "p")
	}
	if !c.s.old {
		put(page.header, "X-Next-Cursor", next)
		put(page.header, "X-Prev-Cursor", prev)
	}
	return page, nil
}

// window returns the bounds of the page after, or before, the job with an id.
func window(all []*job, id int64, direction string, per int) (from, to int) {
	if direction == "p" {
		to = slices.IndexFunc(all, func(j *job) bool { return j.id <= id })
		if to < 0 {
			to = len(all)
		}
		return max(to-per, 0), to
	}
	from = slices.IndexFunc(all, func(j *job) bool { return j.id < id })
	if from < 0 {
		from = len(all)
	}
	return from, min(from+per, len(all))
}
