package fiware

import (
	"fmt"
	"strconv"
	"strings"
)

// parseUL reads Ultralight 2.0: groups with # between them, of names and values
// with | between them. A field too many is the time, before them.
func parseUL(payload string) ([]map[string]any, error) {
	if payload == "" {
		return nil, fmt.Errorf("empty payload")
	}
	var all []map[string]any
	for text := range strings.SplitSeq(payload, "#") {
		fields := strings.Split(strings.TrimPrefix(text, "|"), "|")
		group := map[string]any{}
		if len(fields)%2 == 1 {
			group["TimeInstant"] = fields[0]
			fields = fields[1:]
		}
		if len(fields) == 0 {
			return nil, fmt.Errorf("parsing group: %q", text)
		}
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == "" || fields[i+1] == "" {
				return nil, fmt.Errorf("parsing group: %q", text)
			}
			group[fields[i]] = native(fields[i+1])
		}
		all = append(all, group)
	}
	return all, nil
}

// native takes a text that looks like a number for one, as JavaScript does.
func native(s string) any {
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "+-.0123456789eE") == "" {
		return f
	}
	return s
}
