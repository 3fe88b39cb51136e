// Package buffer keeps observations until every city has them.
//
// It is one log with a cursor for each city. An observation is in memory at
// once, for those who send it live; what some city still lacks when its commit
// is due goes to flash, in one transaction with one flush. What every city has
// by then is never written, so that the card rests while the cities are online.
//
// The books (see Stats) are derived from sets of Seqs and never counted twice:
// for each city, accepted = delivered + waiting + ledgered, at every moment.
// FORMAT.md says what is on flash.
package buffer
