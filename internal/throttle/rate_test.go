package throttle

import (
	"fmt"
	"testing"
	"time"
)

// SEC-23: memory for addresses is bounded however many there are, and who keeps coming is not forgotten for that.
func TestRate_RemembersABoundedNumberOfAddresses(t *testing.T) {
	t.Parallel()
	s, now := NewRate(5), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // one at once
	if wait := s.WaitAt("192.0.2.1", now); wait != 0 {
		t.Fatalf("the first: got %s to wait, want none", wait)
	}
	for n := range 3 * remembered {
		s.WaitAt(fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255), now)
		if n%1000 == 0 {
			if wait := s.WaitAt("192.0.2.1", now); wait != 12*time.Second {
				t.Fatalf("after %d others: got %s to wait, want 12s", n, wait)
			}
		}
		if got := len(s.young) + len(s.old); got > remembered {
			t.Fatalf("got %d addresses remembered, want %d at most", got, remembered)
		}
	}
}

// Who has a /48 of IPv6 has 65,536 lines: together they have sixteen lines' worth, and other networks theirs. What is refused counts for neither.
func TestRate_LinesOfOneNetworkDoNotAddUpWithoutEnd(t *testing.T) {
	t.Parallel()
	s, now := NewRate(10), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // two at once of a line
	allowed := 0
	for n := range 200 {
		if s.WaitAt(fmt.Sprintf("2001:db8:5:%x::1", n), now) == 0 {
			allowed++
		}
	}
	if want := 2 * linesNear; allowed != want {
		t.Errorf("of 200 lines of one network %d are let through at once, want %d", allowed, want)
	}
	if got := s.WaitAt("2001:db8:6::1", now); got != 0 {
		t.Errorf("another network: got %s to wait, want none", got)
	}
	if got := s.WaitAt("192.0.2.1", now); got != 0 {
		t.Errorf("an address of IPv4: got %s to wait, want none", got)
	}
	later := now.Add(time.Minute)
	for range 3 {
		s.WaitAt("2001:db8:5:1::1", later)
	}
	allowed = 0
	for n := range 200 {
		if s.WaitAt(fmt.Sprintf("2001:db8:5:%x::1", n+2), later) == 0 {
			allowed++
		}
	}
	if want := 2*linesNear - 2; allowed != want {
		t.Errorf("a minute later, beside a line that asked three times: got %d, want %d", allowed, want)
	}
}

// An IPv6 line has 2^64 addresses: they count as one.
func TestRate_CountsALineAndNotItsAddresses(t *testing.T) {
	t.Parallel()
	s, now := NewRate(10), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // two at once
	for n, c := range []struct {
		address string
		wait    time.Duration
	}{
		{"2001:db8::1", 0},
		{"2001:db8::2", 0},
		{"2001:db8::3", 6 * time.Second},
		{"2001:db8:0:1::1", 0},
		{"192.0.2.1", 0},
		{"::ffff:192.0.2.1", 0},
		{"192.0.2.1", 6 * time.Second},
		{"192.0.2.2", 0},
	} {
		if got := s.WaitAt(c.address, now); got != c.wait {
			t.Errorf("%d, %s: got %s to wait, want %s", n, c.address, got, c.wait)
		}
	}
	if got := s.WaitAt("192.0.2.1", now.Add(6*time.Second)); got != 0 {
		t.Errorf("after the wait: got %s more, want none", got)
	}
}
