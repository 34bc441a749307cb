package policy

import "strings"

// method is a method of the contract.
type method struct {
	service, name string
	write         bool
	project       bool // whether its request names one
}

// methods are all of the contract.
var methods = []method{
	{"JobService", "ListProjectJobs", false, true},
	{"JobService", "ListPipelineJobs", false, true},
	{"JobService", "GetJob", false, true},
	{"JobService", "GetTokenJob", false, false},
	{"JobService", "CancelJob", true, true},
	{"JobService", "RetryJob", true, true},
	{"JobService", "EraseJob", true, true},
	{"JobService", "PlayJob", true, true},
	{"BridgeService", "ListPipelineBridges", false, true},
	{"AgentService", "GetAllowedAgents", false, false},
	{"TraceService", "ReadTrace", false, true},
}

// methodNumbers finds a method by its name alone, with its service, or in full.
var methodNumbers = func() map[string]int {
	numbers := map[string]int{}
	for i, m := range methods {
		numbers[m.name] = i
		numbers[m.service+"/"+m.name] = i
		numbers["jobgate.v1."+m.service+"/"+m.name] = i
		numbers["/jobgate.v1."+m.service+"/"+m.name] = i
	}
	return numbers
}()

// IsWrite says whether a method of the contract changes something. What it does not know is
// taken for one that does.
func IsWrite(name string) bool {
	number, ok := methodNumbers[name]
	return !ok || methods[number].write
}

// methodSet has a bit for each of methods.
type methodSet uint32

// methodGroup is the set of a word of the file, 0 if it is none.
func methodGroup(word string) methodSet {
	var set methodSet
	for i, m := range methods {
		if word == "all" || word == "read" && !m.write || word == "write" && m.write {
			set |= 1 << i
		}
	}
	return set
}

// methodWords are all words for methods, for an error.
func methodWords() string {
	words := []string{"read", "write", "all"}
	for _, m := range methods {
		words = append(words, m.name)
	}
	return strings.Join(words, ", ")
}
