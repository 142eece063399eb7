// Package request reads what requests for days have in common.
package request

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// Unavailable is a 503 for a database that cannot be asked just now, else the error.
func Unavailable(err error) error {
	if errors.Is(err, sqldb.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return web.Unavailable(err)
	}
	return err
}

// Window reads the days from and to, both in it.
func Window(q url.Values) (stays.Range, error) {
	var ends [2]stays.Day
	for i, name := range []string{"from", "to"} {
		day, err := stays.ParseDay(q.Get(name))
		if err != nil {
			return stays.Range{}, web.NewProblem(http.StatusBadRequest,
				fmt.Sprintf("The parameter %s must be a date, YYYY-MM-DD.", name), nil)
		}
		ends[i] = day
	}
	if ends[1] < ends[0] {
		return stays.Range{}, web.NewProblem(http.StatusBadRequest,
			"The parameter to is before from: both are in the range.", nil)
	}
	return stays.Through(ends[0], ends[1]), nil
}
