// Package policy says who may call what on which projects, by the rules of a file. It
// knows nothing of gRPC or HTTP, nor how callers prove who they are.
//
//	version: 1
//	read_only: false               # optional; true denies all writes, whatever the rules
//	rules:
//	  - name: deployers            # unique; a denial names it
//	    callers: ["uri:spiffe://example.org/deploy/*", "jwt:build-*"]
//	    claims: {ref_protected: true}  # optional; all must match
//	    methods: [read, RetryJob, PlayJob]
//	    projects: ["acme/*", "42"]
//	    effect: allow              # optional; or deny, which wins over every allow
//
// What no rule allows is denied. The order of rules chooses only which one is named.
//
// # Proof
//
// A rule that allows needs proof that it applies; a rule that denies needs proof that it
// does not. A project can be asked for by number or by path, and only GitLab knows which
// number is which path. So a rule that allows by path never allows a number, nor the other
// way round; and a rule that denies by path denies every number, and one that denies by
// number every path, of the callers and methods that it is for. A rule that denies names
// all its projects in the same form. In the same way, a rule that denies by a claim denies
// callers who don't have that claim.
//
// # Callers
//
// A caller can have several names, each with its kind before it: `uri:`, `dns:`, `email:`
// and `ip:` from a client certificate, `jwt:` from a signed token. A rule is for him if one
// of them matches. `all` and `*` are every caller; `jwt:*` is every name of that kind. Names
// are compared exactly, but those of `dns:` without regard to letter case.
//
// # Claims
//
// A condition is a text, a number, true or false, or a list of which one must match. It is
// compared exactly, letter case included, with the claim as text, or with each member of
// one that is a list. True is also the text "true", as GitLab's ID tokens have it.
//
// # Methods
//
// Names of the contract's methods, with or without their service, or `read`, `write` and
// `all`. A write is what the contract does not declare free of side effects.
//
// # Projects
//
// `all` and `*` are every project, and the calls that name none; no other rule allows
// those. A text of digits is a number. All else is a path, compared without regard to
// letter case, as GitLab does. A project that is neither number nor path, in GitLab's
// alphabet, is denied: so are dot segments, percent signs and control characters.
//
// # Patterns
//
// In names, claims and paths `*` stands for any text, also none, within a segment: up to
// the next `/`, or the next `.` in a `dns:` name. As a segment of its own, `**` stands for
// any number of segments: `acme/**/app` also matches `acme/app`; at the end it is one at
// least. A pattern that is only `*` matches everything of its kind.
package policy
