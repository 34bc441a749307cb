package once

import "errors"

// maxID is the most bytes of a request id. AIP-155 wants a UUID, which has 36, and callers
// have names of their own for what they do.
const maxID = 128

var errID = errors.New("must be 1 to 128 visible ASCII characters, without spaces")

// CheckID says which rule a request id breaks; nil is none. A space is not allowed, as
// HTTP cuts it off the ends of a header, and one name must be one name on both faces.
func CheckID(id string) error {
	if id == "" || len(id) > maxID {
		return errID
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return errID
		}
	}
	return nil
}
