// Package platforms lists what a city on the desk can understand.
package platforms

import (
	"fmt"
	"strings"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/ngsild"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/sparkplug"
	"github.com/lamppost-city/lamppost/cmd/city/platforms/thingsboard"
)

// All are the platforms, by the names of the protocols.
var All = []desk.Platform{
	desk.SenML,
	fiware.Platform,
	ngsild.Platform,
	sensorthings.Platform,
	sparkplug.Platform,
	thingsboard.Platform,
}

// Find returns a platform by its name.
func Find(name string) (desk.Platform, error) {
	var names []string
	for _, p := range All {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return desk.Platform{}, fmt.Errorf("unknown protocol %q: want %s", name, strings.Join(names, ", "))
}
