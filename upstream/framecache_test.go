package upstream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func tagged(etag string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {etag}}}
}

func keyNumber(i int) (key frameKey) {
	copy(key[:], fmt.Sprint(i))
	return key
}

// keep makes a frame of an answer, by letting it be seen twice.
func (c *frameCache) keep(i int, etag string, wire []byte) *Frame {
	for range 2 {
		c.admit(keyNumber(i), tagged(etag), wire)
	}
	return c.lookup(keyNumber(i))
}

func TestOnlyWhatIsSeenTwiceIsKept(t *testing.T) {
	c, wire := newFrameCache(1<<20), []byte("wire")
	for i, step := range []struct {
		etag string
		kept bool
	}{
		{`"a"`, false}, {`"a"`, true}, {`"a"`, true}, {`"b"`, false}, {`"a"`, false}, {`"a"`, true}, {"", false}, {`"a"`, false}, {`W/"a"`, false}, {`W/"a"`, true},
	} {
		c.admit(keyNumber(0), tagged(step.etag), wire)
		f := c.lookup(keyNumber(0))
		if (f != nil) != step.kept {
			t.Fatalf("step %d, %s: a frame %v", i, step.etag, f != nil)
		}
		if f != nil && (string(f.wire) != "wire" || &f.wire[0] == &wire[0] || cap(f.wire) != len(f.wire)) {
			t.Errorf("step %d: the frame is no copy of exact size", i)
		}
	}
	if s := c.figures(); s.Entries != 1 || s.Stored != 3 || s.Misses != 10 || s.Evicted != 0 {
		t.Errorf("figures are %+v", s)
	}
}

// A weak ETag may stay while bytes change: the last bytes count.
func TestOtherBytesUnderTheSameETag(t *testing.T) {
	c := newFrameCache(1 << 20)
	first := c.keep(0, `W/"a"`, []byte("one"))
	c.admit(keyNumber(0), tagged(`W/"a"`), []byte("two"))
	if f := c.lookup(keyNumber(0)); string(f.wire) != "two" || string(first.wire) != "one" {
		t.Errorf("kept %q, and before that %q", f.wire, first.wire)
	}
}

func TestUsableETags(t *testing.T) {
	for tag, usable := range map[string]bool{
		`"a"`: true, `W/"a"`: true, `""`: true, `"` + strings.Repeat("x", 254) + `"`: true, "\"\xff\"": true,
		"": false, `a`: false, `"`: false, `w/"a"`: false, `"a"b"`: false, `"a b"`: false, "\"a\x01\"": false, `"` + strings.Repeat("x", 255) + `"`: false,
	} {
		if got := usableETag(tagged(tag)); (got != "") != usable {
			t.Errorf("%q: %q", tag, got)
		}
	}
	for _, control := range []string{"no-store", "max-age=0, No-Store", "private,no-store ", `no-store="x"`} {
		resp := tagged(`"a"`)
		resp.Header["Cache-Control"] = []string{"private", control}
		if usableETag(resp) != "" {
			t.Errorf("%q is stored", control)
		}
	}
	resp := tagged(`"a"`)
	resp.Header["Cache-Control"] = []string{"max-age=0, private, must-revalidate, no-cache"}
	if usableETag(resp) == "" {
		t.Error("GitLab's own answers are not stored")
	}
	if resp.StatusCode = 203; usableETag(resp) != "" {
		t.Error("203 is stored")
	}
	resp = tagged(`"a"`)
	if resp.Header["Etag"] = []string{`"a"`, `"b"`}; usableETag(resp) != "" {
		t.Error("one of two ETags is taken")
	}
}

