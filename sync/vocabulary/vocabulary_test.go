package vocabulary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// properties reads those of package agent from its source: nothing that drivers
// may observe is forgotten here.
func properties(t *testing.T) (all []agent.Property) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "agent", "property.go"), nil, 0)
	require.NoError(t, err)
	kinds := map[string]agent.Kind{"Measurement": agent.Measurement, "Count": agent.Count, "Truth": agent.Truth, "State": agent.State}
	ast.Inspect(tree, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if name, isName := litType(lit); !ok || !isName || name != "Property" {
			return true
		}
		name, err := strconv.Unquote(lit.Elts[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		unit, err := strconv.Unquote(lit.Elts[1].(*ast.BasicLit).Value)
		require.NoError(t, err)
		all = append(all, agent.Property{Name: name, Unit: unit, Kind: kinds[lit.Elts[2].(*ast.Ident).Name]})
		return true
	})
	require.Greater(t, len(all), 20)
	return all
}

func litType(lit *ast.CompositeLit) (string, bool) {
	if lit == nil {
		return "", false
	}
	id, ok := lit.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}

func TestNoPropertyLacksAColumn(t *testing.T) {
	assert.ElementsMatch(t, properties(t), Properties())
	for _, p := range properties(t) {
		term, ok := Of(p)
		if !assert.Truef(t, ok, "%s (%s) has no term", p.Name, p.Unit) {
			continue
		}
		assert.Equal(t, p, term.Property)
		assert.NotEmpty(t, term.Title, p.Name)
		u, err := url.Parse(term.Definition)
		assert.NoErrorf(t, err, p.Name)
		assert.Truef(t, u.Host != "" && u.Path != "", "%s: definition %q", p.Name, term.Definition)
		assert.NotEmpty(t, term.Model, p.Name)
		assert.NotEmpty(t, term.Attribute, p.Name)
		assert.NotZero(t, term.Scale, p.Name)
		assert.NotEmpty(t, term.Unit.CEFACT, p.Name)
		assert.NotEmpty(t, term.Modelled.CEFACT, p.Name)
		assert.NotZero(t, SparkplugType(p.Kind), p.Name)
	}
}

func TestNoUnitLacksAColumn(t *testing.T) {
	codes := make(map[string]string)
	for ucum, u := range units {
		for f := range reflect.TypeFor[Unit]().Fields() {
			if f.Name != "Symbol" {
				assert.NotEmptyf(t, reflect.ValueOf(u).FieldByIndex(f.Index).String(), "%s has no %s", ucum, f.Name)
			}
		}
		assert.Emptyf(t, codes[u.CEFACT], "%s is also %s", u.CEFACT, ucum)
		codes[u.CEFACT] = ucum
	}
}

func TestOf(t *testing.T) {
	humidity, ok := Of(agent.RelativeHumidity)
	require.True(t, ok)
	assert.Equal(t, "%RH", humidity.Unit.SenML)
	assert.Equal(t, "P1", humidity.Unit.CEFACT)
	assert.Equal(t, 0.01, humidity.Scale, "0 to 1 in Smart Data Models")
	assert.Equal(t, "C62", humidity.Modelled.CEFACT)

	rain := agent.Quantity
	rain.Unit = "mm"
	term, ok := Of(rain)
	require.True(t, ok)
	assert.Equal(t, "MMT", term.Unit.CEFACT, "the unit is the configuration's")
	rain.Unit = "bushel"
	_, ok = Of(rain)
	assert.False(t, ok)
	_, ok = Of(agent.Property{Name: "happiness", Unit: "1"})
	assert.False(t, ok)

	highest, ok := Of(agent.Property{Name: "relativeHumidity.max", Unit: "%"})
	require.True(t, ok, "what a window or thinning makes")
	assert.Equal(t, "Relative humidity (max)", highest.Title)
	assert.Equal(t, DeviceMeasurement, highest.Model)
	assert.Equal(t, 1.0, highest.Scale)
	_, ok = Of(agent.Property{Name: "happiness.max", Unit: "1"})
	assert.False(t, ok)

	open, _ := Of(agent.Open)
	assert.Empty(t, open.Unit.SenML)
	assert.EqualValues(t, SparkplugBoolean, SparkplugType(agent.Open.Kind))
}
