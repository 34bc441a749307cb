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

// resetPeak makes the peak of a process's memory its present memory.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// peakMemory and residentMemory are the peak since resetPeak and the present.
func peakMemory(pid int) (int64, error)     { return statusBytes(pid, "VmHWM:") }
func residentMemory(pid int) (int64, error) { return statusBytes(pid, "VmRSS:") }

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
