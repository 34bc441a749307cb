package follow

import "io"

var (
	_ io.ReadCloser = (*Follower)(nil)
	_ io.WriterTo   = (*Follower)(nil)
)

// Read implements [io.Reader], for those who want a [bufio.Scanner] on the log. It waits
// for bytes as the loop over Bytes does. A reader that stops before the end closes.
func (f *Follower) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := f.next()
	if err != nil {
		return 0, err
	}
	n := copy(p, data)
	f.keep(data[n:])
	return n, nil
}

// WriteTo implements [io.WriterTo]: it writes each piece as it comes, until the log
// ends. An error is either the log's, or that of w as it is. After the latter the
// cursor is that of the last piece written whole, and another WriteTo goes on with the
// rest.
func (f *Follower) WriteTo(w io.Writer) (written int64, err error) {
	defer f.hangUp()
	for {
		data, err := f.next()
		if err == io.EOF { //nolint:errorlint // next's own, unwrapped
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(data)
		written += int64(n)
		f.keep(data[n:])
		if err != nil {
			return written, err
		}
	}
}

// keep is what was left of a piece. The cursor moves when nothing is.
func (f *Follower) keep(rest []byte) {
	if f.rest = rest; len(rest) == 0 {
		f.publish()
	}
}

// Close ends the call to the gateway, if one is open. It returns nil. Reading on after
// it makes a new one.
func (f *Follower) Close() error {
	f.hangUp()
	return nil
}
