package sandbox

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// largestTrace is the largest log that serveJob takes: what GitLab takes by default (contract
// section 10).
const largestTrace = 100 << 20

// serveJob changes a job behind the API's back: path is its number and what of it, below
// `/-/sandbox/jobs/`.
func (s *Sandbox) serveJob(r *http.Request, path string) *reply {
	number, what, _ := strings.Cut(path, "/")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return grapeError(http.StatusNotFound, "404 Not Found")
	}
	var known bool
	switch r.Method + " " + what {
	case "PUT trace", "POST trace":
		log, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, largestTrace))
		if err != nil {
			return badRequest(err.Error())
		}
		if r.Method == http.MethodPut {
			known = s.SetTrace(id, log)
		} else {
			known = s.GrowTrace(id, log)
		}
	case "DELETE trace":
		known, err = s.cutOrErase(id, r.URL.Query().Get("size"))
		if err != nil {
			return badRequest("size is invalid")
		}
	case "PUT status":
		word := strings.TrimSpace(string(readBody(r)))
		if !slices.Contains(statuses, word) {
			return badRequest("status does not have a valid value")
		}
		known = s.SetStatus(id, word)
	}
	if !known {
		return grapeError(http.StatusNotFound, "404 Not Found")
	}
	return &reply{status: http.StatusNoContent}
}

// cutOrErase erases a job, or, if a size is given, cuts its log.
func (s *Sandbox) cutOrErase(id int64, size string) (known bool, err error) {
	if size == "" {
		return s.Erase(id), nil
	}
	n, err := strconv.ParseUint(size, 10, 31)
	return err == nil && s.TruncateTrace(id, int(n)), err
}
