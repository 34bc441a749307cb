package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the processor time that a process and all its threads, ended ones
// too, have used: user and system. It reads the process's own CPU clock, which
// counts nanoseconds where /proc/PID/stat counts ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	// The kernel's encoding of "CPU clock of process pid" (CPUCLOCK_SCHED).
	clock := ^int32(pid)<<3 | 2
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// pids are the numbers of the peer's processes: its own, and those that it has
// started, as nginx does.
func (p *peer) pids() []int { return append([]int{p.cmd.Process.Pid}, p.workers...) }

// sum adds up one figure of all processes.
func sum[N int64 | time.Duration](pids []int, of func(pid int) (N, error)) (total N, err error) {
	for _, pid := range pids {
		n, err := of(pid)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// cpuTime is the processor time that the peer has used.
func (p *peer) cpuTime() (time.Duration, error) { return sum(p.pids(), cpuTime) }

// resetPeak makes the peak of the peer's memory its present memory.
func (p *peer) resetPeak() error {
	for _, pid := range p.pids() {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			return err
		}
	}
	return nil
}

// peakMemory and residentMemory are the peak since resetPeak and the present. Of
// several processes, what they share counts for each.
func (p *peer) peakMemory() (int64, error) {
	return sum(p.pids(), func(pid int) (int64, error) { return statusBytes(pid, "VmHWM:") })
}

func (p *peer) residentMemory() (int64, error) {
	return sum(p.pids(), func(pid int) (int64, error) { return statusBytes(pid, "VmRSS:") })
}

// statusBytes reads a size from /proc/PID/status.
func statusBytes(pid int, key string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) >= 2 && string(fields[0]) == key {
			kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no %s", pid, key)
}
