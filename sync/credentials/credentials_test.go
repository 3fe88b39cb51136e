package credentials

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTLSTime(t *testing.T) {
	now := time.Now()
	assert.Equal(t, now, notBefore(now, now.Add(-time.Hour)))
	assert.Equal(t, now, notBefore(time.Unix(0, 0), now), "a clock that starts in 1970 is not believed")
}
