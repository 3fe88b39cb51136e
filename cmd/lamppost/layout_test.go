package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/lamppost-city/lamppost/"

// layout says which packages a package may import: those of this module by
// their folders, others by the beginning of their paths. The first pattern that
// matches counts. Commands wire everything together and are not listed.
var layout = []struct {
	pattern string
	ours    []string
	others  []string
}{
	{"agent", nil, nil},
	{"agent/agenttest", []string{"agent"}, []string{"github.com/stretchr/testify/"}},
	{"agent/*", []string{"agent"}, nil},
	{"buffer", []string{"agent"}, []string{"go.etcd.io/bbolt", "golang.org/x/sys/", "github.com/klauspost/compress/zstd"}},
	{"buffer/proof/report", []string{"buffer/proof"}, nil},
	{"buffer/proof", []string{"agent", "buffer"}, nil},
	{"buffer/faultdisk", nil, []string{"github.com/hanwen/go-fuse/v2/"}},
	{"drivers", []string{"agent", "drivers/i2cbus", "drivers/gpioline", "drivers/serialline", "drivers/sim"}, nil},
	{"drivers/i2cbus", []string{"agent"}, []string{"periph.io/x/conn/"}},
	{"drivers/gpioline", nil, []string{"periph.io/x/conn/", "github.com/warthog618/go-gpiocdev", "golang.org/x/sys/"}},
	{"drivers/serialline", nil, []string{"golang.org/x/sys/"}},
	{"drivers/sim", []string{"drivers/i2cbus", "drivers/gpioline", "drivers/serialline"}, []string{"periph.io/x/conn/"}},
	{"drivers/drivertest", []string{"agent", "drivers", "drivers/sim"}, []string{"github.com/stretchr/testify/"}},
	{"drivers/*", []string{"agent", "drivers", "drivers/i2cbus", "drivers/gpioline", "drivers/serialline", "drivers/sim"}, []string{"periph.io/x/conn/"}},
	{"sync/uplink", []string{"agent"}, nil},
	{"sync/credentials", []string{"agent/clock"}, nil},
	{"sync/vocabulary", []string{"agent"}, nil},
	{"sync/httplink", []string{"agent", "sync/credentials"}, nil},
	{"sync/mqttlink", []string{"agent", "sync/credentials"}, []string{"github.com/eclipse/paho.mqtt.golang", "golang.org/x/sys/"}},
	{"sync/senml", protocolImports, []string{"github.com/klauspost/compress/"}},
	{"sync/*", protocolImports, nil},
	{"boards", []string{"drivers", "drivers/i2cbus", "drivers/gpioline", "drivers/serialline", "drivers/sim"}, []string{"periph.io/x/"}},
	{"boards/*", nil, nil},
	{"boards/virtualpi/*", nil, nil},
}

// protocolImports is what a protocol is made with.
var protocolImports = []string{"agent", "sync/uplink", "sync/mqttlink", "sync/httplink", "sync/credentials", "sync/vocabulary"}

// onlyIn says which modules belong to one place, commands included.
var onlyIn = map[string][]string{
	"periph.io/":                      {"drivers", "boards", "cmd/lamppost"},
	"go.etcd.io/bbolt":                {"buffer"},
	"github.com/eclipse/paho":         {"sync/mqttlink"},
	"github.com/pelletier/go-toml":    {"cmd/lamppost/config"},
	"github.com/mochi-mqtt":           {"cmd/city"},
	"github.com/fxamacker/cbor":       {"cmd/city"},
	"github.com/warthog618":           {"drivers/gpioline"},
	"github.com/coreos/go-systemd":    {"cmd/lamppost"},
	"github.com/stretchr/testify":     {"agent/agenttest", "drivers/drivertest"},
	"github.com/rogpeppe/go-internal": {},
	"github.com/hanwen/":              {"buffer/faultdisk"},
}

// eachFile calls f for each Go file of the module that is no test.
func eachFile(t *testing.T, f func(pkg, file string, fset *token.FileSet, tree *ast.File)) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		require.NoError(t, err)
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		require.NoError(t, err)
		f(filepath.ToSlash(rel), file, fset, tree)
		return nil
	})
	require.NoError(t, err)
}

