package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// change makes a change in PRONOTE, and forgets what was read before it.
func (f *function) change(c *call, do func(ctx context.Context, conn *pronote.Conn) error) error {
	err := f.sessions.with(c, func(ctx context.Context, conn *pronote.Conn) error {
		defer c.live.cache.clear() // also after a failure: it may have been made
		return do(ctx, conn)
	})
	if errors.Is(err, pronote.ErrUnclear) {
		return errors.Join(errUnclear, err)
	}
	if errors.Is(err, pronote.ErrNotReplyable) {
		return &refusal{http.StatusForbidden, "not replyable", err}
	}
	if err != nil {
		return err
	}
	return f.ok(c)
}

// changeState marks a homework as done or not, as done says, else the other way round.
func (f *function) changeState(c *call) error {
	if err := c.params.require("dateFrom", "dateTo", "homeworkId"); err != nil {
		return err
	}
	from, to, err := c.params.span()
	if err != nil {
		return err
	}
	id := c.params.text("homeworkId")
	return f.change(c, func(ctx context.Context, conn *pronote.Conn) error {
		list, err := conn.Homework(ctx, from, to)
		if err != nil {
			return err
		}
		for _, h := range list {
			if h.ID == id {
				return conn.SetDone(ctx, id, c.params.flag("done", !h.Done))
			}
		}
		return pronote.ErrNotFound
	})
}

func (f *function) deleteDiscussion(c *call) error {
	if err := c.params.require("discussionId"); err != nil {
		return err
	}
	return f.change(c, func(ctx context.Context, conn *pronote.Conn) error {
		return conn.Delete(ctx, c.params.text("discussionId"))
	})
}

func (f *function) readState(c *call) error {
	if err := c.params.require("discussionId"); err != nil {
		return err
	}
	return f.change(c, func(ctx context.Context, conn *pronote.Conn) error {
		return conn.ToggleRead(ctx, c.params.text("discussionId"))
	})
}

func (f *function) reply(c *call) error {
	if err := c.params.require("discussionId", "content"); err != nil {
		return err
	}
	return f.change(c, func(ctx context.Context, conn *pronote.Conn) error {
		return conn.Reply(ctx, c.params.text("discussionId"), c.params.text("content"))
	})
}

// noSubject is the subject of a message without one: schools' servers want one, and read French.
const noSubject = "Sans objet"

// mostRecipients is how many people one message may go to.
const mostRecipients = 50

// createDiscussion writes to people of /recipients.
func (f *function) createDiscussion(c *call) error {
	ids := append(c.params.texts("recipients"), c.params.texts("recipientId")...)
	if len(ids) == 0 {
		return errParams{"recipients": "Required parameter 'recipients' not supplied"}
	}
	if err := c.params.require("content"); err != nil {
		return err
	}
	if len(ids) > mostRecipients {
		return errParams{"recipients": "A message goes to at most 50 people"}
	}
	known, err := f.readRecipients(c)
	if err != nil {
		return err
	}
	byID := map[string]school.Recipient{}
	for _, r := range known {
		byID[r.ID] = r
	}
	var to []school.Recipient
	for _, id := range ids {
		r, ok := byID[id]
		if !ok {
			return pronote.ErrNotFound
		}
		delete(byID, id) // once
		to = append(to, r)
	}
	subject := strings.TrimSpace(c.params.text("subject"))
	if subject == "" {
		subject = noSubject
	}
	return f.change(c, func(ctx context.Context, conn *pronote.Conn) error {
		return conn.Create(ctx, subject, c.params.text("content"), to)
	})
}
