package retry

// Verdict says whether a call is tried again, and if not, why.
type Verdict int

// Verdicts.
const (
	Again       Verdict = iota // it is
	Tried                      // it was sent Attempts times
	AskedToWait                // the answer asks for a longer wait than MaxAfter
	TooLate                    // the wait would leave less than Enough before the deadline
	NoBudget                   // too many calls fail
	Gone                       // the context has ended
	verdicts
)

var verdictNames = [verdicts]string{"again", "tried", "asked to wait", "too late", "no budget", "gone"}

// String names the verdict.
func (v Verdict) String() string {
	if v < 0 || v >= verdicts {
		return "unknown"
	}
	return verdictNames[v]
}

// Stats is what a Policy did since it was made.
type Stats struct {
	Calls    int64
	Verdicts map[Verdict]int64 // of failed attempts; if the context ends in the wait, Again and Gone
	Budget   float64           // retries that may be made now
}

// Stats tells what the policy did.
func (p *Policy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.pass(&p.cfg, p.now())
	s := Stats{Calls: p.calls, Verdicts: map[Verdict]int64{}, Budget: max(p.budget.left, 0)}
	for v, n := range p.count {
		s.Verdicts[Verdict(v)] = n
	}
	return s
}