func TestBoundOfTheCache(t *testing.T) {
	const most = 64 << 10
	c := newFrameCache(most)
	if f := c.keep(0, `"a"`, make([]byte, most/largestShare)); f != nil {
		t.Error("a frame of more than an eighth is kept")
	}
	kept := c.keep(1, `"a"`, make([]byte, 4000))
	for i := 2; i < 40; i++ {
		c.keep(i, `"a"`, make([]byte, 4000))
		if c.lookup(keyNumber(1)) != kept {
			t.Fatalf("what is used went at %d", i)
		}
	}
	s := c.figures()
	if s.Bytes > most || s.Bytes < most-5000 || s.Evicted == 0 || c.lookup(keyNumber(2)) != nil {
		t.Errorf("figures are %+v", s)
	}
	before := s.Bytes
	kept.AttachJSON(make([]byte, 1000))
	kept.AttachJSON(make([]byte, 2000))
	s = c.figures()
	if len(kept.JSON()) != 1000 || s.Bytes > most || s.Bytes > before+1000 {
		t.Errorf("attached %d bytes, figures are %+v", len(kept.JSON()), s)
	}
	counted := kept.entry.size
	c.drop(keyNumber(1))
	if after := c.figures(); after.Bytes != s.Bytes-counted || counted < frameOverhead+5000 {
		t.Errorf("%d bytes are counted of %d", s.Bytes-after.Bytes, counted)
	}
}

func TestAttachedJSON(t *testing.T) {
	const most = 64 << 10
	c := newFrameCache(most)
	f := c.keep(0, `"a"`, []byte("wire"))
	f.AttachJSON(nil)
	f.AttachJSON(make([]byte, most/largestShare))
	if f.JSON() != nil {
		t.Error("more than an eighth is attached")
	}
	f.AttachJSON([]byte("json"))
	c.keep(0, `"b"`, []byte("other"))
	if string(f.JSON()) != "json" {
		t.Error("what was attached went with the cache's interest")
	}
	f = c.keep(0, `"b"`, []byte("other"))
	c.drop(keyNumber(0))
	f.AttachJSON([]byte("json"))
	if f.JSON() != nil || c.figures().Bytes != 0 {
		t.Errorf("attached to a frame that is not kept: %+v", c.figures())
	}
	if f = new(Frame); f.JSON() != nil {
		t.Error("nothing is something")
	}
	f.AttachJSON([]byte("json"))
}

func TestTinyCache(t *testing.T) {
	c := newFrameCache(100)
	if c.keep(0, `"a"`, nil) != nil || c.figures().Entries != 0 {
		t.Errorf("figures are %+v", c.figures())
	}
	if _, err := New("https://gitlab.example.com", WithCache(-1)); err == nil {
		t.Error("a negative bound is taken")
	}
	off := clientOf(t, "https://gitlab.example.com", WithCache(0))
	if off.frames != nil || off.CacheStats() != (CacheStats{}) {
		t.Error("0 is not off")
	}
}

// TestCacheInParallel: whatever is done at the same time, the bound is kept, the sum of
// what is counted is right, and a frame found is that of its key.
func TestCacheInParallel(t *testing.T) {
	const most = 24 << 10
	c := newFrameCache(most)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 3000 {
				i := random.IntN(40)
				wire := []byte(strings.Repeat(fmt.Sprintf("%03d", i), 1+i*20))
				switch random.IntN(6) {
				case 0:
					c.drop(keyNumber(i))
				case 1:
					c.admit(keyNumber(i), tagged(fmt.Sprintf(`"%d"`, random.IntN(3))), wire)
				case 2:
					c.admit(keyNumber(i), tagged(`"0"`), wire)
				default:
					f := c.lookup(keyNumber(i))
					if f == nil {
						continue
					}
					if !bytes.Equal(f.wire, wire) {
						t.Errorf("%d has the bytes of %.3s", i, f.wire)
					}
					f.AttachJSON(slices.Clip([]byte(fmt.Sprintf("%03d", i))))
					if json := f.JSON(); json != nil && string(json) != fmt.Sprintf("%03d", i) {
						t.Errorf("%d has the JSON of %s", i, json)
					}
				}
				if s := c.figures(); s.Bytes > most || s.Bytes < 0 {
					t.Errorf("figures are %+v", s)
				}
			}
		})
	}
	all.Wait()
	sum := int64(0)
	for place := c.recent.Front(); place != nil; place = place.Next() {
		e := place.Value.(*frameEntry)
		sum += e.size
		if e.frame != nil && (e.frame.entry != e || e.size != e.frame.size()+int64(cap(e.frame.JSON()))) {
			t.Errorf("an entry counts %d for %d", e.size, e.frame.size())
		}
	}
	if s := c.figures(); s.Bytes != sum || s.Entries != int64(c.recent.Len()) || s.Evicted == 0 {
		t.Errorf("figures are %+v, the sum is %d of %d", s, sum, c.recent.Len())
	}
}
