// Package prometheus holds alert rules and dashboard to what a gateway really exports. It
// holds nothing but tests.
package prometheus
