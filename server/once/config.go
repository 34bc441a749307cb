package once

import "time"

// Config bounds a Store. Each zero is its default.
type Config struct {
	// Window is how long an outcome is remembered, counted from when it was known: an hour
	// by default, which is what Google's APIs promise for the same field. A caller's
	// repeats come within minutes; what is remembered for longer would promise what does
	// not outlive the process.
	Window time.Duration
	// Timeout bounds a run. It must be longer than what bounds a request to GitLab, whose
	// error tells more; 2 minutes by default.
	Timeout time.Duration
	// Reserve is how many bytes are set aside for an outcome before there is one, so that
	// it can be remembered; 16 KiB by default, several times a job. One that takes more is
	// remembered whole if there is room then.
	Reserve int64
	// All bounds what is remembered and under way in all; by default 65,536 and 128 MiB.
	All Bound
	// Each bounds it for one owner; by default 8,192 and 32 MiB.
	Each Bound
	// Strangers bounds it for all owners together of whom no success is remembered, so
	// that one who invents credentials cannot take the room of those that GitLab knows;
	// by default 16,384 and 64 MiB.
	Strangers Bound
}

// Bound is the most of something, or how much there is.
type Bound struct {
	Entries int
	Bytes   int64 // of outcomes, plus entryBytes for each entry
}

// entryBytes is what an entry takes beside its outcome.
const entryBytes = 640

// filled is c with its defaults.
func (c Config) filled() Config {
	if c.Window <= 0 {
		c.Window = time.Hour
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.Reserve <= 0 {
		c.Reserve = 16 << 10
	}
	c.All = c.All.or(Bound{65_536, 128 << 20})
	c.Each = c.Each.or(Bound{8_192, 32 << 20})
	c.Strangers = c.Strangers.or(Bound{16_384, 64 << 20})
	return c
}

func (b Bound) or(other Bound) Bound {
	if b.Entries <= 0 {
		b.Entries = other.Entries
	}
	if b.Bytes <= 0 {
		b.Bytes = other.Bytes
	}
	return b
}
