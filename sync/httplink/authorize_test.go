package httplink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A token that says nothing of its end, or one of an absurd end, is not asked for
// with each request.
func TestLifetime(t *testing.T) {
	for seconds, want := range map[float64]time.Duration{0: unsaid, -1: unsaid, 3600: time.Hour - early, 1e300: longest - early, 5: 5*time.Second - early} {
		assert.Equal(t, want, lifetime(seconds), seconds)
	}
}
