// Package bridges lists the bridges of one machine.
package bridges

import (
	"github.com/carillon-calendar/carillon/infra/bridges/campus"
	"github.com/carillon-calendar/carillon/infra/bridges/exports"
	"github.com/carillon-calendar/carillon/infra/bridges/rooms"
	"github.com/carillon-calendar/carillon/infra/bridges/school"
	"github.com/carillon-calendar/carillon/infra/bridges/stays"
	"github.com/carillon-calendar/carillon/infra/machine"
)

// All returns the bridges, in the order in which they start and are shown. A new bridge is a line here.
func All() []machine.Bridge {
	return []machine.Bridge{rooms.New(), campus.New(), exports.New(), stays.New(), school.New()}
}
