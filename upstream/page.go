package upstream

import (
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Position is a place in a list. The zero Position is the first page when asked
// for, and the end when answered.
type Position struct {
	// Cursor is GitLab's own place in a list of a project, opaque.
	Cursor string
	// Page is the number of a page, from 1, where there is no cursor.
	Page int64
	// PerPage is the size of the pages before Page: numbers count in it. 0 with a
	// cursor, which does not depend on it.
	PerPage int64
}

const (
	defaultPage = 20
	largestPage = 100  // GitLab's own cap; contract section 4
	maxCursor   = 2048 // bytes
)

var (
	errNextNowhere = errors.New("the next page is named, but not where it is")
	errNextBack    = errors.New("the next page is not after this one")
	errNextCursor  = errors.New("the cursor of the next page is not usable")
)

// pageSize is how many entries to ask for.
func pageSize(size int32) (int64, error) {
	switch {
	case size < 0:
		return 0, invalid("page_size", "must not be negative")
	case size == 0:
		return defaultPage, nil
	}
	return min(int64(size), largestPage), nil
}

// keyset asks for the page at a place in a list that has cursors.
func (q *query) keyset(at Position, size int64) {
	q.text("pagination", "keyset")
	q.number("per_page", size)
	if at.Cursor != "" {
		q.text("cursor", at.Cursor)
	}
}

// numbered asks for the page at a place in a list that has numbers.
func (q *query) numbered(at Position, size int64) {
	q.number("page", max(at.Page, 1))
	q.number("per_page", size)
}

// paging adds GitLab's own parameters exactly as they are given.
func (q *query) paging(p *jobgatev1.GitlabPaging) {
	q.optionalNumber("page", p.Page)
	q.optionalNumber("per_page", p.PerPage)
	q.optionalText("pagination", p.Pagination)
	q.optionalText("cursor", p.Cursor)
	q.optionalText("order_by", p.OrderBy)
	q.optionalText("sort", p.Sort)
}

// next reads the place of the page after that of l; zero at the end. It is a cursor
// where GitLab has them, else a number; contract section 4.
func next(h http.Header, l *list) (Position, error) {
	cursor, page, linked := nextLink(h["Link"])
	if cursor == "" {
		cursor = h.Get("X-Next-Cursor")
	}
	if cursor != "" && l.cursors {
		return nextCursor(cursor, l.at)
	}
	if number := h.Get("X-Next-Page"); number != "" {
		page, linked = pageNumber(number), true
	}
	switch {
	case !linked:
		return Position{}, nil
	case page == 0:
		return Position{}, errNextNowhere
	case page <= max(l.at.Page, 1):
		return Position{}, errNextBack
	}
	return Position{Page: page, PerPage: l.size}, nil
}

// nextCursor refuses what would make a caller ask for the same page forever.
func nextCursor(cursor string, at Position) (Position, error) {
	switch {
	case len(cursor) > maxCursor || !utf8.ValidString(cursor):
		return Position{}, errNextCursor
	case cursor == at.Cursor:
		return Position{}, errNextBack
	}
	return Position{Cursor: cursor}, nil
}

// total reads the number of entries on all pages, nil if GitLab does not tell.
func total(h http.Header) *int64 {
	n, err := strconv.ParseInt(h.Get("X-Total"), 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}
