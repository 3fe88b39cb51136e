// Package proof checks the promise of the buffer from outside.
//
// A writer process records, delivers and says what it does, line by line; it is
// killed, or its disk is cut off, or lies. A verifier process opens what is left
// as an agent would, and tells what it finds. [Check] compares the two: what was
// accepted is, for each city, delivered, waiting or in the ledger.
//
// The harnesses are tests with the build tag system: they need Linux and root.
package proof
