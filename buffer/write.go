package buffer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"go.etcd.io/bbolt"
)

// A commit is what one transaction writes.
type commit struct {
	state   state
	streams []*agent.Datastream
	blocks  []blockRef
	data    [][]byte // of the blocks
	gone    []blockRef
	damaged []blockRef // taken out of the log and kept
	notices []agent.Notice
	told    []uint64 // notices that every city has and nobody needs
	refused []Refusal
}

// write does one transaction.
func (d *disk) write(c *commit) error {
	return d.update(func(tx *bbolt.Tx) error {
		if err := c.writeLog(tx.Bucket(bucketLog), tx.Bucket(bucketDamaged)); err != nil {
			return err
		}
		if err := c.writeTables(tx); err != nil {
			return err
		}
		return putJSON(tx.Bucket(bucketState), keyState, c.state)
	})
}

// confirm does a transaction that changes nothing: after it, what the file holds
// is on flash.
func (d *disk) confirm() error {
	return d.update(func(*bbolt.Tx) error { return nil })
}

// update does one transaction. A fault in it ends the process: bbolt would be
// left locked. The next one finds out what the file is worth.
func (d *disk) update(f func(*bbolt.Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	if d.db == nil {
		return d.notOpen()
	}
	return d.db.Update(f)
}

func (c *commit) writeLog(log, damaged *bbolt.Bucket) error {
	log.FillPercent = 0.9 // blocks are appended: nothing comes between them
	for _, ref := range c.gone {
		if err := log.Delete(ref.key()); err != nil {
			return err
		}
	}
	for _, ref := range c.damaged {
		block := log.Get(ref.key())
		if block == nil {
			continue // a commit that seemed to fail has moved it already
		}
		if err := damaged.Put(ref.key(), block); err != nil {
			return err
		}
		if err := log.Delete(ref.key()); err != nil {
			return err
		}
	}
	for i, ref := range c.blocks {
		if err := log.Put(ref.key(), c.data[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *commit) writeTables(tx *bbolt.Tx) error {
	for _, ds := range c.streams {
		if err := putJSON(tx.Bucket(bucketStreams), binary.BigEndian.AppendUint32(nil, ds.ID), ds); err != nil {
			return err
		}
	}
	for _, n := range c.notices {
		if err := putJSON(tx.Bucket(bucketNotices), noticeKey(n.ID), n); err != nil {
			return err
		}
	}
	for _, id := range c.told {
		if err := tx.Bucket(bucketNotices).Delete(noticeKey(id)); err != nil {
			return err
		}
	}
	return c.writeRefused(tx.Bucket(bucketRefused))
}

// refusedRows is how many refused observations are kept for people, in about
// 1 MiB. The ledger has all.
const refusedRows = 5000

func (c *commit) writeRefused(b *bbolt.Bucket) error {
	for _, r := range c.refused {
		if err := putJSON(b, append(binary.BigEndian.AppendUint64(nil, r.Seq), r.City...), r); err != nil {
			return err
		}
	}
	if len(c.refused) == 0 {
		return nil
	}
	for n := b.Stats().KeyN; n > refusedRows; n-- {
		oldest, _ := b.Cursor().First()
		if err := b.Delete(oldest); err != nil {
			return err
		}
	}
	return nil
}

func noticeKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func putJSON(b *bbolt.Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}
