// Package nginx proves the configuration beside it with a real nginx: two gateways in front
// of one sandbox, both faces through one port, and the replacement of the gateways under
// load. It holds nothing but tests, which are skipped where nginx is not installed.
//
//	go test -v ./deploy/nginx -rolling.rounds 5   replaces both gateways five times
package nginx
