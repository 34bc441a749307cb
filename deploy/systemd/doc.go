// Package systemd holds the unit beside it to systemd's own checks. It holds nothing but tests.
package systemd
