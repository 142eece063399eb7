package pronote

// person is PageInfosPerso: the address book's entry (49), or the subscription of the timetable (16).
func (c *call) person() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	a := c.sess.account
	if c.tab == tabTimetable {
		return obj{"iCal": obj{
			"avecICal": true, "paramSuppl": "266f3d32", "liste": list([]obj{{
				"L": "Mon emploi du temps", "G": 0, "paramICal": upperHex(digest([]byte("ical" + p.key))),
				"paramSuppl": "266f3d32",
			}}),
		}}, nil
	}
	phone, prefix, mail := p.phone, "33", p.mail
	if a.parent {
		phone, mail = "600000010", "parent.une@example.org"
	}
	if phone == "" {
		prefix = ""
	}
	security := 0
	if a.pin != "" {
		security = 3
	}
	return obj{
		"Informations": obj{
			"L": a.name, "eMail": mail, "indicatifTel": prefix, "telephonePortable": phone, "telephoneFixe": "",
			"adresse1": "1 rue de l'Exemple", "adresse2": "", "adresse3": "", "adresse4": "", "codePostal": "13000",
			"ville": "VILLE", "province": "", "pays": "FRANCE", "numeroINE": "000000000AA",
		},
		"securisation": obj{"mode": security}, "Autorisations": obj{"messagerie": true},
		"iCal": obj{"avecICal": true, "liste": list(nil)},
	}, nil
}
