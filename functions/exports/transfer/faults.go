package transfer

import (
	"embed"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// Codes of faults, stable for programs.
const (
	codeKey          = "cegid_refused"
	codeSubscription = "cegid_subscription"
	codeCegidSilent  = "cegid_silent"
	codeExpired      = "sas_expired"
	codeNotYet       = "sas_not_yet"
	codeRefused      = "container_refused"
	codeNoContainer  = "container_unknown"
	codeSilent       = "container_silent"
	codeDestination  = "destination"
	codeFiles        = "files"
	codeSettings     = "settings"
	codeOutOfTime    = "out_of_time"
	codeClock        = "clock"
	codeNotRun       = "not_run"
)

//go:embed texts
var textFiles embed.FS

// texts are what codes mean, what a person can do, and the e-mails, by language.
var texts = faults.Load(textFiles, "texts") //nolint:gochecknoglobals // a constant

// rules are which faults errors are; the first that fits.
var rules = []faults.Rule{ //nolint:gochecknoglobals // constants
	{Err: cegid.ErrExpired, Code: codeExpired},
	{Err: cegid.ErrRefused, Code: codeKey},
	{Err: cegid.ErrSubscription, Code: codeSubscription},
	{Err: cegid.ErrNoAnswer, Code: codeCegidSilent},
	{Err: azure.ErrNotYet, Code: codeNotYet},
	{Err: azure.ErrRefused, Code: codeRefused},
	{Err: azure.ErrNoContainer, Code: codeNoContainer},
	{Err: azure.ErrNoAnswer, Code: codeSilent},
	{Err: files.ErrUnusable, Code: codeDestination},
}

// FaultIn is a run's fault in a language, for a page; without one it is as the log has it.
func FaultIn(locale string, fault *faults.Fault) *faults.Fault { return texts.In(locale, fault) }

// fault is what an error means to a person; nil for none.
func fault(err error, src exports.Source) *faults.Fault {
	return texts.Fault(err, rules, faults.Params{"source": src.Name})
}
