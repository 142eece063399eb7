// Package exports holds the rules of the exports bridge: which tables Cegid
// exports, whether a file of one may be handed on to the importer, and what is
// wrong with it otherwise. They are pure: plain values in and out.
package exports

import (
	"slices"
	"strings"
)

// A Kind is what a column's values are.
type Kind int

// The kinds of columns.
const (
	Text Kind = iota
	Integer
	Amount // money and quantities: two decimals
	Moment // a date, with or without a time
)

// A Column is a column of a table.
type Column struct {
	Name     string
	Kind     Kind
	Required bool // in each row
	Optional bool // the column may be missing
}

// A Table is one that the importer knows. Its columns identify it; file names do not.
type Table struct {
	Name    string
	Columns []Column
	// Unique are columns whose values together stand in one row only.
	Unique []string
	// Debit and Credit are columns whose sums agree.
	Debit, Credit string
}

func texts(names ...string) []Column { return columns(Text, names...) }

func columns(kind Kind, names ...string) []Column {
	list := make([]Column, 0, len(names))
	for _, name := range names {
		list = append(list, Column{Name: name, Kind: kind})
	}
	return list
}

func required(list []Column) []Column {
	for i := range list {
		list[i].Required = true
	}
	return list
}

func optional(list []Column) []Column {
	for i := range list {
		list[i].Optional = true
	}
	return list
}

// Tables are the tables that the importer knows.
var Tables = []Table{
	{
		Name:    "HISTOCUMSAL",
		Columns: slices.Concat(required(texts("PHC_SALARIE", "PHC_CUMULPAIE")), columns(Amount, "PHC_MONTANT")),
		Unique:  []string{"PHC_SALARIE", "PHC_CUMULPAIE"},
	},
	{
		Name: "ECRITURE",
		Columns: slices.Concat(columns(Moment, "E_DATECOMPTABLE"), optional(texts("E_JOURNAL")),
			texts("E_REFINTERNE", "E_LIBELLE", "E_GENERAL"),
			columns(Amount, "E_DEBIT", "E_CREDIT"), texts("E_AUXILIAIRE", "E_REFLIBRE")),
		Debit: "E_DEBIT", Credit: "E_CREDIT",
	},
	{
		Name: "ABSENCESALARIE",
		Columns: slices.Concat(texts("PCN_TYPEMVT", "PCN_SALARIE"),
			columns(Integer, "PCN_ORDRE", "PCN_PERIODECP"), texts("PCN_TYPECONGE"),
			optional(texts("PCN_TYPEIMPUTE", "PCN_MVTDUPLIQUE")), texts("PCN_SENSABS", "PCN_LIBELLE"),
			columns(Moment, "PCN_DATEDEBUTABS"), texts("PCN_DEBUTDJ"),
			columns(Moment, "PCN_DATEFINABS"), texts("PCN_FINDJ"),
			columns(Amount, "PCN_JOURS", "PCN_HEURES"), texts("PCN_GUID")),
	},
	{
		Name: "ANALYTIQ",
		Columns: slices.Concat(columns(Moment, "Y_DATECOMPTABLE"), texts("Y_GENERAL", "Y_AXE", "Y_SECTION"),
			columns(Integer, "Y_REFINTERNE"),
			texts("Y_LIBELLE", "Y_NATUREPIECE", "Y_REFEXTERNE", "Y_JOURNAL", "Y_CONTREPARTIEAUX"),
			columns(Amount, "Y_DEBIT", "Y_CREDIT")),
	},
}

// identify returns the table of a header: the one all whose columns that are not optional are there.
func identify(header []string) (Table, bool) {
	for _, t := range Tables {
		if !slices.ContainsFunc(t.Columns, func(c Column) bool { return !c.Optional && !slices.Contains(header, c.Name) }) {
			return t, true
		}
	}
	return Table{}, false
}

// column returns the column of a name.
func (t Table) column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// headerName is a header cell as tables spell it.
func headerName(cell string) string { return strings.ToUpper(strings.TrimSpace(cell)) }
