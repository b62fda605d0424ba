package idp_test

import (
	"testing"
	"time"

	"idp/internal/idp"
)

// FAPI 2.0 Security Profile §5.3.2.1: ten seconds ahead are taken, and more than sixty are not.
func TestClockSkew_IsWithinWhatFAPITakes(t *testing.T) {
	t.Parallel()
	if idp.ClockSkew < 10*time.Second || idp.ClockSkew > time.Minute {
		t.Errorf("got %s, want ten seconds to a minute", idp.ClockSkew)
	}
}
