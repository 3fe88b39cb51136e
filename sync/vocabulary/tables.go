package vocabulary

import "github.com/lamppost-city/lamppost/agent"

// Where definitions stand: the CF standard names in the NERC vocabulary server,
// and QUDT's kinds of quantities.
const (
	cf   = "http://vocab.nerc.ac.uk/standard_name/"
	qudt = "http://qudt.org/vocab/quantitykind/"
)

// byName holds what is said of a property by its name.
var byName = index(
	term(agent.AirTemperature, "Air temperature", cf+"air_temperature", "temperature").in(WeatherObserved, "temperature"),
	term(agent.RelativeHumidity, "Relative humidity", cf+"relative_humidity", "humidity").in(WeatherObserved, "relativeHumidity").scaled(0.01),
	term(agent.AtmosphericPressure, "Atmospheric pressure", cf+"air_pressure", "atmosphericPressure").in(WeatherObserved, "atmosphericPressure"),
	term(agent.DewPoint, "Dew point", cf+"dew_point_temperature", "temperature").in(WeatherObserved, "dewPoint"),
	term(agent.SeaLevelPressure, "Pressure at sea level", cf+"air_pressure_at_mean_sea_level", "atmosphericPressure"),
	term(agent.PartTemperature, "Temperature of a part", qudt+"Temperature", "temperature"),
	term(agent.SurfaceTemperature, "Temperature of a surface", cf+"surface_temperature", "temperature"),
	term(agent.ProbeTemperature, "Temperature of a probe", qudt+"Temperature", "temperature"),
	term(agent.WaterTemperature, "Water temperature", qudt+"Temperature", "temperature"),
	term(agent.WaterPressure, "Pressure under water", qudt+"Pressure", "pressure"),
	term(agent.MagneticX, "Magnetic flux density in x", qudt+"MagneticFluxDensity", ""),
	term(agent.MagneticY, "Magnetic flux density in y", qudt+"MagneticFluxDensity", ""),
	term(agent.MagneticZ, "Magnetic flux density in z", qudt+"MagneticFluxDensity", ""),
	term(agent.AccelerationX, "Acceleration in x", qudt+"Acceleration", ""),
	term(agent.AccelerationY, "Acceleration in y", qudt+"Acceleration", ""),
	term(agent.AccelerationZ, "Acceleration in z", qudt+"Acceleration", ""),
	term(agent.Tilt, "Tilt", qudt+"PlaneAngle", ""),
	term(agent.Vibration, "Vibration", qudt+"Acceleration", ""),
	term(agent.CarbonDioxide, "Carbon dioxide", cf+"mole_fraction_of_carbon_dioxide_in_air", "airPollution").in(AirQualityObserved, "co2"),
	term(agent.PM1, "Particulate matter up to 1 µm", cf+"mass_concentration_of_pm1_ambient_aerosol_particles_in_air", "airPollution").in(AirQualityObserved, "pm1"),
	term(agent.PM25, "Particulate matter up to 2.5 µm", cf+"mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air", "airPollution").in(AirQualityObserved, "pm25"),
	term(agent.PM4, "Particulate matter up to 4 µm", qudt+"MassConcentration", "airPollution").in(AirQualityObserved, "pm4"),
	term(agent.PM10, "Particulate matter up to 10 µm", cf+"mass_concentration_of_pm10_ambient_aerosol_particles_in_air", "airPollution").in(AirQualityObserved, "pm10"),
	term(agent.Particles05, "Number of particles up to 0.5 µm", qudt+"NumberDensity", "airPollution"),
	term(agent.Particles1, "Number of particles up to 1 µm", qudt+"NumberDensity", "airPollution"),
	term(agent.Particles25, "Number of particles up to 2.5 µm", qudt+"NumberDensity", "airPollution"),
	term(agent.Particles4, "Number of particles up to 4 µm", qudt+"NumberDensity", "airPollution"),
	term(agent.Particles10, "Number of particles up to 10 µm", qudt+"NumberDensity", "airPollution"),
	term(agent.TypicalParticleSize, "Typical particle size", qudt+"Diameter", "airPollution"),
	term(agent.VOCIndex, "VOC index", qudt+"DimensionlessRatio", "airPollution"),
	term(agent.NOxIndex, "NOx index", qudt+"DimensionlessRatio", "airPollution"),
	term(agent.VOCRaw, "Signal of a VOC sensor", qudt+"Dimensionless", "airPollution"),
	term(agent.NOxRaw, "Signal of a NOx sensor", qudt+"Dimensionless", "airPollution"),
	term(agent.VolatileOrganicCompounds, "Volatile organic compounds", qudt+"DimensionlessRatio", "airPollution").in(AirQualityObserved, "volatileOrganicCompoundsTotal"),
	term(agent.CarbonDioxideEquivalent, "Carbon dioxide equivalent of a gas sensor", qudt+"DimensionlessRatio", "airPollution"),
	term(agent.AirQualityIndexUBA, "Air quality index of the UBA", qudt+"DimensionlessRatio", "airPollution"),
	term(agent.Formaldehyde, "Formaldehyde", cf+"mole_fraction_of_formaldehyde_in_air", "airPollution"),
	term(agent.CarbonMonoxide, "Carbon monoxide", cf+"mole_fraction_of_carbon_monoxide_in_air", "airPollution").in(AirQualityObserved, "co"),
	term(agent.HydrogenSulfide, "Hydrogen sulfide", qudt+"DimensionlessRatio", "airPollution").in(AirQualityObserved, "sh2"),
	term(agent.NitrogenDioxide, "Nitrogen dioxide", cf+"mole_fraction_of_nitrogen_dioxide_in_air", "airPollution").in(AirQualityObserved, "no2"),
	term(agent.NitrogenMonoxide, "Nitrogen monoxide", cf+"mole_fraction_of_nitrogen_monoxide_in_air", "airPollution").in(AirQualityObserved, "no"),
	term(agent.SulfurDioxide, "Sulfur dioxide", cf+"mole_fraction_of_sulfur_dioxide_in_air", "airPollution").in(AirQualityObserved, "so2"),
	term(agent.OxidizingGases, "Ozone and nitrogen dioxide", qudt+"DimensionlessRatio", "airPollution"),
	// NoiseLevelObserved asks for both ends of the span: an observation has one.
	term(agent.LAeq, "Equivalent sound level, A-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.LAmax, "Highest sound level, A-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.LAmin, "Lowest sound level, A-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.LCeq, "Equivalent sound level, C-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.LCmax, "Highest sound level, C-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.LCmin, "Lowest sound level, C-weighted", qudt+"SoundPressureLevel", "noiseLevel"),
	term(agent.GasResistance, "Resistance of a gas sensor", qudt+"Resistance", "airPollution"),
	term(agent.Open, "Open", qudt+"Dimensionless", "gateOpening"),
	term(agent.InputA0, "Input A0", qudt+"Dimensionless", ""),
	term(agent.InputA1, "Input A1", qudt+"Dimensionless", ""),
	term(agent.InputA2, "Input A2", qudt+"Dimensionless", ""),
	term(agent.InputA3, "Input A3", qudt+"Dimensionless", ""),
	term(agent.InputA4, "Input A4", qudt+"Dimensionless", ""),
	term(agent.InputA5, "Input A5", qudt+"Dimensionless", ""),
	term(agent.InputA6, "Input A6", qudt+"Dimensionless", ""),
	term(agent.InputA7, "Input A7", qudt+"Dimensionless", ""),
	term(agent.InputB0, "Input B0", qudt+"Dimensionless", ""),
	term(agent.InputB1, "Input B1", qudt+"Dimensionless", ""),
	term(agent.InputB2, "Input B2", qudt+"Dimensionless", ""),
	term(agent.InputB3, "Input B3", qudt+"Dimensionless", ""),
	term(agent.InputB4, "Input B4", qudt+"Dimensionless", ""),
	term(agent.InputB5, "Input B5", qudt+"Dimensionless", ""),
	term(agent.InputB6, "Input B6", qudt+"Dimensionless", ""),
	term(agent.InputB7, "Input B7", qudt+"Dimensionless", ""),
	term(agent.InputP0, "Input P0", qudt+"Dimensionless", ""),
	term(agent.InputP1, "Input P1", qudt+"Dimensionless", ""),
	term(agent.InputP2, "Input P2", qudt+"Dimensionless", ""),
	term(agent.InputP3, "Input P3", qudt+"Dimensionless", ""),
	term(agent.InputP4, "Input P4", qudt+"Dimensionless", ""),
	term(agent.InputP5, "Input P5", qudt+"Dimensionless", ""),
	term(agent.InputP6, "Input P6", qudt+"Dimensionless", ""),
	term(agent.InputP7, "Input P7", qudt+"Dimensionless", ""),
	term(agent.Pulses, "Pulses", qudt+"Count", ""),
	term(agent.PulseRate, "Rate of pulses", qudt+"Frequency", ""),
	term(agent.Quantity, "Quantity", qudt+"Quantity", ""),
	term(agent.PH, "pH of water", qudt+"PH", "pH"),
	term(agent.ElectricalConductivity, "Electrical conductivity of water", qudt+"ElectricConductivity", "conductivity"),
	term(agent.DissolvedOxygen, "Oxygen dissolved in water", qudt+"MassConcentration", "waterPollution"),
	term(agent.RedoxPotential, "Redox potential of water", qudt+"ElectricPotential", "orp"),
	term(agent.FlowRate, "Flow of water", qudt+"VolumeFlowRate", "waterFlow"),
	term(agent.Illuminance, "Illuminance", qudt+"Illuminance", "light").in(WeatherObserved, "illuminance"),
	term(agent.UVIndex, "UV index", cf+"ultraviolet_index", "solarRadiation"),
	term(agent.Voltage, "Voltage", qudt+"Voltage", "power"),
	term(agent.Voltage0, "Voltage of input 0", qudt+"Voltage", "power"),
	term(agent.Voltage1, "Voltage of input 1", qudt+"Voltage", "power"),
	term(agent.Voltage2, "Voltage of input 2", qudt+"Voltage", "power"),
	term(agent.Voltage3, "Voltage of input 3", qudt+"Voltage", "power"),
	term(agent.Current, "Electric current", qudt+"ElectricCurrent", "power"),
	term(agent.Power, "Electric power", qudt+"ElectricPower", "power"),
	term(agent.Energy, "Electric energy", qudt+"Energy", "energy"),
	term(agent.Charge, "Electric charge", qudt+"ElectricCharge", "power"),
	term(agent.Current1, "Electric current of channel 1", qudt+"ElectricCurrent", "power"),
	term(agent.Current2, "Electric current of channel 2", qudt+"ElectricCurrent", "power"),
	term(agent.Current3, "Electric current of channel 3", qudt+"ElectricCurrent", "power"),
	term(agent.Power1, "Electric power of channel 1", qudt+"ElectricPower", "power"),
	term(agent.Power2, "Electric power of channel 2", qudt+"ElectricPower", "power"),
	term(agent.Power3, "Electric power of channel 3", qudt+"ElectricPower", "power"),
	term(agent.Distance, "Distance", qudt+"Distance", ""),
	term(agent.Latitude, "Latitude", cf+"latitude", "location"),
	term(agent.Longitude, "Longitude", cf+"longitude", "location"),
	term(agent.Altitude, "Altitude above the sea", cf+"altitude", "location"),
	term(agent.HDOP, "Horizontal dilution of precision", qudt+"DimensionlessRatio", ""),
	term(agent.Satellites, "Satellites in use", qudt+"Count", ""),
	term(agent.BatteryLevel, "Battery level", qudt+"DimensionlessRatio", "batteryLife"),
	term(agent.ClockStopped, "Clock stopped", qudt+"Dimensionless", ""),
	term(agent.UnderVoltage, "Supply too weak", qudt+"Dimensionless", ""),
	term(agent.FreeDisk, "Free disk space", qudt+"InformationEntropy", ""),
	term(agent.FreeMemory, "Available memory", qudt+"InformationEntropy", ""),
	term(agent.Load, "Load of the gateway", qudt+"Dimensionless", ""),
	term(agent.SensorState, "State of a sensor", qudt+"Dimensionless", ""),
)

func term(p agent.Property, title, definition, controlled string) Term {
	return Term{Property: p, Title: title, Definition: definition, Controlled: controlled}
}

func (t Term) in(model, attribute string) Term {
	t.Model, t.Attribute = model, attribute
	return t
}

func (t Term) scaled(by float64) Term {
	t.Scale = by
	return t
}

func index(terms ...Term) map[string]Term {
	all := make(map[string]Term, len(terms))
	for _, t := range terms {
		all[t.Property.Name] = t
	}
	return all
}

// units holds the units by their UCUM codes.
var units = func() map[string]Unit {
	all := make(map[string]Unit)
	for _, u := range []Unit{
		{"1", "one", "", "C62", "/"},
		{"%", "percent", "%", "P1", "%"},
		{"[ppm]", "parts per million", "ppm", "59", "ppm"},
		{"[ppb]", "parts per billion", "ppb", "61", "ppb"},
		{"Cel", "degree Celsius", "°C", "CEL", "Cel"},
		{"K", "kelvin", "K", "KEL", "K"},
		{"Pa", "pascal", "Pa", "PAL", "Pa"},
		{"hPa", "hectopascal", "hPa", "A97", "hPa"},
		{"bar", "bar", "bar", "BAR", "bar"},
		{"lx", "lux", "lx", "LUX", "lx"},
		{"dB", "decibel", "dB", "2N", "dB"},
		{"ug/m3", "microgram per cubic metre", "µg/m³", "GQ", "ug/m3"},
		{"mg/m3", "milligram per cubic metre", "mg/m³", "GP", "mg/m3"},
		{"/cm3", "reciprocal cubic centimetre", "1/cm³", "H50", "/cm3"},
		{"um", "micrometre", "µm", "4H", "um"},
		{"mm", "millimetre", "mm", "MMT", "mm"},
		{"cm", "centimetre", "cm", "CMT", "cm"},
		{"m", "metre", "m", "MTR", "m"},
		{"km", "kilometre", "km", "KMT", "km"},
		{"m/s", "metre per second", "m/s", "MTS", "m/s"},
		{"km/h", "kilometre per hour", "km/h", "KMH", "km/h"},
		{"m/s2", "metre per second squared", "m/s²", "MSK", "m/s2"},
		{"deg", "degree", "°", "DD", "deg"},
		{"m3", "cubic metre", "m³", "MTQ", "m3"},
		{"L", "litre", "l", "LTR", "l"},
		{"L/min", "litre per minute", "l/min", "L2", "L/min"},
		{"mg/L", "milligram per litre", "mg/l", "M1", "mg/L"},
		{"m3/h", "cubic metre per hour", "m³/h", "MQH", "m3/h"},
		{"g", "gram", "g", "GRM", "g"},
		{"kg", "kilogram", "kg", "KGM", "kg"},
		{"mV", "millivolt", "mV", "2Z", "mV"},
		{"V", "volt", "V", "VLT", "V"},
		{"mA", "milliampere", "mA", "4K", "mA"},
		{"A", "ampere", "A", "AMP", "A"},
		{"W", "watt", "W", "WTT", "W"},
		{"kW", "kilowatt", "kW", "KWT", "kW"},
		{"W.h", "watt hour", "Wh", "WHR", "Wh"},
		{"kW.h", "kilowatt hour", "kWh", "KWH", "kWh"},
		{"A.h", "ampere hour", "Ah", "AMH", "Ah"},
		{"W/m2", "watt per square metre", "W/m²", "D54", "W/m2"},
		{"Ohm", "ohm", "Ω", "OHM", "Ohm"},
		{"By", "byte", "B", "AD", "B"},
		{"uT", "microtesla", "µT", "D81", "uT"},
		{"Hz", "hertz", "Hz", "HTZ", "Hz"},
		{"s", "second", "s", "SEC", "s"},
		{"min", "minute", "min", "MIN", "min"},
		{"h", "hour", "h", "HUR", "h"},
		{"[pH]", "pH", "pH", "Q30", "pH"},
		{"uS/cm", "microsiemens per centimetre", "µS/cm", "G42", "uS/cm"},
		{"mS/cm", "millisiemens per centimetre", "mS/cm", "H61", "mS/cm"},
	} {
		all[u.UCUM] = u
	}
	return all
}()
