package rest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// busy is a connection that is slow enough for another exchange to take its memory from
// the pool meanwhile.
type busy struct{ *httptest.ResponseRecorder }

func (w busy) Write(p []byte) (int, error) {
	var others [8]*buffer
	for i := range others {
		others[i] = newBuffer()
		others[i].bytes = append(others[i].bytes[:0], "the answer of another caller, which is no shorter than this one"...)
	}
	return w.ResponseRecorder.Write(p)
}

func TestMemoryIsUsedAgainOnlyAfterTheWrite(t *testing.T) {
	w := busy{httptest.NewRecorder()}
	x := &exchange{face: &Face{}, w: w, r: httptest.NewRequestWithContext(t.Context(), "GET", "/api/v4/job", http.NoBody), status: 200}
	body, err := dialect{}.Marshal(&answered{x, &jobgatev1.PlayJobResponse{Result: &jobgatev1.PlayJobResponse_Job{Job: &jobgatev1.Job{Id: 7}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := string(body)
	if _, err := x.Write(body); err != nil || w.Body.String() != want {
		t.Errorf("wrote %q, want %q", w.Body, want)
	}
}
