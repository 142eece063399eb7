package pronote

import "slices"

// Tabs: values of onglet.
const (
	anyTab         = -1
	tabNews        = 8
	tabTimetable   = 16
	tabPresence    = 19
	tabPerson      = 49
	tabMessages    = 131
	tabGrades      = 198
	tabEvaluations = 201
)

// sign checks a call's Signature: a tab of the function that the account has, and the child of a parent.
func (c *call) sign(signature *obj, tabs []int) error {
	if signature == nil {
		return errRefused
	}
	tab, ok := (*signature)["onglet"].(float64)
	c.tab = int(tab)
	if !ok || !c.sess.account.hasTab(c.tab) || tabs[0] != anyTab && !slices.Contains(tabs, c.tab) {
		return errRefused
	}
	for _, key := range []string{"membre", "ressource"} {
		member := sub(*signature, key)
		if member == nil || number(member, "G") != genrePupil && key == "ressource" {
			continue
		}
		child, err := c.sess.find(kindPupil, text(member, "N"))
		if err != nil || number(member, "G") != genrePupil {
			return errObject
		}
		c.child = child
	}
	_, err := c.chosen()
	return err
}

// chosen is the pupil whose page is asked for: the Signature's, the data's, or the account's first.
func (c *call) chosen() (*pupil, error) {
	key := c.child
	for _, name := range []string{"ressource", "Ressource"} {
		resource := sub(c.data, name)
		if resource == nil || number(resource, "G") != genrePupil {
			continue
		}
		found, err := c.sess.find(kindPupil, text(resource, "N"))
		if err != nil || key != "" && found != key {
			return nil, errObject
		}
		key = found
	}
	for _, p := range c.sess.account.pupils {
		if key == "" || p.key == key {
			return p, nil
		}
	}
	return nil, errObject
}

// navigate is Navigation: a change of tabs, and the sign of life of an open page.
func (c *call) navigate() (any, error) {
	if !c.sess.account.hasTab(number(c.data, "onglet")) {
		return nil, errRefused
	}
	return obj{}, nil
}
