// Package admission lets callers in where the gateway holds GitLab's token itself: it finds
// out who calls, by client certificate, signed bearer token or both, and asks the policy
// whether he may. What a caller shows never goes to GitLab, and GitLab's token goes to
// nobody else. docs/adr/0008-service-account.md says why.
//
// Files are read again by Reload. A bad one is refused, and what was loaded stays in use. A
// stream goes on only as long as the caller's own token and the policy let it.
package admission
