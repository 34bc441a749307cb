package parity

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// readdress makes GitLab's links and redirects begin with base, as a gateway does.
func readdress(w *httptest.ResponseRecorder, base string) {
	for _, name := range []string{"Link", "Location"} {
		for i, value := range w.Header()[name] {
			w.Header()[name][i] = strings.ReplaceAll(value, sandbox.DefaultURL, base)
		}
	}
	if w.Code == http.StatusMovedPermanently {
		body := strings.ReplaceAll(w.Body.String(), sandbox.DefaultURL, base)
		w.Body.Reset()
		w.Body.WriteString(body)
	}
}

// pour sends an answer that was recorded, and perhaps changed.
func pour(w http.ResponseWriter, r *http.Request, from *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), from.Header())
	if r.Method != http.MethodHead && w.Header().Get("Content-Length") != "" {
		w.Header().Set("Content-Length", strconv.Itoa(from.Body.Len()))
	}
	w.WriteHeader(from.Code)
	_, _ = w.Write(from.Body.Bytes())
}

// changing is a GitLab whose answers are another's, changed.
func changing(change func(*httptest.ResponseRecorder)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := httptest.NewRecorder()
			next.ServeHTTP(got, r)
			change(got)
			pour(w, r, got)
		})
	}
}

// zipping is a front end that compresses for those who take it.
func zipping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := httptest.NewRecorder()
		next.ServeHTTP(got, r)
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			plain := bytes.Clone(got.Body.Bytes())
			got.Body.Reset()
			zip := gzip.NewWriter(got.Body)
			_, _ = zip.Write(plain)
			_ = zip.Close()
			got.Header().Set("Content-Encoding", "gzip")
		}
		pour(w, r, got)
	})
}

var gzipped = header("Accept-Encoding", "gzip, deflate, br")

// unzipped asks for what the other side has compressed.
func unzipped(direct, through side) string {
	zip, err := gzip.NewReader(bytes.NewReader(direct.last().body))
	if err != nil {
		return err.Error()
	}
	plain, err := io.ReadAll(zip)
	if err != nil || !bytes.Equal(plain, through.last().body) {
		return fmt.Sprintf("%v; body %.200q, want %.200q", err, through.last().body, plain)
	}
	return ""
}
