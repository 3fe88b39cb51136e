package main

import (
	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/ads1115"
	"github.com/lamppost-city/lamppost/drivers/aht20"
	"github.com/lamppost-city/lamppost/drivers/bh1750"
	"github.com/lamppost-city/lamppost/drivers/bme280"
	"github.com/lamppost-city/lamppost/drivers/bme680"
	"github.com/lamppost-city/lamppost/drivers/bmp180"
	"github.com/lamppost-city/lamppost/drivers/bmp388"
	"github.com/lamppost-city/lamppost/drivers/contact"
	"github.com/lamppost-city/lamppost/drivers/dps310"
	"github.com/lamppost-city/lamppost/drivers/ds3231"
	"github.com/lamppost-city/lamppost/drivers/hdc1080"
	"github.com/lamppost-city/lamppost/drivers/hdc2080"
	"github.com/lamppost-city/lamppost/drivers/ina219"
	"github.com/lamppost-city/lamppost/drivers/ina226"
	"github.com/lamppost-city/lamppost/drivers/ina3221"
	"github.com/lamppost-city/lamppost/drivers/lm75"
	"github.com/lamppost-city/lamppost/drivers/lsm303mag"
	"github.com/lamppost-city/lamppost/drivers/ltr390"
	"github.com/lamppost-city/lamppost/drivers/mcp23017"
	"github.com/lamppost-city/lamppost/drivers/mcp9808"
	"github.com/lamppost-city/lamppost/drivers/mlx90614"
	"github.com/lamppost-city/lamppost/drivers/opt3001"
	"github.com/lamppost-city/lamppost/drivers/pulse"
	"github.com/lamppost-city/lamppost/drivers/sensirion"
	"github.com/lamppost-city/lamppost/drivers/sht2x"
	"github.com/lamppost-city/lamppost/drivers/sht4x"
	"github.com/lamppost-city/lamppost/drivers/thermal"
	"github.com/lamppost-city/lamppost/drivers/tmp117"
	"github.com/lamppost-city/lamppost/drivers/tmp421"
	"github.com/lamppost-city/lamppost/drivers/veml7700"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/ngsild"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/sensorthings"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/lamppost-city/lamppost/sync/thingsboard"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// catalog is all this build can run on, read and report to. What is not listed
// here is not in the binary. The tables in README.md are made from it.
var catalog = config.Catalog{
	Boards: []boards.Board{
		boards.RaspberryPi,
		boards.Linux,
		boards.Sim,
	},
	Drivers: []drivers.Driver{
		ads1115.Driver,
		aht20.Driver,
		bh1750.Driver,
		bme280.BMP280,
		bme280.Driver,
		bme680.Driver,
		bmp180.Driver,
		bmp388.Driver,
		contact.Driver,
		dps310.Driver,
		ds3231.Driver,
		ds3231.DS1307,
		hdc1080.Driver,
		hdc2080.Driver,
		ina219.Driver,
		ina226.Driver,
		ina226.INA260,
		ina3221.Driver,
		lm75.Driver,
		lsm303mag.Driver,
		ltr390.Driver,
		mcp23017.Driver,
		mcp9808.Driver,
		mlx90614.Driver,
		opt3001.Driver,
		pulse.Driver,
		sensirion.HDC302x,
		sht2x.Driver,
		sensirion.SCD30,
		sensirion.SCD4x,
		sensirion.SEN5x,
		sensirion.SHT3x,
		sensirion.SHTC3,
		sensirion.SPS30,
		sht4x.Driver,
		thermal.Driver,
		tmp117.Driver,
		tmp421.Driver,
		veml7700.Driver,
	},
	Protocols: []uplink.Protocol{
		senml.Protocol,
		fiware.Protocol,
		ngsild.Protocol,
		sensorthings.Protocol,
		sparkplug.Protocol,
		thingsboard.Protocol,
	},
}
