package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profileSeconds is how long a CPU profile runs.
const profileSeconds = 3

// profile puts a peer under a row's load, unmeasured, and writes its CPU profile
// to the directory of profiles.
func (b *bench) profile(ctx context.Context, m *measurement, name string) error {
	loadCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		for loadCtx.Err() == nil {
			if _, err := load(loadCtx, m.peer.name, m.work, m.calls, b.callers); err != nil && loadCtx.Err() == nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	path := filepath.Join(b.profiles, name+"-"+m.peer.name+".pprof")
	err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", m.peer.control, profileSeconds), path)
	cancel()
	return errors.Join(err, <-ended)
}

// fetch writes what url answers to a file.
func fetch(ctx context.Context, url, path string) error {
	ctx, cancel := context.WithTimeout(ctx, (profileSeconds+10)*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, resp.Body)
	return errors.Join(err, file.Close())
}
