package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
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
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update})
}
