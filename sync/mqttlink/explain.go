package mqttlink

import (
	"errors"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/lamppost-city/lamppost/sync/credentials"
)

// explain says in one line why a connection could not be made.
func explain(err error) error {
	if text := sayBroker(err); text != "" {
		return credentials.Say(text, err)
	}
	return credentials.Explain(err, "broker")
}

// sayBroker is about what the broker answered.
func sayBroker(err error) string {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return "the broker refuses username or password; check username and password_file"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker refuses username or password, or this client; check username, password_file and the broker's access list"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refuses the client id; check thing.id"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker is not available; wait, or ask who runs it"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "the broker does not speak MQTT 3.1.1"
	}
	return ""
}
