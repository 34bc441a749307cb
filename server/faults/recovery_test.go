package faults

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/metadata"
)

// Minimal reproduction: writes are refused for ever once their circuit has opened.
func TestWritesAreTakenAgainAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		g := f.inMemory(t)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "private-token", "x")
		write := func() error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			return ask(ctx, g, "write", 1)
		}
		f.become(refusing)
		for range 20 {
			_ = write()
			time.Sleep(100 * time.Millisecond)
		}
		f.become(healthy)
		time.Sleep(time.Hour)
		if err := ask(ctx, g, "read", 1); err != nil {
			t.Error(err)
		}
		if err := write(); err != nil {
			t.Errorf("an hour after: %v", err)
		}
	})
}
