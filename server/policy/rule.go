package policy

// rule is one of a file, checked.
type rule struct {
	name    string
	deny    bool
	methods methodSet
	callers []glob
	claims  []condition
	numbers []string // of projects
	paths   []glob
	every   struct{ callers, projects bool } // all
}

// condition is what a claim must be: any of the patterns.
type condition struct {
	claim    string
	patterns []glob
}

// Policy is a file of rules, ready to decide. It never changes, and is safe for concurrent
// use.
type Policy struct {
	readOnly   bool
	generation uint64
	rules      []rule
	words      int // of a set of the rules
	deny       set
	allow      set
	methods    []set // for each of methods

	callers    index
	anyCaller  set // rules for all callers
	projects   index
	numbers    map[string]posting
	anyProject [3]set // by form: rules for all projects, and those that cannot be compared
	claims     []claimIndex
}

// claimIndex finds the rules whose condition on one claim holds.
type claimIndex struct {
	name   string
	values index
	free   set // rules without a condition on it
	absent set // and those that a caller without the claim cannot be proved to be free of
}

// ReadOnly says whether all writes are denied.
func (p *Policy) ReadOnly() bool { return p.readOnly }

// Len is how many rules there are.
func (p *Policy) Len() int { return len(p.rules) }

// Generation numbers the policies of a [Store], from 1. A stream that was allowed by
// another one is decided anew. It is 0 for a policy without a store.
func (p *Policy) Generation() uint64 { return p.generation }
