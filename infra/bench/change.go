package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	changeRooms = 100
	perSecond   = 20
	changeTime  = 30 * time.Second
)

// change measures the time from a change in the calendar to the new title in
// the Thing: 100 rooms, 20 changes a second, the Arduino limit off.
func change(ctx context.Context) error {
	o, err := startOffice(ctx, changeRooms, 1000)
	if err != nil {
		return err
	}
	defer o.stop()
	for i := range changeRooms {
		room := roomName(i)
		if err := o.clear(ctx, room); err != nil {
			return err
		}
		if err := o.insert(ctx, room, "bench0", "start", time.Now().Add(-time.Hour),
			time.Now().Add(3*time.Hour)); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second)
	lists, listTime, err := o.served(ctx, "sim-googlecal", "get")
	if err != nil {
		return err
	}
	puts, putTime, err := o.served(ctx, "sim-iotcloud", "put")
	if err != nil {
		return err
	}
	took, err := o.change(ctx)
	if err != nil {
		return err
	}
	lists2, listTime2, err := o.served(ctx, "sim-googlecal", "get")
	if err != nil {
		return err
	}
	puts2, putTime2, err := o.served(ctx, "sim-iotcloud", "put")
	if err != nil {
		return err
	}
	changes := len(took)
	list := (listTime2 - listTime) / time.Duration(max(1, lists2-lists))
	put := (putTime2 - putTime) / time.Duration(max(1, puts2-puts))
	outside := list + put // one listing, and the value itself: only the title changed
	slices.Sort(took)
	fmt.Printf("%d changes; calendar to Thing p50 %s, p99 %s, max %s\n", changes, ms(at(took, .5)),
		ms(at(took, .99)), ms(took[len(took)-1]))
	fmt.Printf("outside calls a change: %.2f listings (mean %s), %.2f values (mean %s)\n",
		float64(lists2-lists)/float64(changes), ms(list), float64(puts2-puts)/float64(changes), ms(put))
	fmt.Printf("own part: p50 %s, p99 %s\n", ms(at(took, .5)-outside), ms(at(took, .99)-outside))
	return nil
}

// change renames rooms' meetings in turn and reads in the Things when each title came.
func (o *office) change(ctx context.Context) ([]time.Duration, error) {
	sent := map[string]time.Time{}
	var took []time.Duration
	collect := func() error {
		things, err := o.things(ctx)
		if err != nil {
			return err
		}
		for _, variables := range things {
			now := variables["curevmtg"]
			if title, ok := now.value.(string); ok {
				if began, waiting := sent[title]; waiting {
					took = append(took, now.at.Sub(began))
					delete(sent, title)
				}
			}
		}
		return nil
	}
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	total := int(changeTime.Seconds()) * perSecond
	for n := range total {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		title := fmt.Sprintf("change %d", n)
		sent[title] = time.Now()
		if err := o.call(ctx, http.MethodPatch, o.events(roomName(n%changeRooms))+"/bench0",
			fmt.Sprintf(`{"summary":%q}`, title), nil); err != nil {
			return nil, err
		}
		if n%perSecond == perSecond-1 {
			if err := collect(); err != nil {
				return nil, err
			}
		}
	}
	time.Sleep(2 * time.Second)
	if err := collect(); err != nil {
		return nil, err
	}
	if len(sent) > 0 {
		return nil, errors.New("a change never came to its Thing")
	}
	return took, nil
}

// hour measures how long 100 rooms that all change at one minute take with
// 10 requests a second, against the bound: changed values / limit.
func hour(ctx context.Context) error {
	o, err := startOffice(ctx, changeRooms, 0)
	if err != nil {
		return err
	}
	defer o.stop()
	// Told of the meetings, which are to come, the Things show them as next: four values each.
	start := time.Now().Add(100 * time.Second).Truncate(time.Minute).Add(time.Minute)
	for i := range changeRooms {
		room := roomName(i)
		if err := o.clear(ctx, room); err != nil {
			return err
		}
		if err := o.insert(ctx, room, "bench0", "At the hour", start, start.Add(time.Hour)); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(start.Add(-6 * time.Second)))
	for {
		time.Sleep(2 * time.Second)
		if err := ctx.Err(); err != nil {
			return err
		}
		things, err := o.things(ctx)
		if err != nil {
			continue // the reading meets the limit too
		}
		values, busy, last, lastBusy := 0, 0, time.Time{}, time.Time{}
		complete := true
		for _, variables := range things {
			for name, v := range variables {
				if !v.at.Before(start.Add(-6 * time.Second)) {
					values++
					last = later(last, v.at)
				}
				if name == "busynow" && v.value == 1.0 {
					busy++
					lastBusy = later(lastBusy, v.at)
				}
			}
			complete = complete && variables["nextevtm"].value == "" && variables["curevtm"].value != ""
		}
		if busy < changeRooms || !complete {
			if time.Since(start) > 10*time.Minute {
				return fmt.Errorf("after 10 minutes %d of %d rooms are right", busy, changeRooms)
			}
			continue
		}
		bound := time.Duration(values) * time.Second / 10
		fmt.Printf(
			"%d values of %d rooms at 10 a second: every door has its colour after %.1f s, every text after %.1f s; "+
				"bound %.1f s; ratio %.2f\n",
			values, changeRooms, lastBusy.Sub(start).Seconds(), last.Sub(start).Seconds(), bound.Seconds(),
			last.Sub(start).Seconds()/bound.Seconds())
		return nil
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
