// Package deploycheck checks what is in deploy/ for Kubernetes and Envoy without either: the
// chart is linted and rendered as Helm does it, every object is read strictly into the types of
// Kubernetes, pods are held against the restricted Pod Security Standard, and Envoy's
// configuration is read strictly and validated by its own rules. It is a module of its own for
// the sake of its dependencies, and holds nothing but tests.
//
//	go test ./...             as make check-deploy does
//	go test ./... -write      renders deploy/kubernetes anew from the chart
package deploycheck
