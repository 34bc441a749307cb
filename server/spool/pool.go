// Package spool keeps the bytes of logs while any number of readers walk them at their
// own pace. A log is a row of blocks. Blocks are in memory while there is room, then in
// one temporary file, then nowhere: a reader who comes for bytes that are held no longer
// is told which, and whoever fetched them again puts them back.
//
// The package starts no goroutine. Whoever takes more memory than there is makes room
// before going on, if need be by writing a block to the file; readers never wait for
// each other, nor the writer of a log for its readers.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// BlockSize is the size of a block in bytes. It is what is spilled, evicted and restored
// as a whole, and the most that a Page holds.
const BlockSize = 256 << 10

// ErrClosed is returned for a log that was closed, or whose Pool was.
var ErrClosed = errors.New("spool: log is closed")

// Config bounds all logs of a Pool together.
type Config struct {
	// Memory is the bound of bytes in memory. What cannot leave counts but stays, so it
	// can be exceeded: by the last, incomplete block of each log, by blocks that a Page
	// holds, and by a block or two for each call in progress. With Log.Take, what Pages hold
	// stays within it but for 16 KiB each.
	Memory int64
	// Disk is the bound of bytes on disk: at least one block, or 0 for no disk.
	Disk int64
	// Dir is where temporary files are made; "" is os.TempDir.
	Dir string
	// Log hears of failures of the disk: of the first, and each time that there are twice
	// as many. Nil is for none.
	Log *slog.Logger
}

// Pool is the memory and the disk that logs share. It is safe for concurrent use.
type Pool struct {
	cfg     Config
	open    func(dir string) (file, error) // makes the temporary file
	opening sync.Mutex                     // held while open runs
	buffers buffers

	mu      sync.Mutex // guards what follows, and all that logs, blocks and buffers hold
	logs    map[*Log]struct{}
	closed  bool
	memory  int64 // bytes of all buffers in use
	most    int64 // the most of those since Most
	leaving int64 // bytes of those whose blocks are being written to disk
	kept    int64 // bytes of those that Pages keep by Fit
	idle    lru   // complete blocks in memory that nobody holds: those that can leave
	doubled lru   // blocks on disk that are in memory as well
	spilled lru   // blocks on disk only
	file    file  // nil if nothing is on disk
	slots   slots
	count   counters
}

// Stats is what a Pool holds now, and what it did since it was made.
type Stats struct {
	Logs   int   // logs that are open
	Memory int64 // bytes in memory, with the unused room of last blocks
	Disk   int64 // bytes on disk, those that are in memory too among them

	Spilled int64 // blocks written to disk
	Evicted int64 // bytes that neither memory nor disk had room for, or that the disk lost
	Errors  int64 // failures of the disk
	LastErr error // the latest of them
}

type counters struct {
	spilled, evicted, failures int64
	failure                    error
}

// NewPool makes a Pool. It opens nothing until a block has to go to disk; that Dir, if
// named, is a directory is looked up now.
func NewPool(cfg Config) (*Pool, error) {
	switch {
	case cfg.Memory < 0:
		return nil, fmt.Errorf("spool: memory of %d bytes: must not be negative", cfg.Memory)
	case cfg.Disk < 0:
		return nil, fmt.Errorf("spool: disk of %d bytes: must not be negative", cfg.Disk)
	case cfg.Disk > 0 && cfg.Disk < BlockSize:
		return nil, fmt.Errorf("spool: disk of %d bytes: must be at least %d, or 0 for none", cfg.Disk, BlockSize)
	}
	if cfg.Disk > 0 && cfg.Dir != "" {
		info, err := os.Stat(cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("spool: directory: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("spool: directory: %s is not one", cfg.Dir)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Pool{
		cfg:   cfg,
		open:  openUnlinked,
		logs:  map[*Log]struct{}{},
		slots: slots{limit: cfg.Disk / BlockSize},
	}, nil
}

// NewLog makes an empty log, which is to be closed. Of a closed Pool the log is closed.
func (p *Pool) NewLog() *Log {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &Log{pool: p, closed: p.closed}
	if !p.closed {
		p.logs[l] = struct{}{}
	}
	return l
}

// Close closes all logs and the file. Pages that are out stay valid until released.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for l := range p.logs {
		l.close()
	}
	f := p.file
	p.file = nil
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Close()
}

// Stats tells what the Pool holds and did.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Logs:    len(p.logs),
		Memory:  p.memory,
		Disk:    p.slots.used() * BlockSize,
		Spilled: p.count.spilled,
		Evicted: p.count.evicted,
		Errors:  p.count.failures,
		LastErr: p.count.failure,
	}
}

// Most is the most bytes that were in memory at once since it was called before. The
// collector has not seen those go that are used no more: they may be used again.
func (p *Pool) Most() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.most
	p.most = p.memory
	return most
}

// unlock ends what began with the lock. A file that nothing is in any more is closed, so
// that its room on disk is given back.
func (p *Pool) unlock() {
	var empty file
	if p.slots.used() == 0 {
		empty, p.file = p.file, nil
	}
	p.mu.Unlock()
	if empty != nil {
		_ = empty.Close()
	}
}
