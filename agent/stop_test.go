package agent

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// deafSensor is stuck in its bus and does not know its context.
type deafSensor struct{ until chan struct{} }

func (s *deafSensor) Observe(_ context.Context, into []Result) ([]Result, error) {
	<-s.until
	return into, nil
}
func (s *deafSensor) Close() error { return nil }

// A sensor that does not stop delays nobody else's stop for long.
func TestStopWithASensorThatDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := &deafSensor{make(chan struct{})}
		good := &countingSensor{fakeSensor: fakeSensor{property: Pulses}}
		rec := &fakeRecorder{streams: make(map[string]*Datastream), last: make(map[string]float64)}
		a := &Agent{Recorder: rec, Log: slog.New(slog.DiscardHandler), Sensors: []SensorConfig{
			{Name: "deaf", Every: time.Hour, Sensor: deaf},
			{Name: "rain", Every: time.Hour, Sensor: good, Streams: []Datastream{{Property: Pulses}}},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { _ = a.Run(ctx); close(stopped) }()
		pass(time.Minute)
		cancel()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		select {
		case <-stopped:
		default:
			t.Error("waits for ever")
		}
		assert.True(t, good.closed)
		assert.Len(t, rec.of("rain/pulses"), 2, "with the last that was counted")
		close(deaf.until)
		synctest.Wait()
	})
}
