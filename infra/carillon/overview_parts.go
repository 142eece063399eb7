package main

import (
	"context"
	"strings"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
)

func (b *officeBridge) name() string { return "rooms" }

func (b *officeBridge) parts(ctx context.Context, _ string) ([]partView, error) {
	views, err := b.views(ctx)
	if err != nil {
		return nil, err
	}
	parts := make([]partView, 0, len(views))
	for _, room := range views {
		part := partView{Name: room.Name, State: partOK, SeenAt: room.FetchedAt, TimeZone: room.TimeZone, Detail: strings.Join(room.Faults, " ")}
		switch {
		case !room.Known || room.Thing["busynow"] == nil: // or its Thing has shown nothing yet
			part.State = partUnknown
		case len(room.Faults) > 0:
			part.State = partFault
		case room.Stale:
			part.State, part.Why = partWarning, whyStale
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (b *campusBridge) name() string { return "campus" }

func (b *campusBridge) parts(ctx context.Context, locale string) ([]partView, error) {
	statuses, err := b.statuses(ctx, locale)
	if err != nil {
		return nil, err
	}
	parts := make([]partView, 0, len(statuses))
	for _, s := range statuses {
		part := partView{Name: s.Instance, State: partOK, SeenAt: s.SeenAt, TimeZone: s.TimeZone}
		switch s.Standing {
		case sync.StandingBusy:
			part.State = partBusy
		case sync.StandingNever:
			part.State = partUnknown
		case sync.StandingFailed:
			part.State, part.Detail = partFault, s.Run.Fault.Detail
		case sync.StandingStale:
			part.State, part.Why = partWarning, whyMissed
		case sync.StandingPartial:
			part.State, part.Why = partWarning, whyApart
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (b *exportsBridge) name() string { return "exports" }

func (b *exportsBridge) parts(ctx context.Context, locale string) ([]partView, error) {
	statuses, err := b.statuses(ctx, locale)
	if err != nil {
		return nil, err
	}
	parts := make([]partView, 0, len(statuses))
	for _, s := range statuses {
		part := partView{Name: s.Source, State: partOK, TimeZone: s.TimeZone}
		if len(s.Runs) > 0 {
			part.SeenAt = s.Runs[0].Ended
		}
		switch {
		case s.Busy:
			part.State = partBusy
		case len(s.Runs) == 0:
			part.State = partUnknown
		case s.Runs[0].Fault != nil:
			part.State, part.Detail = partFault, s.Runs[0].Fault.Detail
		case s.Overdue:
			part.State, part.Why = partWarning, whyMissed
		case s.Runs[0].Failed > 0:
			part.State, part.Why, part.Count = partWarning, whyFailed, s.Runs[0].Failed
		case s.Runs[0].Left > 0:
			part.State, part.Why, part.Count = partWarning, whyLeft, s.Runs[0].Left
		case s.Quarantine > 0:
			part.State, part.Why, part.Count = partWarning, whyQuarantine, s.Quarantine
		}
		parts = append(parts, part)
	}
	return parts, nil
}
