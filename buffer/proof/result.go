package proof

import (
	"encoding/json"
	"os"
)

// A Result is what a harness found, in a form that can be collected.
type Result struct {
	Name     string             `json:"name"`
	Size     int                `json:"size"`     // how often it was tried
	Lost     int                `json:"lost"`     // broken promises; of a mutant, how many harnesses noticed it
	Duration float64            `json:"duration"` // seconds
	Figures  map[string]float64 `json:"figures,omitempty"`
	Note     string             `json:"note,omitempty"`
}

// Collect returns the result as a line of JSON, and appends it to the file that
// LAMPPOST_PROOF_LOG names, if it does.
func (r Result) Collect() (line string, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	path := os.Getenv("LAMPPOST_PROOF_LOG")
	if path == "" {
		return string(text), nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	if _, err = f.Write(append(text, '\n')); err != nil {
		_ = f.Close() // that error matters
		return "", err
	}
	return string(text), f.Close()
}
