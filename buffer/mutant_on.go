//go:build mutant

package buffer

import "os"

var mutant = os.Getenv("LAMPPOST_MUTANT")
