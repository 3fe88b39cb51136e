package mqttlink

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxTopic is what the length field of a topic can say. Paho cuts longer ones.
const maxTopic = 65535

// CheckTopic tells what is wrong with a topic that is to be published to.
func CheckTopic(topic string) error {
	switch {
	case topic == "":
		return errors.New("topic is empty")
	case len(topic) > maxTopic:
		return fmt.Errorf("topic of %d bytes: MQTT allows %d", len(topic), maxTopic)
	case strings.ContainsAny(topic, "+#"):
		return fmt.Errorf("topic %q: + and # are wildcards of MQTT", topic)
	case strings.ContainsRune(topic, 0):
		return fmt.Errorf("topic %q: a NUL is not allowed", topic)
	case !utf8.ValidString(topic):
		return fmt.Errorf("topic %q: not UTF-8", topic)
	}
	return nil
}

// checkTopic is CheckTopic without the secret in its error.
func (l *Link) checkTopic(topic string) error {
	if err := CheckTopic(topic); err != nil {
		return errors.New(l.shown(err.Error()))
	}
	return nil
}

// shown is a text as errors show it.
func (l *Link) shown(text string) string {
	if l.options.Secret == "" {
		return text
	}
	return strings.ReplaceAll(text, l.options.Secret, "…")
}
