package buffer

import "fmt"

// look closes and opens the files after a commit error, to see whether the
// commit took place all the same.
func (b *Buffer) look(c *commit, failed error) error {
	b.mu.Lock() // those who read the files hold it too
	found, err := b.store.reopen()
	if err == nil {
		// Whatever was moved on the way is where it is now.
		b.blocks, c.added, c.removed = found.blocks, nil, nil
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("commit: %w (and then: %v)", failed, err)
	}
	if !found.found || found.state.Commit != c.state.Commit {
		return fmt.Errorf("commit: %w", failed)
	}
	// This may have been read from the page cache, which keeps what a failed
	// flush did not write: it is written once more.
	again := &commit{before: found.state, state: c.state, lack: c.lack, first: true, all: c.all}
	err = b.write(again)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if found, lost := b.store.reopen(); lost == nil {
			b.blocks = found.blocks // it may have moved rows before it failed
		}
		return fmt.Errorf("commit: %w (and then: %w)", failed, err)
	}
	b.place(again)
	return nil
}
