package campus_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// TestAgree: both sides agree only after a real run that was verified, and where nothing is held back, kept, left out
// or put aside.
func TestAgree(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 12, 6, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		run   campus.Run
		fault *faults.Fault
		want  bool
	}{
		"verified":     {campus.Run{Verified: true}, nil, true},
		"not_verified": {campus.Run{}, nil, false},
		"failed":       {campus.Run{Verified: true}, &faults.Fault{Code: "failed"}, false},
		"dry":          {campus.Run{Verified: true, DryRun: true}, nil, false},
		"held_back":    {campus.Run{Verified: true, HeldBack: 1}, nil, false},
		"kept":         {campus.Run{Verified: true, Kept: 1}, nil, false},
		"left_out":     {campus.Run{Verified: true, StayRemoved: 1}, nil, false},
		"put_aside":    {campus.Run{Verified: true, Unreadable: []string{"NoCours 1"}}, nil, false},
	} {
		run := tt.run
		if run.Finish(tt.fault, now); run.Agree != tt.want || !run.Ended.Equal(now) || run.Fault != tt.fault {
			t.Errorf("%s: %+v, want agree %v", name, run, tt.want)
		}
	}
}

// TestLastSeen: the last reading, whole or not.
func TestLastSeen(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 10, n, 6, 0, 0, 0, time.UTC) }
	for _, tt := range []struct{ read, seen, want time.Time }{
		{day(1), day(2), day(2)},
		{day(2), day(1), day(2)},
		{day(1), time.Time{}, day(1)},
		{time.Time{}, day(1), day(1)},
		{time.Time{}, time.Time{}, time.Time{}},
	} {
		state := campus.State{ReadAt: tt.read, SeenAt: tt.seen}
		if got := state.LastSeen(); !got.Equal(tt.want) {
			t.Errorf("read %s, seen %s: last %s", tt.read, tt.seen, got)
		}
	}
}
