package parity

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// sections are all cases, in the order of docs/parity.md.
var sections = []section{
	section1Paths, section1Params, section1Methods, section2Places, section2Roles, section3, section4, section5,
	section6, section7Reads, section7Writes, sectionFuture, sectionTricks, sectionDifferences,
}

// TestParity plays every case straight and through the gateway.
func TestParity(t *testing.T) {
	t.Parallel()
	playAll(t, gateway)
}

// TestCasesRepeat plays every case straight twice: what differs then is the fault of the case or
// of the sandbox. It also holds each case to what it is named for.
func TestCasesRepeat(t *testing.T) {
	t.Parallel()
	playAll(t, straight)
}

func playAll(t *testing.T, in entrance) {
	t.Helper()
	for _, s := range sections {
		for _, r := range s.rules {
			for i := range r.cases {
				tc := r.cases[i]
				t.Run(tc.id, func(t *testing.T) {
					t.Parallel()
					v := judge(tc, directly(t, tc), play(t, tc, in))
					for _, difference := range v.differences {
						t.Errorf("%s\n%s", r.text, difference)
					}
				})
			}
		}
	}
}

func playBoth(t *testing.T, tc testCase, in entrance) verdict {
	t.Helper()
	return judge(tc, play(t, tc, straight), play(t, tc, in))
}

func judge(tc testCase, direct, through side) verdict {
	v := compare(tc, direct, through, through.gateway)
	v.differences = append(expected(tc, direct), v.differences...)
	return v
}

// played are the cases that were played straight, by id: both tests compare with it.
var played sync.Map

// directly plays a case straight, once.
func directly(t *testing.T, tc testCase) side {
	t.Helper()
	once, _ := played.LoadOrStore(tc.id, sync.OnceValue(func() side { return play(t, tc, straight) }))
	return once.(func() side)()
}

// expected tells where GitLab's last answer is not the one that the case is about.
func expected(tc testCase, direct side) []string {
	last := direct.last()
	if tc.want == anything {
		return nil
	}
	if last.broken != nil {
		if tc.want == nothing {
			return nil
		}
		return []string{fmt.Sprintf("the case is wrong: no answer of GitLab's: %v", last.broken)}
	}
	if last.status != tc.want {
		return []string{fmt.Sprintf("the case is wrong: GitLab's status is %d, not %d: %.300s", last.status, tc.want, last.body)}
	}
	if whole := whole(last); !strings.Contains(whole, tc.text) {
		return []string{fmt.Sprintf("the case is wrong: no %s in %.2000s", tc.text, whole)}
	}
	return nil
}

// whole is an answer as a text, body first.
func whole(one answer) string {
	text := string(one.body) + "\n"
	for name, values := range one.header {
		text += name + ": " + strings.Join(values, ", ") + "\n"
	}
	return text
}