// TestLayout keeps the arrows between the packages pointing one way.
func TestLayout(t *testing.T) {
	eachFile(t, func(pkg, _ string, _ *token.FileSet, tree *ast.File) {
		for _, spec := range tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			assert.Truef(t, allowed(pkg, imported), "%s may not import %s", pkg, imported)
			assert.Truef(t, spec.Name == nil || imported == "embed", "%s imports %s under another name", pkg, imported)
			for beginning, places := range onlyIn {
				if strings.HasPrefix(imported, beginning) {
					assert.Truef(t, slices.ContainsFunc(places, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") }),
						"%s imports %s, which belongs to %v", pkg, imported, places)
				}
			}
		}
	})
}

func allowed(pkg, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") || strings.HasPrefix(pkg, "cmd/") {
		return true // the standard library; a command
	}
	for _, rule := range layout {
		if ok, _ := path.Match(rule.pattern, pkg); !ok {
			continue
		}
		if ours, ok := strings.CutPrefix(imported, module); ok {
			return slices.Contains(rule.ours, ours)
		}
		return slices.ContainsFunc(rule.others, func(p string) bool { return strings.HasPrefix(imported, p) })
	}
	return false
}

// Limits of the style guide.
const (
	longestFile     = 300
	longestFunction = 60
)

// TestStyle keeps what the style guide says that a machine can see.
func TestStyle(t *testing.T) {
	eachFile(t, func(pkg, file string, fset *token.FileSet, tree *ast.File) {
		lines := fset.File(tree.Pos()).LineCount()
		assert.LessOrEqualf(t, lines, longestFile, "%s: a file of %d lines asks for a better cut", file, lines)
		for _, decl := range tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				n := fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1
				assert.LessOrEqualf(t, n, longestFunction, "%s: %s has %d lines", file, d.Name.Name, n)
				assert.Falsef(t, d.Name.Name == "init" && d.Recv == nil, "%s: no init functions", file)
				if exportedFunc(d) && !strings.HasPrefix(pkg, "drivers/sim") {
					assert.NotNilf(t, d.Doc, "%s: %s has no doc comment", file, d.Name.Name)
				}
			case *ast.GenDecl:
				undocumented(t, file, d)
			}
		}
	})
}

// exportedFunc tells whether a function or method is to be documented: methods
// of unexported types and those every reader knows are not.
func exportedFunc(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() {
		return false
	}
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

func undocumented(t *testing.T, file string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				assert.Truef(t, d.Doc != nil || s.Doc != nil, "%s: %s has no doc comment", file, s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					assert.Truef(t, d.Doc != nil || s.Doc != nil || s.Comment != nil, "%s: %s has no doc comment", file, name.Name)
				}
			}
		}
	}
}

// TestDecodersAreTried looks in each family of drivers that decodes something for
// a fuzz test, and for a benchmark.
func TestDecodersAreTried(t *testing.T) {
	lines := []string{"drivers/contact", "drivers/pulse"} // they have levels and counts
	families := make(map[string]bool)
	eachFile(t, func(pkg, _ string, _ *token.FileSet, tree *ast.File) {
		ast.Inspect(tree, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && fmt.Sprint(s.X) == "drivers" && s.Sel.Name == "New" && strings.HasPrefix(pkg, "drivers/") {
				families[pkg] = true
			}
			return true
		})
	})
	require.Greater(t, len(families), 30)
	for pkg := range families {
		if slices.Contains(lines, pkg) {
			continue
		}
		tests, err := filepath.Glob(filepath.Join("..", "..", pkg, "*_test.go"))
		require.NoError(t, err)
		var text strings.Builder
		for _, file := range tests {
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			text.Write(b)
		}
		for _, kind := range []string{"func Fuzz", "func Benchmark", "drivertest.Run"} {
			assert.Contains(t, text.String(), kind, pkg)
		}
	}
}
