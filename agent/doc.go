// Package agent holds the words of the gateway and the loop that reads sensors.
//
// The words are those of OGC SensorThings (ITU-T Y.4473) and W3C SOSA: a
// [Thing] is the box on the lamp post, a [Sensor] in it gives a [Result] of a
// [Property], and all observations of one property by one sensor form a
// [Datastream]. A [Recorder] turns results into an [Observation] each, with a
// number of its own, and keeps it until every [City] has it.
//
//	part ─ bus ─► driver ─► agent loop ─► buffer ─► uplink ─► protocol ─► city
//	              Result    Observation   Seq       lanes     payload
//
// Everything else in the module depends on this package; this package and
// those below it depend on the standard library only.
package agent
