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

// damage FOLDER turns over a bit of every frame in the journal of a buffer that
// nobody has open, as if the card had lost what was written last.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(ts.MkAbs(args[0]), "journal")
	data, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Contains(data, []byte("LPJ1")) {
		ts.Fatalf("%s: no frame", path)
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(data, []byte("LPJ1"), []byte("LPJ0")), 0o600))
}
