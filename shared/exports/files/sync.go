package files

import "sync"

// syncs make the names in folders durable. Those who ask at once share one call: it is what takes longest with small
// files.
type syncs struct {
	mu      sync.Mutex
	folders map[string]*folderSync
}

type folderSync struct {
	asked int // held by syncs.mu

	mu   sync.Mutex // held over a call
	done int        // all who had asked by then are served
}

// sync returns when the names that were in a folder before the call are durable.
func (s *syncs) sync(folder string) error {
	s.mu.Lock()
	f := s.folders[folder]
	if f == nil {
		f = &folderSync{}
		s.folders[folder] = f
	}
	f.asked++
	ours := f.asked
	s.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done >= ours {
		return nil
	}
	s.mu.Lock()
	all := f.asked
	s.mu.Unlock()
	if err := syncFolder(folder); err != nil {
		return err
	}
	f.done = all
	return nil
}
