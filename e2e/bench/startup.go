package main

import (
	"context"
	"slices"
	"time"
)

const (
	starts    = 5
	idleAfter = 2 * time.Second
)

// startup measures how long the server takes on a migrated database until it is ready, and its memory when nothing happens.
func (b *bench) startup(ctx context.Context, e *engineReport, s *server) error {
	for i := range starts {
		took, err := s.start(ctx, false)
		if err != nil {
			return err
		}
		b.processes = append(b.processes, s.process)
		e.Starts = append(e.Starts, took)
		if i == starts-1 {
			if err := sleepUntil(ctx, time.Now().Add(idleAfter)); err != nil {
				return err
			}
			if e.Idle, err = memory(s.pid(), "VmRSS"); err != nil {
				return err
			}
			if e.IdleOwn, err = memory(s.pid(), "RssAnon"); err != nil {
				return err
			}
		}
		s.end()
	}
	slices.Sort(e.Starts)
	return nil
}
