package load

import (
	"testing"
	"time"
)

// TestStall stops a member long enough, at that rate, for the kernel's buffers to be full several times over.
func TestStall(t *testing.T) {
	o := StallOptions{
		Members: 4, Publishers: 2, Size: 1024, Rate: 200, Receive: 2048, WarmUp: 50 * time.Millisecond,
		Stop: time.Second, Duration: 1100 * time.Millisecond,
	}
	t.Run("all is kept", func(t *testing.T) {
		t.Parallel()
		r, err := Stall(t.Context(), Target{URL: startTestHub(t, &testHub{})}, o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; !r.Mail.Clean() || s.Received != s.Sent || s.Sent != 230 || s.Gaps+s.Silent+s.Repeated+s.Wrong != 0 || s.CaughtUp <= 0 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("a part is kept", func(t *testing.T) {
		t.Parallel()
		r, err := Stall(t.Context(), Target{URL: startTestHub(t, &testHub{keep: 100})}, o)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Stalled
		if !r.Mail.Clean() || s.Gaps != 1 || s.Received+s.Gone != s.Sent || s.Silent+s.Repeated+s.Wrong != 0 || s.Kept < 100 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("a part is lost in silence", func(t *testing.T) {
		t.Parallel()
		hub := &testHub{fault: func(_ string, member, n int) fault {
			if member == 4 && n >= 100 && n < 110 {
				return lose
			}
			return deliver
		}}
		r, err := Stall(t.Context(), Target{URL: startTestHub(t, hub)}, o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; s.Silent != 10 || s.Received != s.Sent-10 {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
	t.Run("never reads again", func(t *testing.T) {
		t.Parallel()
		o := o
		o.Duration = 200 * time.Millisecond
		r, err := Stall(t.Context(), Target{URL: startTestHub(t, &testHub{keep: 100})}, o)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Stalled; !r.Mail.Clean() || s.Received >= s.Sent {
			t.Errorf("%s; stalled: %+v", r.Mail, s)
		}
	})
}
