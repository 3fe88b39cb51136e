//go:build !mutant

package buffer

// mutant is no mutant: see mutants.go.
const mutant = ""
