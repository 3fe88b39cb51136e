package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.etcd.io/bbolt"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lamppost": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(lamppost(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}})
}

var update = flag.Bool("update", false, "write what the stories see into them")

// TestStories runs testdata/*.txtar. Each file is a story: a configuration, the
// commands a person types and what they see.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"damage": damage},
	})
}

// damage FOLDER turns over a bit of the first block in the log of a buffer that
// nobody has open.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(ts.MkAbs(args[0]), "state.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	ts.Check(err)
	var block []byte
	ts.Check(db.View(func(tx *bbolt.Tx) error {
		_, first := tx.Bucket([]byte("log")).Cursor().First()
		block = bytes.Clone(first)
		return nil
	}))
	ts.Check(db.Close())
	data, err := os.ReadFile(path)
	ts.Check(err)
	if len(block) == 0 || !bytes.Contains(data, block) {
		ts.Fatalf("%s: no block", path)
	}
	wrong := bytes.Clone(block)
	wrong[len(wrong)/2] ^= 1
	// All copies: free pages may still have older ones.
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(data, block, wrong), 0o600))
}
