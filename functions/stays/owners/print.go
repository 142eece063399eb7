package owners

import (
	"net/http"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
)

// A yearView is a year of a cottage on one page.
type yearView struct {
	Year          int
	Before, After string
	Months        []yearMonth
}

type yearMonth struct {
	Name string
	Grid *grid
}

// year shows a year of a cottage, to be printed.
func (f *function) year(w http.ResponseWriter, v *visit) error {
	u, err := v.unit(v.PathValue("unit"))
	if err != nil {
		return err
	}
	year, err := strconv.Atoi(v.URL.Query().Get("year"))
	const first, last = 1901, 9998
	if err != nil || year < first || year > last {
		year = v.today.Time().Year()
	}
	at := func(year int) string { return unitPath(u.Unit) + "/print?year=" + strconv.Itoa(year) }
	body := &yearView{Year: year, Before: at(year - 1), After: at(year + 1)}
	const margin = 6 // days of neighbours in the first and the last week
	days := stays.Range{From: stays.Date(year, time.January, 1) - margin, To: stays.Date(year+1, time.January, 1) + margin}
	holds, err := f.Ledger.Holds(v.Context(), u.Unit, days)
	if err != nil {
		return err
	}
	for m := time.January; m <= time.December; m++ {
		day := stays.Date(year, m, 1)
		body.Months = append(body.Months, yearMonth{v.dates.MonthName(day), v.monthGrid(u, holds, day, stays.Range{})})
	}
	p := v.page("nav.print")
	p.Unit, p.Heading, p.Body = &u, u.Called()+" "+strconv.Itoa(year), body
	return f.send(w, http.StatusOK, "print", p)
}
