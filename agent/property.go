package agent

import "fmt"

// A Property is a quality of the environment that a sensor can observe
// (SensorThings ObservedProperty).
type Property struct {
	Name string // the word used in configuration, topics and datastream names
	Unit string // the unit of every value, as a UCUM code; "1" for a bare number
	Kind Kind
}

// Kind says how to read the value of an observation.
type Kind uint8

// The kinds of result, after the SensorThings observation types. Their numbers
// are stored: they never change.
const (
	Measurement Kind = iota // a quantity, in the property's unit
	Count                   // a whole number of events, a total that goes on over restarts
	Truth                   // 1 for yes, 0 for no
	State                   // an index into the states the property's documentation lists
)

var kindNames = [...]string{"measurement", "count", "truth", "state"}

// String returns the kind's name, for example "count".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// The properties drivers may observe. A driver whose property is missing adds
// it here, so that two drivers never report one property in two units.
var (
	AirTemperature      = Property{"airTemperature", "Cel", Measurement}
	RelativeHumidity    = Property{"relativeHumidity", "%", Measurement}
	AtmosphericPressure = Property{"atmosphericPressure", "hPa", Measurement}
	// DewPoint is the temperature to which the air must cool for dew.
	DewPoint = Property{"dewPoint", "Cel", Measurement}
	// SeaLevelPressure is the atmospheric pressure reduced to sea level.
	SeaLevelPressure = Property{"seaLevelPressure", "hPa", Measurement}
	// PartTemperature is that of a chip or of something a probe touches; it says
	// little about the air.
	PartTemperature = Property{"partTemperature", "Cel", Measurement}
	// SurfaceTemperature is that of what a part looks at from a distance.
	SurfaceTemperature = Property{"surfaceTemperature", "Cel", Measurement}
	// ProbeTemperature is that of the first remote probe of a part.
	ProbeTemperature = Property{"probeTemperature", "Cel", Measurement}
	// WaterTemperature is that of the water around a part.
	WaterTemperature = Property{"waterTemperature", "Cel", Measurement}
	// WaterPressure is the absolute pressure under water: that of the water above a
	// part, about 98 hPa a metre, and of the air above the water.
	WaterPressure = Property{"waterPressure", "hPa", Measurement}
	MagneticX     = Property{"magneticFluxDensityX", "uT", Measurement}
	MagneticY     = Property{"magneticFluxDensityY", "uT", Measurement}
	MagneticZ     = Property{"magneticFluxDensityZ", "uT", Measurement}
	// AccelerationX to AccelerationZ are what a part feels along its axes. At rest
	// that is gravity, which pushes up.
	AccelerationX = Property{"accelerationX", "m/s2", Measurement}
	AccelerationY = Property{"accelerationY", "m/s2", Measurement}
	AccelerationZ = Property{"accelerationZ", "m/s2", Measurement}
	// Tilt is the angle by which something leans.
	Tilt = Property{"tilt", "deg", Measurement}
	// Vibration is the root mean square of the acceleration without its mean.
	Vibration = Property{"vibration", "m/s2", Measurement}
	// CarbonDioxide is the share of the air's volume.
	CarbonDioxide = Property{"carbonDioxide", "[ppm]", Measurement}
	// PM1 to PM10 are the mass of the particles of up to 1, 2.5, 4 and 10 µm.
	PM1  = Property{"pm1", "ug/m3", Measurement}
	PM25 = Property{"pm25", "ug/m3", Measurement}
	PM4  = Property{"pm4", "ug/m3", Measurement}
	PM10 = Property{"pm10", "ug/m3", Measurement}
	// Particles05 to Particles10 are the number of the particles of up to 0.5,
	// 1, 2.5, 4 and 10 µm.
	Particles05 = Property{"particles05", "/cm3", Measurement}
	Particles1  = Property{"particles1", "/cm3", Measurement}
	Particles25 = Property{"particles25", "/cm3", Measurement}
	Particles4  = Property{"particles4", "/cm3", Measurement}
	Particles10 = Property{"particles10", "/cm3", Measurement}
	// TypicalParticleSize is the diameter that most particles are near.
	TypicalParticleSize = Property{"typicalParticleSize", "um", Measurement}
	// VOCIndex and NOxIndex are Sensirion's: 1 to 500, where 100 and 1 stand
	// for the air of the last day.
	VOCIndex = Property{"vocIndex", "1", Measurement}
	NOxIndex = Property{"noxIndex", "1", Measurement}
	// VOCRaw and NOxRaw are the signals of a gas sensor that these are made of.
	VOCRaw = Property{"vocRaw", "1", Measurement}
	NOxRaw = Property{"noxRaw", "1", Measurement}
	// VolatileOrganicCompounds are all of them together, in shares of the air's
	// volume, as a gas sensor tells them by one that it was calibrated with.
	VolatileOrganicCompounds = Property{"volatileOrganicCompounds", "[ppb]", Measurement}
	// CarbonDioxideEquivalent is what a gas sensor that cannot smell carbon
	// dioxide guesses from what people breathe out with it.
	CarbonDioxideEquivalent = Property{"carbonDioxideEquivalent", "[ppm]", Measurement}
	// AirQualityIndexUBA is that of the German environment agency for indoor air by
	// its organic compounds, from 1, excellent, to 5, unhealthy.
	AirQualityIndexUBA = Property{"airQualityIndexUba", "1", Measurement}
	// Formaldehyde is the share of the air's volume.
	Formaldehyde = Property{"formaldehyde", "[ppb]", Measurement}
	// LAeq is the equivalent sound level over the span of the result with the
	// A weighting, the mean of its energy; LAmax and LAmin are the highest and the
	// lowest level of a second in it. LCeq to LCmin have the C weighting.
	LAeq  = Property{"laeq", "dB", Measurement}
	LAmax = Property{"lamax", "dB", Measurement}
	LAmin = Property{"lamin", "dB", Measurement}
	LCeq  = Property{"lceq", "dB", Measurement}
	LCmax = Property{"lcmax", "dB", Measurement}
	LCmin = Property{"lcmin", "dB", Measurement}
	// CarbonMonoxide to OxidizingGases are shares of the air's volume; the last is
	// ozone and nitrogen dioxide together, which one kind of cell cannot tell apart.
	CarbonMonoxide   = Property{"carbonMonoxide", "[ppb]", Measurement}
	HydrogenSulfide  = Property{"hydrogenSulfide", "[ppb]", Measurement}
	NitrogenDioxide  = Property{"nitrogenDioxide", "[ppb]", Measurement}
	NitrogenMonoxide = Property{"nitrogenMonoxide", "[ppb]", Measurement}
	SulfurDioxide    = Property{"sulfurDioxide", "[ppb]", Measurement}
	OxidizingGases   = Property{"oxidizingGases", "[ppb]", Measurement}
	// GasResistance is that of a heated metal oxide. It falls as there is more
	// in the air that burns; parts differ tenfold.
	GasResistance = Property{"gasResistance", "Ohm", Measurement}
	Open          = Property{"open", "1", Truth}
	// InputA0 to InputB7 are 1 while the pin of an expander is active.
	InputA0   = Property{"inputA0", "1", Truth}
	InputA1   = Property{"inputA1", "1", Truth}
	InputA2   = Property{"inputA2", "1", Truth}
	InputA3   = Property{"inputA3", "1", Truth}
	InputA4   = Property{"inputA4", "1", Truth}
	InputA5   = Property{"inputA5", "1", Truth}
	InputA6   = Property{"inputA6", "1", Truth}
	InputA7   = Property{"inputA7", "1", Truth}
	InputB0   = Property{"inputB0", "1", Truth}
	InputB1   = Property{"inputB1", "1", Truth}
	InputB2   = Property{"inputB2", "1", Truth}
	InputB3   = Property{"inputB3", "1", Truth}
	InputB4   = Property{"inputB4", "1", Truth}
	InputB5   = Property{"inputB5", "1", Truth}
	InputB6   = Property{"inputB6", "1", Truth}
	InputB7   = Property{"inputB7", "1", Truth}
	Pulses    = Property{"pulses", "1", Count}
	PulseRate = Property{"pulseRate", "Hz", Measurement}
	// Quantity is what the pulses of a meter stand for: pulses times per_pulse,
	// in the unit of the meter, which the configuration knows.
	Quantity = Property{"quantity", "1", Measurement}
	// InputP0 to InputP7 are those of an expander with one port.
	InputP0 = Property{"inputP0", "1", Truth}
	InputP1 = Property{"inputP1", "1", Truth}
	InputP2 = Property{"inputP2", "1", Truth}
	InputP3 = Property{"inputP3", "1", Truth}
	InputP4 = Property{"inputP4", "1", Truth}
	InputP5 = Property{"inputP5", "1", Truth}
	InputP6 = Property{"inputP6", "1", Truth}
	InputP7 = Property{"inputP7", "1", Truth}
	// PH to FlowRate are of water: its acidity, how well it conducts, the oxygen
	// and the potential of oxidation and reduction in it, and how much flows.
	PH                     = Property{"ph", "[pH]", Measurement}
	ElectricalConductivity = Property{"electricalConductivity", "uS/cm", Measurement}
	DissolvedOxygen        = Property{"dissolvedOxygen", "mg/L", Measurement}
	RedoxPotential         = Property{"redoxPotential", "mV", Measurement}
	FlowRate               = Property{"flowRate", "L/min", Measurement}
	// Illuminance is the light that falls on a plane, as the eye sees it.
	Illuminance = Property{"illuminance", "lx", Measurement}
	// UVIndex is the ultraviolet light that reddens skin, as the WHO counts it.
	UVIndex = Property{"uvIndex", "1", Measurement}
	Voltage = Property{"voltage", "V", Measurement}
	// Voltage0 to Voltage3 are those at the inputs of a part that has several, by
	// the numbers printed beside them.
	Voltage0 = Property{"voltage0", "V", Measurement}
	Voltage1 = Property{"voltage1", "V", Measurement}
	Voltage2 = Property{"voltage2", "V", Measurement}
	Voltage3 = Property{"voltage3", "V", Measurement}
	// Current is an electric current. It is negative when it flows back.
	Current = Property{"current", "A", Measurement}
	// Power is electric power: voltage times current, with the current's sign.
	Power = Property{"power", "W", Measurement}
	// Energy is electric energy that was used or delivered, whole watt hours of it:
	// a total that goes on as that of a meter does.
	Energy = Property{"energy", "W.h", Count}
	// Charge is the electric charge that has flowed since the agent began to
	// observe: less of it once some has flowed back.
	Charge = Property{"charge", "A.h", Measurement}
	// Current1 to Power3 are those of the channels of a part that has several.
	Current1 = Property{"current1", "A", Measurement}
	Current2 = Property{"current2", "A", Measurement}
	Current3 = Property{"current3", "A", Measurement}
	Power1   = Property{"power1", "W", Measurement}
	Power2   = Property{"power2", "W", Measurement}
	Power3   = Property{"power3", "W", Measurement}
	// Distance is that to what a part looks at.
	Distance = Property{"distance", "m", Measurement}
	// Latitude and Longitude are those of the antenna, in WGS 84.
	Latitude  = Property{"latitude", "deg", Measurement}
	Longitude = Property{"longitude", "deg", Measurement}
	// Altitude is the height above the sea, by the geoid that the part knows.
	Altitude = Property{"altitude", "m", Measurement}
	// HDOP is the horizontal dilution of precision of a position: below 2 is good.
	HDOP = Property{"hdop", "1", Measurement}
	// Satellites is how many a position was made with.
	Satellites = Property{"satellites", "1", Measurement}
	// BatteryLevel is how much of its charge a battery has left.
	BatteryLevel = Property{"batteryLevel", "%", Measurement}
	// ClockStopped is 1 when a battery-backed clock lost the time.
	ClockStopped = Property{"clockStopped", "1", Truth}
	// UnderVoltage tells that the supply of the gateway is too weak.
	UnderVoltage = Property{"underVoltage", "1", Truth}
	// FreeDisk and FreeMemory are what the gateway's programs can still take.
	FreeDisk   = Property{"freeDisk", "By", Measurement}
	FreeMemory = Property{"freeMemory", "By", Measurement}
	// Load is how many tasks of the gateway ran or wanted to, on average.
	Load = Property{"load", "1", Measurement}
	// SensorState is the agent's own word on a sensor, see [SensorOK] and on.
	SensorState = Property{"sensorState", "1", State}
)

// The values of [SensorState], which every sensor has as a diagnostic
// datastream: silence is told from loss.
const (
	SensorOK      = 0 // the last attempt gave all it should
	SensorFailing = 1 // the part or its bus answered wrongly
	SensorAbsent  = 2 // nothing answers at its place
)

// SensorStateName returns the word for a value of [SensorState].
func SensorStateName(v int) string {
	switch v {
	case SensorOK:
		return "ok"
	case SensorFailing:
		return "failing"
	case SensorAbsent:
		return "absent"
	}
	return fmt.Sprintf("state %d", v)
}
