package stays

// A State is what a unit's calendar is used for.
type State string

// States. Off and Blocked are left out of searches by date: a calendar that nobody keeps says nothing.
const (
	Active  State = "active"  // it is on the cottage's page, and the cottage is found by date
	Search  State = "search"  // the cottage is found by date, its calendar is not shown
	Off     State = "off"     // the owner does not keep it
	Blocked State = "blocked" // its owner has not kept it for long, or the association has closed it
)

// siteStates are what the website's table calls the states, in heb_calendrier_proprio.
var siteStates = map[State]string{
	Active: "actif", Search: "searchactif", Off: "non actif", Blocked: "bloque",
}

// Known reports whether s is one of the four states.
func (s State) Known() bool { return siteStates[s] != "" }

// Site is what the website's table calls a state.
func (s State) Site() string { return siteStates[s] }

// StateOf is a state by the website's name for it; "" for another.
func StateOf(site string) State {
	for s, name := range siteStates {
		if name == site {
			return s
		}
	}
	return ""
}

// Searched reports whether a unit is found by date.
func (s State) Searched() bool { return s == Active || s == Search }

// MayOwnerSet reports whether an owner may take a unit from one state, into which by has put it, to another. Only what
// the association has blocked stays blocked; what was blocked because its owner did not come, he frees by coming.
func MayOwnerSet(was State, by Origin, to State) bool {
	return to.Known() && to != Blocked && (was != Blocked || by != Staff)
}
