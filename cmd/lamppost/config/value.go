package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// set sets a field to a value of the file.
func set(field reflect.Value, value any) error {
	switch field.Interface().(type) {
	case time.Duration:
		text, ok := value.(string)
		d, err := time.ParseDuration(text)
		if !ok || err != nil {
			return errors.New(`want a duration such as "30s", "5m" or "1h"`)
		}
		field.SetInt(int64(d))
		return nil
	case Size:
		n, err := size(value)
		field.SetInt(n)
		return err
	case []float64:
		return setNumbers(field, value)
	case map[string]any:
		m, ok := value.(map[string]any)
		if !ok {
			return errors.New("want a table")
		}
		field.Set(reflect.ValueOf(m))
		return nil
	case []map[string]any:
		return setTables(field, value)
	}
	return setScalar(field, value)
}

func setScalar(field reflect.Value, value any) error {
	switch kind := field.Kind(); {
	case kind == reflect.String:
		text, ok := value.(string)
		if !ok {
			return errors.New("want a text in quotes")
		}
		field.SetString(text)
	case kind == reflect.Bool:
		b, ok := value.(bool)
		if !ok {
			return errors.New("want true or false")
		}
		field.SetBool(b)
	case field.CanInt():
		n, ok := value.(int64)
		if !ok || field.OverflowInt(n) {
			return errors.New("want a whole number")
		}
		field.SetInt(n)
	case field.CanUint():
		n, ok := value.(int64)
		if !ok || n < 0 || field.OverflowUint(uint64(n)) {
			return errors.New("want a whole number, not negative")
		}
		field.SetUint(uint64(n))
	case field.CanFloat():
		n, err := number(value)
		if err != nil {
			return err
		}
		field.SetFloat(n)
	default:
		return fmt.Errorf("bug: no setting can be a %s", field.Type())
	}
	return nil
}

func number(value any) (float64, error) {
	switch v := value.(type) {
	case int64:
		return float64(v), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	}
	return 0, errors.New("want a number")
}

func setNumbers(field reflect.Value, value any) error {
	list, ok := value.([]any)
	if !ok {
		return errors.New("want a list of numbers")
	}
	var all []float64
	for _, x := range list {
		n, err := number(x)
		if err != nil {
			return errors.New("want a list of numbers")
		}
		all = append(all, n)
	}
	field.Set(reflect.ValueOf(all))
	return nil
}

// setTables takes an array of tables, written with [[ ]] or inline.
func setTables(field reflect.Value, value any) error {
	list, ok := value.([]any)
	if !ok {
		return errors.New("want tables in double brackets")
	}
	var all []map[string]any
	for _, x := range list {
		m, ok := x.(map[string]any)
		if !ok {
			return errors.New("want tables in double brackets")
		}
		all = append(all, m)
	}
	field.Set(reflect.ValueOf(all))
	return nil
}

// units of sizes, as makers of cards use them.
var units = []struct {
	name  string
	bytes int64
}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func size(value any) (int64, error) {
	bad := errors.New(`want a size such as "512MB"`)
	if n, ok := value.(int64); ok && n >= 0 {
		return n, nil
	}
	text, ok := value.(string)
	if !ok {
		return 0, bad
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			return 0, bad
		}
		return n * u.bytes, nil
	}
	return 0, bad
}

// instead suggests what was meant, as the end of a sentence, or lists a few.
func instead(word string, known []string) string {
	known = slices.Clone(known)
	slices.Sort(known)
	best, distance := "", len(word)/2+1
	for _, k := range known {
		if d := editDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) > 0 && len(known) <= 12:
		return "; there is " + strings.Join(known, ", ")
	}
	return ""
}

// editDistance counts the letters to insert, remove or change (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
